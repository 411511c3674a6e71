import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create } from '@bufbuild/protobuf'
import {
  RateLimitResponse_Code as Code,
  type RateLimitRequestInit,
  RateLimitRequestSchema,
} from '@meltemi/api/rate-limit'
import { createLogger, MergedRegistry } from '@meltemi/runtime'
import { GrpcError } from '@meltemi/runtime/grpc'
import { FakeClock } from '@meltemi/runtime/testing'
import { CounterError, type CounterStore } from './counters/counter.ts'
import { MemoryCounters } from './counters/memory.ts'
import { OverLimitCache } from './counters/over-limit-cache.ts'
import type { FailureMode } from './failure-mode.ts'
import { LimitStats } from './limit-stats.ts'
import { Limiter } from './limiter.ts'
import { parseRules } from './rules/parse-rules.ts'
import { RateLimitHandler } from './service.ts'

interface Settings {
  readonly rules: string
  readonly failureMode?: FailureMode
  readonly counters?: CounterStore
  readonly hasCache?: boolean
}

type Ask = RateLimitRequestInit

class Harness {
  readonly clock = new FakeClock()
  readonly metrics = new MergedRegistry()
  readonly #handler: RateLimitHandler

  constructor({ rules: text, failureMode = 'error', counters, hasCache = false }: Settings) {
    const { clock, metrics } = this
    const rules = parseRules([{ name: 'rules.yaml', text: `domain: d\ndescriptors:\n${text}` }], {
      mergesDomains: false,
    })
    const stats = new LimitStats(metrics)
    const limiter = new Limiter({
      counters: counters ?? new MemoryCounters({ maxKeys: 1_000, clock, metrics }),
      overLimitCache: hasCache ? new OverLimitCache(10, metrics) : undefined,
      stats,
      nearLimitRatio: 0.8,
      keyPrefix: '',
    })
    const logger = createLogger({ level: 'off' })
    const switches = { isShadow: false, hasResponseHeaders: false, failureMode }
    this.#handler = new RateLimitHandler({ rules: () => rules, limiter, stats, clock, logger, metrics, ...switches })
  }

  /** Overall code and the code of each descriptor, such as `OK: OK,OVER`. */
  async ask(descriptors: readonly string[], more: Partial<Ask> = {}): Promise<string> {
    const list = descriptors.map((text) => {
      const [key = '', value = ''] = text.split('=')
      return { entries: [{ key, value }] }
    })
    const request = create(RateLimitRequestSchema, { domain: 'd', descriptors: list, ...more } as Ask)
    const { overallCode, statuses } = await this.#handler.shouldRateLimit(request)
    const name = (code: Code | undefined) => (code === Code.OVER_LIMIT ? 'OVER' : 'OK')
    return `${name(overallCode)}: ${(statuses ?? []).map(({ code }) => name(code)).join()}`
  }

  stat(name: string): number {
    const metric = this.metrics.read().find((each) => each.name === `ratelimit.service.${name}`)
    return metric?.kind === 'histogram' ? Number.NaN : (metric?.value ?? Number.NaN)
  }
}

const limit = (key: string, requests: number, rest = '') =>
  `  - key: ${key}\n    rate_limit: {unit: minute, requests_per_unit: ${requests}}\n${rest}`

test('a request is refused when one limit is over, or all of its quotas', async () => {
  const quota = '    quota_mode: true\n'
  const service = new Harness({ rules: limit('a', 1) + limit('q', 1, quota) + limit('r', 2, quota) })
  assert.equal(await service.ask(['q=1', 'r=1']), 'OK: OK,OK')
  assert.equal(await service.ask(['q=1', 'r=1']), 'OK: OVER,OK')
  assert.equal(await service.ask(['q=1', 'r=1']), 'OVER: OVER,OVER')
  assert.equal(await service.ask(['a=1', 'q=1']), 'OVER: OK,OVER')
  assert.equal(await service.ask(['a=1', 'q=2']), 'OVER: OVER,OK')
})

test('hits count by where they fall: within, near or over the limit', async () => {
  const service = new Harness({ rules: limit('a', 10) })
  const stats = () =>
    ['total_hits', 'within_limit', 'near_limit', 'over_limit'].map((name) => service.stat(`rate_limit.d.a.${name}`))
  await service.ask(['a=1'], { hitsAddend: 7 })
  assert.deepEqual(stats(), [7, 7, 0, 0])
  await service.ask(['a=1'], { hitsAddend: 2 })
  assert.deepEqual(stats(), [9, 9, 1, 0])
  assert.equal(await service.ask(['a=1'], { hitsAddend: 4 }), 'OVER: OVER')
  assert.deepEqual(stats(), [13, 9, 2, 3])
  service.clock.advance(60_000)
  assert.equal(await service.ask(['a=1']), 'OK: OK')
})

test('what is known to be over is not asked again, unless for a higher limit', async () => {
  const service = new Harness({ rules: limit('a', 1), hasCache: true })
  for (let i = 0; i < 3; i++) await service.ask(['a=1'])
  assert.equal(service.stat('rate_limit.d.a.over_limit_with_local_cache'), 1)
  const entries = [{ key: 'a', value: '1' }]
  const higher = { descriptors: [{ entries, limit: { requestsPerUnit: 3, unit: 2 } }] } as Partial<Ask>
  assert.equal(await service.ask([], higher), 'OK: OK')
  assert.equal(await service.ask([], higher), 'OVER: OVER')
})

test('a limit that a request brings along must have a unit', async () => {
  const service = new Harness({ rules: limit('a', 1) })
  const entries = [{ key: 'a', value: '1' }]
  await assert.rejects(service.ask([], { descriptors: [{ entries, limit: { requestsPerUnit: 3 } }] }), GrpcError)
  assert.equal(service.stat('call.should_rate_limit.service_error'), 1)
})

test('values of requests cannot fill memory with statistics', async () => {
  const service = new Harness({ rules: limit('a', 1, '    detailed_metric: true\n') })
  for (let i = 0; i < 10_050; i++) await service.ask([`a=${i}`])
  assert.equal(service.stat('stats_overflow'), 50)
  assert.equal(service.stat('rate_limit.d.a.total_hits'), 50)
  assert.equal(service.stat('rate_limit.d.a_7.total_hits'), 1)
})

test('without counters it does what its failure mode says', async () => {
  const counters: CounterStore = {
    isReady: true,
    add: () => Promise.reject(new CounterError('away')),
    close: () => {},
  }
  const rules = limit('a', 1) + limit('s', 1, '    shadow_mode: true\n')
  assert.equal(await new Harness({ rules, counters, failureMode: 'allow' }).ask(['a=1', 's=1']), 'OK: OK,OK')
  assert.equal(await new Harness({ rules, counters, failureMode: 'deny' }).ask(['a=1', 's=1']), 'OVER: OVER,OK')
  const service = new Harness({ rules, counters })
  await assert.rejects(service.ask(['a=1']), /away/)
  assert.equal(service.stat('call.should_rate_limit.redis_error'), 1)
})

test('limits that requests bring along have a bounded number of counters', async () => {
  const harness = new Harness({ rules: '- {key: a}' })
  const limit = { requestsPerUnit: 1, unit: 1 }
  const descriptors = Array.from({ length: 10_100 }, (_, n) => ({ entries: [{ key: 'user', value: `${n}` }], limit }))
  await harness.ask([], { descriptors } as Partial<Ask>)
  const hits = harness.metrics.read((name) => name.endsWith('.total_hits'))
  assert.ok(hits.length <= 10_001, `${hits.length} names`)
  const ofDomain = hits.find(({ name }) => name === 'ratelimit.service.rate_limit.d.total_hits')
  assert.ok(ofDomain !== undefined && 'value' in ofDomain && ofDomain.value === 100)
})
