/** A real Envoy. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findProgram } from '../../../benchmarks/peers/find-program.ts'

export interface EnvoyOptions {
  readonly xdsPort: number
  readonly nodeId: string
  /** Incremental instead of state of the world. */
  readonly isDelta: boolean
}

export class EnvoyProcess implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #folder: string

  constructor(child: ChildProcess, folder: string) {
    this.#child = child
    this.#folder = folder
  }

  log(): string {
    return readFileSync(join(this.#folder, 'log'), 'utf8')
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isRunning) {
      const ended = once(this.#child, 'exit')
      this.#child.kill('SIGKILL')
      await ended
    }
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** One that has nothing but the address of a control plane. Returns before it has asked for anything. */
export function startEnvoy(options: EnvoyOptions): EnvoyProcess {
  return runEnvoy(bootstrap(options))
}

/** Returns before it serves. */
export function runEnvoy(config: object): EnvoyProcess {
  const program = findProgram('envoy')
  if (program === undefined) throw new Error('there is no Envoy: run scripts/setup-interop.sh envoy')
  const folder = mkdtempSync(join(tmpdir(), 'meltemi-envoy-'))
  const file = join(folder, 'envoy.json')
  writeFileSync(file, JSON.stringify(config))
  const log = openSync(join(folder, 'log'), 'a')
  const args = ['-c', file, '--concurrency', '1', '--use-dynamic-base-id', '--log-level', 'warning']
  const child = spawn(program, args, { stdio: ['ignore', log, log] })
  closeSync(log)
  const killWithUs = () => child.kill('SIGKILL')
  process.once('exit', killWithUs)
  child.once('exit', () => process.removeListener('exit', killWithUs))
  return new EnvoyProcess(child, folder)
}

function bootstrap({ xdsPort, nodeId, isDelta }: EnvoyOptions): object {
  const backOff = { retry_back_off: { base_interval: '0.05s', max_interval: '0.2s' } }
  const address = { socket_address: { address: '127.0.0.1', port_value: xdsPort } }
  const overAds = { ads: {}, resource_api_version: 'V3' }
  return {
    node: { id: nodeId, cluster: 'envoy' },
    dynamic_resources: {
      ads_config: {
        api_type: isDelta ? 'DELTA_GRPC' : 'GRPC',
        transport_api_version: 'V3',
        grpc_services: [{ envoy_grpc: { cluster_name: 'xds', retry_policy: backOff } }],
      },
      cds_config: overAds,
      lds_config: overAds,
    },
    static_resources: {
      clusters: [
        {
          name: 'xds',
          type: 'STATIC',
          connect_timeout: '1s',
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
              '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
          load_assignment: {
            cluster_name: 'xds',
            endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }],
          },
        },
      ],
    },
  }
}
