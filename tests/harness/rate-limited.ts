/** A client, a proxy with the local rate limit, and a service, in any of four protocols, on a clock that a test pushes on. */

import assert from 'node:assert/strict'
import { type FilterConfig, parseBootstrap } from '@meltemi/api'
import { proxyFilters } from '@meltemi/proxy/filters'
import { type Clock, systemClock } from '@meltemi/runtime'
import { type EchoServer, startEchoServer } from './echo-server.ts'
import { isFailed, type TestedProtocol } from './four-protocols.ts'
import { connectClient, type RawClient } from './raw-client.ts'
import { startTestProxy, type TestProxy, type TestProxyOptions } from './test-proxy.ts'

export const LOCAL_RATE_LIMIT =
  'type.googleapis.com/aeraki.meta_protocol_proxy.filters.local_ratelimit.v1alpha.LocalRateLimit'
/** Of buckets that are filled only when a test says so. */
export const INTERVAL_MS = 10_000

/** A LocalRateLimit as configuration has it, and what the loader reads of it. */
export function limitFilter(settings: object): FilterConfig {
  const config = { '@type': LOCAL_RATE_LIMIT, stat_prefix: 'limit', ...settings }
  const typed_config = {
    '@type': 'type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy',
    stat_prefix: 'x',
    protocol: { name: 'x', codec: { name: 'x' } },
    route_config: { routes: [] },
    meta_protocol_filters: [{ name: 'aeraki.meta_protocol.filters.local_ratelimit', config }],
  }
  const address = { socket_address: { address: '127.0.0.1', port_value: 1 } }
  const listener = { name: 'x', address, filter_chains: [{ filters: [{ name: 'x', typed_config }] }] }
  const text = JSON.stringify({ static_resources: { listeners: [listener] } })
  const filters = new Map(proxyFilters.map((filter) => [filter.typeUrl, filter]))
  const parsed = parseBootstrap(text, 'limit.json', { filters })
  assert.deepEqual(parsed.problems, [])
  const proxy = parsed.config?.listeners[0]?.filter
  assert.ok(proxy?.kind === 'meta-protocol')
  return proxy.filters[0] as FilterConfig
}

/** `token_bucket` of so many tokens for each interval. */
export function bucketOf(tokens: number): object {
  return { max_tokens: tokens, tokens_per_fill: tokens, fill_interval: `${INTERVAL_MS / 1000}s` }
}

/** The machine's clock, with jumps. */
export class JumpingClock implements Clock {
  readonly sharedOffsetMs = systemClock.sharedOffsetMs
  readonly setTimer: Clock['setTimer'] = systemClock.setTimer
  readonly setImmediate: Clock['setImmediate'] = systemClock.setImmediate
  #jumpedMs = 0

  now(): number {
    return systemClock.now() + this.#jumpedMs
  }

  wallTime(): number {
    return systemClock.wallTime() + this.#jumpedMs
  }

  /** Buckets are filled so many times. */
  jump(intervals = 1): void {
    this.#jumpedMs += intervals * INTERVAL_MS
  }
}

export interface RateLimited extends AsyncDisposable {
  readonly server: EchoServer
  readonly proxy: TestProxy
  readonly client: RawClient
  readonly clock: JumpingClock
  /** A counter of the limit. */
  stat(name: string): number
}

export async function startRateLimited(
  settings: object,
  { codec, answer }: TestedProtocol,
  options: Partial<TestProxyOptions> = {},
): Promise<RateLimited> {
  const clock = new JumpingClock()
  const server = await startEchoServer({ codec, answer })
  const { filter, ...rest } = options
  const proxy = await startTestProxy({
    codec,
    clock,
    endpoints: [server.port],
    filters: proxyFilters,
    filter: { ...filter, filters: filter?.filters ?? [limitFilter(settings)] },
    ...rest,
  })
  const client = await connectClient({ port: proxy.port, codec })
  return {
    server,
    proxy,
    client,
    clock,
    stat: (name) => proxy.stat(`meta_protocol.limit.local_rate_limit.${name}`),
    async [Symbol.asyncDispose]() {
      await client.close()
      await proxy.until('request_active', 0)
      await proxy[Symbol.asyncDispose]()
      await server.close()
    },
  }
}

/** What becomes of requests, one after the other: `+` allowed, `-` refused. */
export async function askAll(client: RawClient, requests: readonly Buffer[]): Promise<string> {
  let outcome = ''
  for (const request of requests) outcome += isFailed(await client.request(request)) ? '-' : '+'
  return outcome
}
