/** Several proxies in one process that share what workers share: so a test knows which of them has seen what. */

import assert from 'node:assert/strict'
import type { ClusterConfig } from '@meltemi/api'
import { SharedLimits } from '@meltemi/proxy'
import type { Metadata } from '@meltemi/sdk'
import { type EchoServer, type Handler, startEchoServer } from './echo-server.ts'
import { isFailed, type TestedProtocol } from './four-protocols.ts'
import { connectClient, type RawClient } from './raw-client.ts'
import { startTestProxy, type TestProxy, type TestProxyOptions } from './test-proxy.ts'

const PATIENCE_MS = 10_000

export class Fleet implements AsyncDisposable {
  readonly proxies: readonly TestProxy[]
  readonly clients: readonly RawClient[]
  readonly limits: SharedLimits
  readonly #protocol: TestedProtocol
  #asked = 0

  constructor(
    protocol: TestedProtocol,
    limits: SharedLimits,
    proxies: readonly TestProxy[],
    clients: readonly RawClient[],
  ) {
    this.limits = limits
    this.#protocol = protocol
    this.proxies = proxies
    this.clients = clients
  }

  get first(): TestProxy {
    return this.proxies[0] as TestProxy
  }

  /** Asks by one worker after the other. */
  ask(): Promise<Metadata> {
    const id = ++this.#asked
    return (this.clients[id % this.clients.length] as RawClient).request(this.#protocol.request(id))
  }

  async asks(count: number): Promise<{ readonly failed: number }> {
    let failed = 0
    for (let n = 0; n < count; n++) if (isFailed(await this.ask())) failed++
    return { failed }
  }

  /** Resolves when all workers say the same of this. */
  async until(ending: string, value: number): Promise<void> {
    for (const proxy of this.proxies) await proxy.until(ending, value, PATIENCE_MS)
  }

  sum(ending: string): number {
    return this.proxies.reduce((total, proxy) => total + proxy.stat(ending), 0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.clients) await client.close()
    for (const proxy of this.proxies) await proxy[Symbol.asyncDispose]()
    for (const { proxy } of this.proxies) assert.equal(proxy.timerCount, 0)
  }
}

export interface FleetOptions {
  readonly protocol: TestedProtocol
  readonly workers?: number
  readonly ports: readonly number[]
  readonly cluster?: Partial<ClusterConfig>
  readonly proxy?: Partial<TestProxyOptions>
}

/** Proxies that share their limits and hosts as so many workers do, each with a client. */
export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const { protocol, workers = 4, ports, cluster, proxy } = options
  const limits = new SharedLimits(workers)
  const proxies: TestProxy[] = []
  const clients: RawClient[] = []
  for (let worker = 0; worker < workers; worker++) {
    const started = await startTestProxy({
      codec: protocol.codec,
      endpoints: ports,
      share: { limits, worker },
      ...(cluster === undefined ? {} : { cluster }),
      ...proxy,
    })
    proxies.push(started)
    clients.push(await connectClient({ port: started.port, codec: protocol.codec }))
  }
  return new Fleet(protocol, limits, proxies, clients)
}

export function startService({ codec, answer }: TestedProtocol, handler?: Handler): Promise<EchoServer> {
  return startEchoServer({ codec, answer, ...(handler === undefined ? {} : { handler }) })
}
