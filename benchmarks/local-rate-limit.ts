/** What the local rate limit costs a request, in nanoseconds and bytes: `node --conditions=meltemi-source benchmarks/local-rate-limit.ts`. */

import type { LocalRateLimitConfig, TokenBucketConfig } from '@meltemi/api'
import { SharedLimits } from '@meltemi/proxy'
import { proxyFilters } from '@meltemi/proxy/filters'
import { MergedRegistry, systemClock } from '@meltemi/runtime'
import { Metadata } from '@meltemi/sdk'

const REQUESTS = 200_000
const ROUNDS = 20
const CONNECTIONS = 100
const USERS = 1000
/** So many requests come in one chunk of bytes, and have one time. */
const PER_CHUNK = 16

const BUCKET: TokenBucketConfig = {
  maxTokens: 1_000_000,
  tokensPerFill: 1_000_000,
  fillIntervalMs: 1,
  perConnection: false,
  metadataKeys: [],
  maxBuckets: 10_000,
}
const method = { name: 'method', invert: false, treatMissingAsEmpty: false }
const other = { metadata: [{ ...method, test: { kind: 'exact' as const, text: 'other', ignoreCase: false } }] }

const CASES: Readonly<Record<string, Partial<LocalRateLimitConfig>>> = {
  'one bucket': { bucket: BUCKET },
  'one bucket, empty (shadow mode)': { bucket: { ...BUCKET, maxTokens: 1, fillIntervalMs: 1e9 }, isShadow: true },
  'behind two conditions': { bucket: BUCKET, conditions: [1, 2].map(() => ({ match: other, bucket: BUCKET })) },
  'a bucket for each of 100 connections': { bucket: { ...BUCKET, perConnection: true } },
  'a bucket for each of 1,000 values': { bucket: { ...BUCKET, metadataKeys: ['user'] } },
  'a bucket for each of 1,000 pairs of values': { bucket: { ...BUCKET, metadataKeys: ['user', 'method'] } },
}

function createFilter(changes: Partial<LocalRateLimitConfig>) {
  const definition = proxyFilters.find(({ name }) => name.endsWith('.local_ratelimit'))
  if (definition === undefined) throw new Error('there is no local rate limit')
  const parsed = { statPrefix: 'bench', bucket: undefined, conditions: [], isShadow: false, ...changes }
  const config = { filters: [{ name: definition.name, typeUrl: definition.typeUrl, config: changes, parsed }] }
  const turn = { nowMs: systemClock.now() }
  const host = {
    slot: 0,
    random: Math.random,
    listener: { address: { host: '127.0.0.1', port: 1 }, filter: { kind: 'meta-protocol', ...config } },
    config,
    registry: new MergedRegistry(),
    thread: { clock: systemClock, turn },
    share: new SharedLimits(2).share(0),
  }
  const filter = definition.create(parsed, host as never) as {
    onRequest(context: unknown): unknown
    retain(): void
  }
  filter.retain()
  return { filter, turn }
}

function measure(changes: Partial<LocalRateLimitConfig>): { readonly nanos: number; readonly bytes: number } {
  const { filter, turn } = createFilter(changes)
  const connections = Array.from({ length: CONNECTIONS }, () => ({}))
  const contexts = Array.from({ length: USERS }, (_, user) => {
    const request = new Metadata()
    request.set('user', `user-${user}`)
    request.set('method', 'sayHello')
    return { request, connection: connections[user % CONNECTIONS] }
  })
  const run = () => {
    for (let at = 0; at < REQUESTS; at++) {
      if (at % PER_CHUNK === 0) turn.nowMs += 0.001
      filter.onRequest(contexts[at % USERS])
    }
  }
  let nanos = Number.POSITIVE_INFINITY
  let bytes = Number.POSITIVE_INFINITY
  for (let round = 0; round < ROUNDS; round++) {
    const heap = process.memoryUsage().heapUsed
    const startedMs = performance.now()
    run()
    nanos = Math.min(nanos, ((performance.now() - startedMs) * 1e6) / REQUESTS)
    const grown = process.memoryUsage().heapUsed - heap
    // a collection in between says nothing
    if (grown >= 0) bytes = Math.min(bytes, grown / REQUESTS)
  }
  return { nanos, bytes }
}

for (const [name, changes] of Object.entries(CASES)) {
  const { nanos, bytes } = measure(changes)
  console.log(`${name.padEnd(44)} ${nanos.toFixed(0).padStart(5)} ns ${bytes.toFixed(1).padStart(6)} B`)
}
