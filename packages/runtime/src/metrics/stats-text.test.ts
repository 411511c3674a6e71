import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MergedRegistry } from './merged-registry.ts'
import { formatStats, isUnused, statsToJson } from './stats-text.ts'

function sampleRegistry(): MergedRegistry {
  const registry = new MergedRegistry()
  registry.histogram('a.time_ms').record(8)
  registry.histogram('b.time_ms')
  registry.counter('z.count').add(3)
  registry.gauge('y.active')
  return registry
}

const exceptOverflow = (name: string) => name !== 'metrics_overflow'

test('the text has a line per stat, histograms at the end', () => {
  const percentiles = [0, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 100].map((p) => `P${p}(nan,7.9375)`).join(' ')
  assert.equal(
    formatStats(sampleRegistry().read(exceptOverflow)),
    `y.active: 0\nz.count: 3\na.time_ms: ${percentiles}\nb.time_ms: No recorded values\n`,
  )
})

test('the JSON form has the same stats', () => {
  const { stats } = statsToJson(sampleRegistry().read(exceptOverflow)) as { stats: Record<string, unknown>[] }
  assert.deepEqual(stats.slice(0, 2), [
    { name: 'y.active', value: 0 },
    { name: 'z.count', value: 3 },
  ])
  const histograms = stats[2]!['histograms'] as { computed_quantiles: { name: string; values: unknown[] }[] }
  assert.deepEqual(
    histograms.computed_quantiles.map(({ name, values }) => [name, values.length, values[3]]),
    [
      ['a.time_ms', 10, { interval: null, cumulative: 7.9375 }],
      ['b.time_ms', 10, { interval: null, cumulative: null }],
    ],
  )
})

test('unused are those never counted up, set or recorded', () => {
  const used = sampleRegistry()
    .read()
    .filter((metric) => !isUnused(metric))
  assert.deepEqual(
    used.map((metric) => metric.name),
    ['a.time_ms', 'z.count'],
  )
})
