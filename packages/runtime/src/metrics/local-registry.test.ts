import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MetricDefinition } from './definition.ts'
import { HistogramSnapshot } from './histogram-snapshot.ts'
import { LocalRegistry, OVERFLOW_METRIC } from './local-registry.ts'

function recordingRegistry(maxMetrics = 100, maxHistograms = 10) {
  const definitions = new Map<string, MetricDefinition>()
  const registry = new LocalRegistry((d) => definitions.set(d.name, d), { maxMetrics, maxHistograms })
  const read = (name: string) => {
    const definition = definitions.get(name)
    return definition && new Float64Array(definition.segment)[definition.index]
  }
  return { registry, definitions, read }
}

test('a published definition survives a message and shows what is counted afterwards', () => {
  const { registry, definitions } = recordingRegistry()
  const counter = registry.counter('a.b')
  const { segment, index, kind } = definitions.get('a.b')!
  assert.equal(kind, 'counter')
  const seenByMain = new Float64Array(structuredClone(segment), index * 8, 1)
  counter.add(2)
  registry.counter('a.b').add(3)
  assert.equal(seenByMain[0], 5)
})

test('each metric has its own cell, also beyond one segment', () => {
  const { registry, read } = recordingRegistry(20_000)
  const handles = Array.from({ length: 10_000 }, (_, i) => registry.gauge(`g${i}`))
  for (const [i, handle] of handles.entries()) handle.set(i)
  for (let i = 0; i < handles.length; i += 97) assert.equal(read(`g${i}`), i)
})

test('names beyond the limit are counted and their handles harmless', () => {
  const { registry, definitions, read } = recordingRegistry(3)
  for (const name of ['a', 'b', 'c', 'd']) registry.counter(name).add(1)
  registry.histogram('h').record(1)
  registry.gauge('g').set(7)
  assert.deepEqual([...definitions.keys()], [OVERFLOW_METRIC, 'a', 'b'])
  assert.equal(read(OVERFLOW_METRIC), 4)
  assert.equal(read('a'), 1)
})

test('histograms have a limit of their own, since they are large', () => {
  const { registry, definitions } = recordingRegistry(100, 2)
  for (const name of ['h1', 'h2', 'h3', 'h1']) registry.histogram(name).record(1)
  assert.deepEqual([...definitions.keys()], [OVERFLOW_METRIC, 'h1', 'h2'])
})

test('a name that is asked for as two kinds keeps its first', () => {
  const { registry, read } = recordingRegistry()
  registry.counter('x').add(1)
  registry.gauge('x').set(99)
  registry.histogram('x').record(5)
  assert.equal(read('x'), 1)
  assert.equal(read(OVERFLOW_METRIC), 2)
})

test('a histogram gives count, sum, quantiles and counts below bounds', () => {
  const { registry, definitions } = recordingRegistry()
  const histogram = registry.histogram('h')
  for (let value = 1; value <= 1000; value++) histogram.record(value)
  const snapshot = new HistogramSnapshot(new Float64Array(definitions.get('h')!.segment))
  assert.equal(snapshot.count, 1000)
  assert.equal(snapshot.sum, 500_500)
  for (const percent of [25, 50, 90, 99, 100]) {
    const value = snapshot.quantile(percent / 100)
    assert.ok(Math.abs(value - percent * 10) / (percent * 10) < 0.016, `P${percent} = ${value}`)
  }
  assert.deepEqual(snapshot.countsAtMost([0.5, 1, 5, 10, 100, 2000]), [0, 1, 5, 10, 100, 1000])
})

test('negative values and NaN count as 0, infinity as the highest', () => {
  const { registry, definitions } = recordingRegistry()
  for (const value of [-5, Number.NaN, Number.POSITIVE_INFINITY]) registry.histogram('h').record(value)
  const snapshot = new HistogramSnapshot(new Float64Array(definitions.get('h')!.segment))
  assert.deepEqual([snapshot.count, snapshot.sum, snapshot.quantile(0.5)], [3, 2 ** 24, 0])
})

test('a histogram without records has no quantiles and takes no memory', () => {
  const { registry, definitions } = recordingRegistry()
  registry.histogram('h')
  assert.equal(definitions.get('h')!.segment.byteLength, 0)
  assert.ok(Number.isNaN(new HistogramSnapshot(new Float64Array(definitions.get('h')!.segment)).quantile(0.5)))
})
