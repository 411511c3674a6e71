/** Runs `meltemi proxy` as its users do, from a configuration file, in front of the peers. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** One listener with a cluster of its own. */
export interface ListenerOptions {
  readonly upstreamPort: number
  readonly multiplexing?: boolean
  /** Only requests with this property, key and value, have a route. */
  readonly match?: readonly [string, string]
  readonly requestTimeout?: string
  readonly onewayMethods?: readonly string[]
  readonly requestMutation?: Readonly<Record<string, string>>
  readonly responseMutation?: Readonly<Record<string, string>>
}

const MAIN = fileURLToPath(new URL('../../../packages/cli/src/main.ts', import.meta.url))
const PROXY_TYPE = 'type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy'
const STRUCT_TYPE = 'type.googleapis.com/google.protobuf.Struct'
const LISTENING = /"listener":"([^"]*)","address":"[^"]*:(\d+)"/

export class Meltemi implements AsyncDisposable {
  /** By name of the listener. */
  readonly #ports: ReadonlyMap<string, number>
  readonly #child: ChildProcess
  readonly #folder: string

  private constructor(child: ChildProcess, ports: ReadonlyMap<string, number>, folder: string) {
    this.#child = child
    this.#ports = ports
    this.#folder = folder
  }

  static async start(listeners: Readonly<Record<string, ListenerOptions>>, codec = 'thrift'): Promise<Meltemi> {
    const folder = mkdtempSync(join(tmpdir(), `meltemi-${codec}-`))
    const file = join(folder, 'proxy.json')
    writeFileSync(file, JSON.stringify(bootstrap(listeners, codec)))
    const options = ['proxy', '-c', file, '--admin-address', '127.0.0.1:0', '--drain-time-s', '0']
    const child = spawn(process.execPath, ['--conditions=meltemi-source', MAIN, ...options], { stdio: 'pipe' })
    const ports = await listeningPorts(child, Object.keys(listeners).length)
    return new Meltemi(child, ports, folder)
  }

  port(listener: string): number {
    const port = this.#ports.get(listener)
    if (port === undefined) throw new Error(`no listener is named ${listener}`)
    return port
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGTERM')
    this.#child.kill('SIGTERM')
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit')
    rmSync(this.#folder, { recursive: true })
  }
}

async function listeningPorts(child: ChildProcess, count: number): Promise<Map<string, number>> {
  const ports = new Map<string, number>()
  const output: string[] = []
  return new Promise((resolve, reject) => {
    for (const stream of [child.stdout!, child.stderr!]) {
      createInterface({ input: stream }).on('line', (line) => {
        output.push(line)
        const found = LISTENING.exec(line)
        if (found !== null) ports.set(found[1] as string, Number(found[2]))
        if (ports.size === count) resolve(ports)
      })
    }
    child.once('exit', () => reject(new Error(`meltemi ended: ${output.join('\n')}`)))
  })
}

function bootstrap(listeners: Readonly<Record<string, ListenerOptions>>, codec: string): object {
  const named = Object.entries(listeners)
  return {
    static_resources: {
      listeners: named.map(([name, options]) => listener(name, options, codec)),
      clusters: named.map(([name, { upstreamPort }]) => ({
        name,
        type: 'STATIC',
        load_assignment: {
          cluster_name: name,
          endpoints: [{ lb_endpoints: [{ endpoint: { address: address(upstreamPort) } }] }],
        },
      })),
    },
  }
}

function listener(name: string, options: ListenerOptions, codec: string): object {
  const { multiplexing = true, match, requestTimeout, onewayMethods } = options
  const { requestMutation = {}, responseMutation = {} } = options
  const metadata = match === undefined ? [] : [{ name: match[0], exact_match: match[1] }]
  const config =
    onewayMethods === undefined ? {} : { config: { '@type': STRUCT_TYPE, value: { oneway_methods: onewayMethods } } }
  const changes = {
    request_mutation: pairsOf(requestMutation),
    response_mutation: pairsOf(responseMutation),
  }
  const typed_config = {
    '@type': PROXY_TYPE,
    stat_prefix: name,
    protocol: { name: codec, codec: { name: `aeraki.meta_protocol.codec.${codec}`, ...config }, multiplexing },
    route_config: { name, routes: [{ name, match: { metadata }, route: { cluster: name }, ...changes }] },
    ...(requestTimeout === undefined ? {} : { request_timeout: requestTimeout }),
  }
  return { name, address: address(0), filter_chains: [{ filters: [{ name: 'meta_protocol_proxy', typed_config }] }] }
}

function pairsOf(map: Readonly<Record<string, string>>): object[] {
  return Object.entries(map).map(([key, value]) => ({ key, value }))
}

function address(port: number): object {
  return { socket_address: { address: '127.0.0.1', port_value: port } }
}
