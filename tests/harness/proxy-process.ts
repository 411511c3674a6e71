/** `meltemi proxy` as a process of its own, from a bootstrap file. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from './free-port.ts'

const CLI = fileURLToPath(new URL('../../packages/cli/src/main.ts', import.meta.url))
const READY_TIMEOUT_MS = 60_000

export interface ProxyProcessOptions {
  /** Registered name of the codec. */
  readonly codec: string
  readonly endpoints: readonly number[]
  readonly multiplexing?: boolean
  /** Further fields of the MetaProtocolProxy, as JSON. */
  readonly filter?: object
  readonly listener?: object
  /** Further listeners, the same but for what is said here. */
  readonly others?: readonly { readonly port: number; readonly cluster: string }[]
  readonly cluster?: object
  /** Besides `service`. */
  readonly clusters?: readonly object[]
  /** Further fields of the bootstrap, as JSON. */
  readonly bootstrap?: object
  /** Further command line arguments. */
  readonly arguments?: readonly string[]
  /** Besides that of this process. */
  readonly environment?: Readonly<Record<string, string>>
  /** Of the admin pages; default: 127.0.0.1. */
  readonly adminHost?: string
}

export class ProxyProcess implements AsyncDisposable {
  readonly child: ChildProcess
  readonly adminPort: number
  readonly port: number
  readonly #folder: string
  #stderr = ''
  #stdout = ''

  constructor(child: ChildProcess, port: number, adminPort: number, folder: string) {
    this.child = child
    this.port = port
    this.adminPort = adminPort
    this.#folder = folder
    child.stderr?.on('data', (chunk) => {
      this.#stderr += String(chunk)
    })
    child.stdout?.on('data', (chunk) => {
      this.#stdout += String(chunk)
    })
  }

  get stdout(): string {
    return this.#stdout
  }

  get stderr(): string {
    return this.#stderr
  }

  async get(path: string): Promise<{ status: number; text: string }> {
    const reply = await fetch(`http://127.0.0.1:${this.adminPort}${path}`, { headers: { connection: 'close' } })
    return { status: reply.status, text: await reply.text() }
  }

  async post(path: string): Promise<number> {
    const headers = { 'content-type': 'application/json', connection: 'close' }
    const reply = await fetch(`http://127.0.0.1:${this.adminPort}${path}`, { method: 'POST', headers })
    await reply.arrayBuffer()
    return reply.status
  }

  /** The value of the metric with exactly this name; 0 when there is none. */
  async stat(name: string): Promise<number> {
    const { text } = await this.get('/stats')
    const line = text.split('\n').find((candidate) => candidate.startsWith(`${name}: `))
    return line === undefined ? 0 : Number(line.slice(name.length + 2))
  }

  /** Resolves with the exit code. */
  async exited(): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'exit')
    return this.child.exitCode
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL')
    await this.exited()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** Resolves when `/ready` says so. */
export async function startProxyProcess(options: ProxyProcessOptions): Promise<ProxyProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'meltemi-e2e-'))
  const [port, adminPort] = [await freePort(), await freePort()]
  const file = join(folder, 'proxy.json')
  writeFileSync(file, JSON.stringify(bootstrap(options, port)))
  const own = ['proxy', '-c', file, '--admin-address', `${options.adminHost ?? '127.0.0.1'}:${adminPort}`]
  const all = ['--conditions=meltemi-source', CLI, ...own, ...(options.arguments ?? [])]
  const proxy = new ProxyProcess(
    spawn(process.execPath, all, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...options.environment },
    }),
    port,
    adminPort,
    folder,
  )
  await ready(proxy)
  return proxy
}

async function ready(proxy: ProxyProcess): Promise<void> {
  const endMs = performance.now() + READY_TIMEOUT_MS
  for (;;) {
    const status = await proxy.get('/ready').then(
      (reply) => reply.status,
      () => 0,
    )
    if (status === 200) return
    if (proxy.child.exitCode !== null || performance.now() > endMs) {
      await proxy[Symbol.asyncDispose]()
      throw new Error(`the proxy did not start: ${proxy.stderr}`)
    }
    await sleep(50)
  }
}

function bootstrap(options: ProxyProcessOptions, port: number): object {
  const filter = {
    '@type': 'type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy',
    stat_prefix: 'test',
    protocol: { name: 'test', codec: { name: options.codec }, multiplexing: options.multiplexing ?? true },
    route_config: { name: 'routes', routes: [{ name: 'all', route: { cluster: 'service' } }] },
    ...options.filter,
  }
  const endpoints = options.endpoints.map((endpoint) => ({ endpoint: { address: address(endpoint) } }))
  const listener = (name: string, port: number, typed_config: object) => ({
    name,
    address: address(port),
    filter_chains: [{ filters: [{ name: 'aeraki.meta_protocol_proxy', typed_config }] }],
    ...options.listener,
  })
  const others = (options.others ?? []).map((other) => {
    const route_config = { name: other.cluster, routes: [{ name: 'all', route: { cluster: other.cluster } }] }
    return listener(other.cluster, other.port, { ...filter, stat_prefix: other.cluster, route_config })
  })
  return {
    static_resources: {
      listeners: [listener('test', port, filter), ...others],
      clusters: [
        {
          name: 'service',
          type: 'STATIC',
          connect_timeout: '1s',
          load_assignment: { cluster_name: 'service', endpoints: [{ lb_endpoints: endpoints }] },
          ...options.cluster,
        },
        ...(options.clusters ?? []),
      ],
    },
    ...options.bootstrap,
  }
}

function address(port: number): object {
  return { socket_address: { address: '127.0.0.1', port_value: port } }
}
