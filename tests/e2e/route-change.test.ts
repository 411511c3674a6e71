/** The short form of `benchmarks/route-change.ts`, whose figures are in docs/benchmarks.md. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measureRouteChange } from '../../benchmarks/control-plane/measure-route-change.ts'
import { quantile } from '../../benchmarks/statistics.ts'

interface Case {
  readonly by: 'api' | 'file'
  readonly changes: number
  readonly intervalMs: number
  readonly requestsPerSecond: number
}

/** Milliseconds within which this share of the changes was in effect everywhere. No request may fail. */
async function inEffectMs(share: number, { by, changes, intervalMs, requestsPerSecond }: Case): Promise<number> {
  const options = { by, changes, intervalMs, requestsPerSecond, simulated: 49 }
  const { firstNewMs, lastOldMs, failures, requests } = await measureRouteChange(options)
  assert.deepEqual(failures, [])
  assert.ok(requests > requestsPerSecond * 4, `${requests} requests`)
  return Math.max(quantile(firstNewMs, share), quantile(lastOldMs, share))
}

/** Once more when it was too long: other programs of the machine can hold up one run, and hardly two. */
async function assertWithin(limitMs: number, measure: () => Promise<number>): Promise<void> {
  const first = await measure()
  const best = first <= limitMs ? first : Math.min(first, await measure())
  assert.ok(best <= limitMs, `${best} ms`)
}

for (const by of ['api', 'file'] as const) {
  test(`a route that is changed by ${by} is in effect within 300 ms, and no request fails`, async () => {
    const every250Ms = { by, changes: 40, intervalMs: 250, requestsPerSecond: 2_000 }
    await assertWithin(300, () => inEffectMs(0.95, every250Ms))
  })

  test(`routes that are changed by ${by} 50 times a second are in effect within 1.2 s, and no request fails`, async () => {
    const every20Ms = { by, changes: 250, intervalMs: 20, requestsPerSecond: 5_000 }
    await assertWithin(1_200, () => inEffectMs(0.99, every20Ms))
  })
}
