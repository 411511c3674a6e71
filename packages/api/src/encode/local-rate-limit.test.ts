import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { LocalRateLimitConfig, TokenBucketConfig } from '../model/index.ts'
import { parseBootstrap } from '../parse-bootstrap.ts'
import { localRateLimitToJson } from './local-rate-limit.ts'

const NAME = 'aeraki.meta_protocol.filters.local_ratelimit'
const TYPE = 'aeraki.meta_protocol_proxy.filters.local_ratelimit.v1alpha.LocalRateLimit'

const word = fc.stringMatching(/^[a-z.|-]{1,12}$/)
const uint32 = fc.integer({ min: 1, max: 2 ** 32 - 1 })
const bucket: fc.Arbitrary<TokenBucketConfig> = fc
  .record({
    maxTokens: uint32,
    tokensPerFill: uint32,
    fillIntervalMs: fc.oneof(fc.integer({ min: 1, max: 1e9 }), fc.constantFrom(1.5, 1000.000_001, 999.999_999)),
    perConnection: fc.boolean(),
    metadataKeys: fc.array(word, { maxLength: 3 }),
    maxBuckets: fc.integer({ min: 1, max: 1_000_000 }),
  })
  // without keys it is not asked for
  .map((each) => (each.metadataKeys.length === 0 ? { ...each, maxBuckets: 10_000 } : each))
const match = fc.record({
  metadata: fc.array(
    fc.record({
      name: word,
      test: fc.record({
        kind: fc.constantFrom('exact' as const, 'prefix' as const),
        text: word,
        ignoreCase: fc.boolean(),
      }),
      invert: fc.boolean(),
      treatMissingAsEmpty: fc.boolean(),
    }),
    { maxLength: 2 },
  ),
})
const limit: fc.Arbitrary<LocalRateLimitConfig> = fc
  .record({
    statPrefix: word,
    bucket: fc.option(bucket, { nil: undefined }),
    conditions: fc.array(fc.record({ match, bucket }), { maxLength: 3 }),
    isShadow: fc.boolean(),
  })
  .filter((each) => each.bucket !== undefined || each.conditions.length > 0)

function parsedAgain(config: LocalRateLimitConfig): unknown {
  const json = localRateLimitToJson(config) as object
  const typed_config = {
    '@type': 'type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy',
    stat_prefix: 'x',
    protocol: { name: 'x', codec: { name: 'x' } },
    route_config: { routes: [] },
    meta_protocol_filters: [{ name: NAME, config: { '@type': `type.googleapis.com/${TYPE}`, ...json } }],
  }
  const address = { socket_address: { address: '127.0.0.1', port_value: 1 } }
  const listener = { name: 'x', address, filter_chains: [{ filters: [{ name: 'x', typed_config }] }] }
  const text = JSON.stringify({ static_resources: { listeners: [listener] } })
  const filters = new Map([[TYPE, { name: NAME, parse: () => {} }]])
  const parsed = parseBootstrap(text, 'limit.json', { filters })
  assert.deepEqual(parsed.problems, [])
  const proxy = parsed.config?.listeners[0]?.filter
  return proxy?.kind === 'meta-protocol' ? proxy.filters[0]?.parsed : undefined
}

test('a local rate limit says the same when it is read again', () => {
  fc.assert(
    fc.property(limit, (config) => assert.deepEqual(parsedAgain(config), structuredClone(config))),
    { numRuns: 60 },
  )
})
