/** `meltemi proxy --xds` as a process of its own. */

import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from './free-port.ts'
import { MeltemiProcess } from './meltemi-process.ts'

export interface MeshProxyOptions {
  /** Of the control plane. */
  readonly xdsPort: number
  readonly arguments?: readonly string[]
}

const READY_TIMEOUT_MS = 20_000

export class MeshProxy implements AsyncDisposable {
  readonly process: MeltemiProcess
  readonly #adminPort: number

  constructor(process: MeltemiProcess, adminPort: number) {
    this.process = process
    this.#adminPort = adminPort
  }

  get pid(): number {
    return this.process.child.pid ?? 0
  }

  async get(path: string): Promise<{ readonly status: number; readonly text: string }> {
    const reply = await fetch(`http://127.0.0.1:${this.#adminPort}${path}`, { headers: { connection: 'close' } })
    return { status: reply.status, text: await reply.text() }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.process[Symbol.asyncDispose]()
  }
}

/** Resolves when its first configuration is in force. */
export async function startMeshProxy({ xdsPort, arguments: more = [] }: MeshProxyOptions): Promise<MeshProxy> {
  const adminPort = await freePort()
  const addresses = ['--xds', `127.0.0.1:${xdsPort}`, '--admin-address', `127.0.0.1:${adminPort}`]
  const args = ['proxy', ...addresses, '--no-xds-cache-dir', '--log-level', 'warn', ...more]
  const proxy = new MeshProxy(new MeltemiProcess(args), adminPort)
  try {
    await ready(proxy)
    return proxy
  } catch (error: unknown) {
    await proxy[Symbol.asyncDispose]()
    throw error
  }
}

async function ready(proxy: MeshProxy): Promise<void> {
  const endMs = performance.now() + READY_TIMEOUT_MS
  for (;;) {
    const status = await proxy.get('/ready').then(
      (reply) => reply.status,
      () => 0,
    )
    if (status === 200) return
    const { child, errors } = proxy.process
    if (child.exitCode !== null || performance.now() > endMs) throw new Error(`the proxy is not ready: ${errors}`)
    await sleep(25)
  }
}
