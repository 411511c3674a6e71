import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LATENCY_BOUNDS_MS } from '@meltemi/api/xds'
import { MergedRegistry } from '@meltemi/runtime'
import { FakeClock } from '@meltemi/runtime/testing'
import { TrafficStore } from './traffic-store.ts'

/** Counts for requests that took so long. */
function latencies(...milliseconds: number[]): number[] {
  const counts: number[] = []
  for (const ms of milliseconds) {
    const bucket = LATENCY_BOUNDS_MS.findIndex((bound) => ms <= bound)
    const index = bucket < 0 ? LATENCY_BOUNDS_MS.length : bucket
    counts[index] = (counts[index] ?? 0) + 1
  }
  return Array.from(counts, (count) => count ?? 0)
}

function setUp() {
  const clock = new FakeClock()
  const metrics = new MergedRegistry()
  const metric = (name: string): number => {
    const [found] = metrics.read((each) => each === `control_plane.${name}`)
    return found !== undefined && found.kind !== 'histogram' ? found.value : 0
  }
  return { clock, metric, store: new TrafficStore(metrics, clock) }
}

const CALL = { service: 'greeter', version: 'v1', method: 'hello', requests: 0, errors: 0, latencyCounts: [] }

test('reports add up by service, version and method', () => {
  const { clock, store } = setUp()
  store.add({ ...CALL, requests: 40, errors: 4 })
  store.add({ ...CALL, version: 'v2', requests: 40 })
  store.add({ ...CALL, method: 'bye', requests: 8 })
  clock.advance(2_000)
  const rows = store
    .rows()
    .map(({ service, version, method, requestsPerSecond, errorsPerSecond }) => [
      [service, version, method].join(' ').trim(),
      requestsPerSecond,
      errorsPerSecond,
    ])
  assert.deepEqual(rows, [
    ['greeter', 11, 0.5],
    ['greeter v1', 6, 0.5],
    ['greeter v1 bye', 1, 0],
    ['greeter v1 hello', 5, 0.5],
    ['greeter v2', 5, 0],
    ['greeter v2 hello', 5, 0],
  ])
})

test('percentiles are those of the requests, to within a bucket', () => {
  const { clock, store } = setUp()
  const times = Array.from({ length: 1_000 }, (_, n) => 1 + n / 10)
  store.add({ ...CALL, requests: 500, latencyCounts: latencies(...times.filter((_, n) => n % 2 === 0)) })
  store.add({ ...CALL, version: 'v2', requests: 500, latencyCounts: latencies(...times.filter((_, n) => n % 2 === 1)) })
  clock.advance(2_000)
  const [all] = store.rows()
  for (const [percentile, expected] of [
    ['p50', 51],
    ['p90', 91],
    ['p99', 100],
  ] as const) {
    const value = all?.[percentile] ?? Number.NaN
    assert.ok(Math.abs(value - expected) / expected < 0.05, `${percentile} ${value}`)
  }
})

test('what nobody measured has no percentile, and what took longest has the last bound', () => {
  const { clock, store } = setUp()
  store.add({ ...CALL, requests: 1 })
  store.add({ ...CALL, version: 'slow', requests: 1, latencyCounts: latencies(1e9) })
  clock.advance(2_000)
  const rows = store.rows()
  assert.equal(rows.find(({ version, method }) => version === 'v1' && method === undefined)?.p50, Number.NaN)
  assert.equal(rows.find(({ version }) => version === 'slow')?.p99, 2 ** 15)
})

test('history goes back ten minutes and no further', () => {
  const { clock, store } = setUp()
  store.add({ ...CALL, requests: 7, errors: 1, latencyCounts: latencies(1, 1, 1) })
  clock.advance(10_000)
  store.add({ ...CALL, requests: 5 })
  clock.advance(2_000)
  const [service, version] = store.histories('greeter')
  assert.deepEqual([service?.version, version?.version], [undefined, 'v1'])
  assert.equal(service?.requests.length, 299)
  assert.deepEqual(service?.requests.slice(-7), [Number.NaN, 7, 0, 0, 0, 0, 5])
  assert.equal(service?.errors.at(-6), 1)
  assert.ok(Math.abs((service?.p50.at(-6) ?? 0) - 1) < 0.1)
  assert.equal(service?.p50.at(-1), Number.NaN)
  clock.advance(596_000)
  assert.equal(
    store.histories('greeter')[0]?.requests.reduce((a, b) => a + b),
    5,
  )
  clock.advance(10_000)
  assert.deepEqual(store.rows(), [])
  assert.deepEqual(store.histories('greeter'), [])
})

test('there are only so many series; what does not fit is dropped and counted, until others are unused', () => {
  const { clock, store, metric } = setUp()
  for (let n = 0; n < 3_000; n++) store.add({ ...CALL, method: `m${n}`, requests: 1 })
  assert.equal(metric('telemetry_series'), 2_000)
  assert.equal(metric('telemetry_series_dropped'), 1_002)
  clock.advance(2_000)
  assert.equal(store.rows()[0]?.requestsPerSecond, 3_000 / 8)
  clock.advance(600_000)
  store.add({ ...CALL, method: 'new', requests: 1 })
  assert.equal(metric('telemetry_series'), 3)
})
