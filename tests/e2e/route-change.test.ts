/** The short form of `benchmarks/route-change.ts`, whose figures are in docs/benchmarks.md. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measureRouteChange } from '../../benchmarks/control-plane/measure-route-change.ts'
import { quantile } from '../../benchmarks/statistics.ts'

for (const by of ['api', 'file'] as const) {
  test(`a route that is changed by ${by} is in effect within 300 ms, and no request fails`, async () => {
    const load = { requestsPerSecond: 2_000, simulated: 49 }
    const { firstNewMs, lastOldMs, failures } = await measureRouteChange({
      ...load,
      changes: 40,
      intervalMs: 250,
      by,
    })
    assert.deepEqual(failures, [])
    for (const times of [firstNewMs, lastOldMs]) assert.ok(quantile(times, 0.95) <= 300, times.join(' '))
  })

  test(`routes that are changed by ${by} 50 times a second are in effect within 1.2 s, and no request fails`, async () => {
    const load = { requestsPerSecond: 5_000, simulated: 49 }
    const { firstNewMs, lastOldMs, failures, requests } = await measureRouteChange({
      ...load,
      changes: 250,
      intervalMs: 20,
      by,
    })
    assert.deepEqual(failures, [])
    assert.ok(requests > 20_000, `${requests} requests`)
    for (const times of [firstNewMs, lastOldMs]) assert.ok(quantile(times, 0.99) <= 1_200, times.join(' '))
  })
}
