import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LATENCY_BOUNDS_MS } from '@meltemi/api/xds'
import { labelledName, MergedRegistry } from '@meltemi/runtime'
import { TrafficCounts } from './traffic-counts.ts'

function setUp() {
  const metrics = new MergedRegistry()
  const record = (method: string, response: string, ms: number, times = 1, service = 'greeter'): void => {
    const labels = { service, version: 'v1', method }
    metrics.counter(labelledName('meltemi.requests_total', { ...labels, response })).add(times)
    const histogram = metrics.histogram(labelledName('meltemi.request_duration_milliseconds', labels))
    for (let n = 0; n < times; n++) histogram.record(ms)
  }
  return { metrics, record, counts: new TrafficCounts(metrics) }
}

test('a report has what happened since the one before', () => {
  const { record, counts } = setUp()
  record('hello', 'success', 1, 3)
  record('hello', 'error', 100)
  record('hello', 'local', 100)
  record('unknown', 'none', 5)
  const [hello, unnamed] = counts.take()
  assert.deepEqual([hello?.service, hello?.version, hello?.method], ['greeter', 'v1', 'hello'])
  assert.deepEqual([hello?.requests, hello?.errors], [5, 2])
  assert.deepEqual([unnamed?.method, unnamed?.requests, unnamed?.errors], ['', 1, 0])
  assert.deepEqual(counts.take(), [])
  record('hello', 'success', 1)
  assert.deepEqual(
    counts.take().map(({ requests, errors }) => [requests, errors]),
    [[1, 0]],
  )
})

test('latencies stand in the buckets of the protocol, each once', () => {
  const { record, counts } = setUp()
  record('hello', 'success', 1, 3)
  record('hello', 'success', 1e6)
  const buckets = counts.take()[0]?.latencyCounts ?? []
  assert.equal(
    buckets.reduce((a, b) => a + b),
    4,
  )
  const nearOne = buckets.findIndex((count) => count > 0)
  assert.ok(Math.abs((LATENCY_BOUNDS_MS[nearOne] ?? 0) - 1) < 0.15)
  assert.equal(buckets[nearOne], 3)
  assert.equal(buckets[LATENCY_BOUNDS_MS.length], 1)
  record('hello', 'success', 1)
  assert.deepEqual(counts.take()[0]?.latencyCounts, [...Array(nearOne).fill(0), 1])
})

test('of too many series the busiest stay as they are, and none of the requests is lost', () => {
  const { record, counts } = setUp()
  for (let n = 0; n < 1_500; n++) record(`m${n}`, n % 2 === 0 ? 'success' : 'error', 1 + (n % 7), n < 500 ? 2 : 1)
  const report = counts.take()
  assert.equal(report.length, 901)
  const sum = (pick: (count: (typeof report)[number]) => number) => report.reduce((total, one) => total + pick(one), 0)
  assert.equal(
    sum(({ requests }) => requests),
    2_000,
  )
  assert.equal(
    sum(({ errors }) => errors),
    1_000,
  )
  assert.equal(
    sum(({ latencyCounts }) => latencyCounts.reduce((a, b) => a + b)),
    2_000,
  )
  assert.equal(report.filter(({ requests, method }) => requests === 2 && method !== '').length, 500)
})

test('stats that went and came again begin at 0', () => {
  const { metrics, counts } = setUp()
  const name = labelledName('meltemi.requests_total', { service: 'a', version: '', method: '', response: 'success' })
  const held = metrics.hold('group')
  held.counter(name).add(5)
  assert.equal(counts.take()[0]?.requests, 5)
  held.release()
  metrics.hold('group').counter(name).add(2)
  assert.equal(counts.take()[0]?.requests, 2)
})
