import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MetricDefinition, MetricNews } from './definition.ts'
import { HistogramSnapshot } from './histogram-snapshot.ts'
import { LocalRegistry, OVERFLOW_METRIC } from './local-registry.ts'

function recordingRegistry(maxMetrics = 100, maxHistograms = 10) {
  const definitions = new Map<string, MetricDefinition>()
  const released: string[] = []
  const publish = (news: MetricNews) => {
    if (news.kind === 'released') released.push(news.group)
    else definitions.set(news.name, news)
  }
  const registry = new LocalRegistry(publish, { maxMetrics, maxHistograms })
  const read = (name: string) => {
    const definition = definitions.get(name)
    return definition && new Float64Array(definition.segment)[definition.index]
  }
  return { registry, definitions, released, read }
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

test('a group goes with the last who holds it, and makes room for others', () => {
  const { registry, definitions, released, read } = recordingRegistry(4, 1)
  const [first, second] = [registry.hold('g'), registry.hold('g')]
  first.counter('g.c').add(1)
  second.counter('g.c').add(2)
  first.histogram('g.h').record(1)
  assert.deepEqual([definitions.get('g.c')?.group, read('g.c')], ['g', 3])
  first.release()
  first.release()
  first.counter('g.late').add(1)
  assert.deepEqual([released, read('g.late')], [[], 1])
  second.release()
  assert.deepEqual(released, ['g'])
  const next = registry.hold('other')
  next.gauge('o.g').set(5)
  next.histogram('o.h').record(1)
  assert.deepEqual([read('o.g'), read(OVERFLOW_METRIC)], [5, 0])
})

test('handles of a group that is gone are harmless, also when it has begun anew', () => {
  const { registry, definitions, read } = recordingRegistry()
  const old = registry.hold('g')
  const [counter, histogram] = [old.counter('g.c'), old.histogram('g.h')]
  old.release()
  const { segment } = definitions.get('g.h')!
  histogram.record(1)
  assert.equal(definitions.get('g.h')!.segment, segment, 'its first record is not told')
  registry.hold('g').counter('g.c').add(7)
  counter.add(1)
  old.counter('g.c').add(1)
  assert.equal(read('g.c'), 8, 'by name it is the one that is there')
  assert.equal(old.counter('g.other'), old.counter('g.another'), 'a new name has no place any more')
})
