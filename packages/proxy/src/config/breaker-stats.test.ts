import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CircuitBreakerConfig, ClusterConfig, ProxyConfig } from '@meltemi/api/model'
import { MergedRegistry } from '@meltemi/runtime'
import { LimitKind, Limits } from '../upstream/limits.ts'
import { clusterLimitKey, SharedLimits } from '../upstream/shared-limits.ts'
import { BreakerStats } from './breaker-stats.ts'
import { LiveConfig } from './live-config.ts'

/** The gauges of the one cluster, whose limits somebody uses. */
function setUp(circuitBreaker: CircuitBreakerConfig) {
  const cluster = { name: 'c', statName: 'c', circuitBreaker } as Partial<ClusterConfig>
  const config = { clusters: [cluster], listeners: [], node: { id: 'n' } } as unknown as ProxyConfig
  const shared = new SharedLimits(2)
  const registry = new MergedRegistry()
  const stats = new BreakerStats(new LiveConfig(config, 0), shared, registry)
  const cells = shared.cells(clusterLimitKey('c'))
  const read = (name: string) => {
    stats.update()
    const [metric] = registry.read((known) => known === `cluster.c.circuit_breakers.default.${name}`)
    return metric?.kind === 'histogram' ? undefined : metric?.value
  }
  return { workers: [0, 1].map((worker) => new Limits(cells, 2, worker, circuitBreaker)), read }
}

const MAXIMA = { maxConnections: 1, maxPendingRequests: 1, maxRequests: 1000, maxRetries: 3, tracksRemaining: true }

test('a limit is open when all workers together have reached it', () => {
  const { workers, read } = setUp(MAXIMA)
  assert.deepEqual([read('rq_retry_open'), read('remaining_retries'), read('cx_open')], [0, 3, 0])
  for (const [at, used] of [2, 1].entries()) {
    for (let n = 0; n < used; n++) assert.ok(workers[at]?.tryAcquire(LimitKind.Retries))
  }
  assert.deepEqual([read('rq_retry_open'), read('remaining_retries')], [1, 0])
  workers[1]?.release(LimitKind.Retries)
  assert.deepEqual([read('rq_retry_open'), read('remaining_retries')], [0, 1])
})

test('where retries have a budget it is the budget that is open, whatever max_retries says', () => {
  const { workers, read } = setUp({ ...MAXIMA, retryBudget: { budgetPercent: 10, minRetryConcurrency: 2 } })
  const [one, other] = workers as [Limits, Limits]
  assert.equal(read('remaining_retries'), 2)
  for (let n = 0; n < 50; n++) assert.ok(other.tryAcquire(LimitKind.Requests))
  for (let n = 0; n < 4; n++) assert.ok(one.tryAcquire(LimitKind.Retries))
  assert.deepEqual([read('rq_retry_open'), read('remaining_retries')], [0, 1])
  assert.ok(one.tryAcquire(LimitKind.Retries))
  assert.deepEqual([read('rq_retry_open'), read('remaining_retries')], [1, 0])
})
