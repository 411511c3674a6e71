import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import type { MetricNews } from './definition.ts'
import { LocalRegistry, OVERFLOW_METRIC } from './local-registry.ts'
import { MergedRegistry } from './merged-registry.ts'

function scalars(merged: MergedRegistry): Record<string, number> {
  const values: Record<string, number> = {}
  for (const metric of merged.read((name) => name !== OVERFLOW_METRIC)) {
    values[metric.name] = metric.kind === 'histogram' ? metric.histogram.count : metric.value
  }
  return values
}

test('workers and main are added up under one name, sorted', () => {
  const merged = new MergedRegistry()
  const first = new LocalRegistry(merged.attach('1'))
  const second = new LocalRegistry(merged.attach('2'))
  first.counter('requests').add(1)
  second.counter('requests').add(10)
  merged.counter('requests').add(100)
  second.histogram('latency').record(3)
  first.histogram('latency').record(4)
  merged.gauge('zeta').set(1)
  assert.deepEqual(Object.entries(scalars(merged)), [
    ['latency', 2],
    ['requests', 111],
    ['zeta', 1],
  ])
})

test('a dead worker leaves its counters and histograms and takes its gauges along', () => {
  const merged = new MergedRegistry()
  for (const id of ['1', '2']) {
    const worker = new LocalRegistry(merged.attach(id))
    worker.counter('requests').add(5)
    worker.gauge('active').add(3)
    worker.histogram('latency').record(2)
    merged.retire(id)
    merged.retire(id)
  }
  assert.deepEqual(scalars(merged), { active: 0, latency: 2, requests: 10 })
})

test('scalars of many segments and two workers are told apart', () => {
  const merged = new MergedRegistry()
  for (const id of ['1', '2']) {
    const publish = merged.attach(id)
    // as a message does it: every definition comes with a new object for its segment
    const worker = new LocalRegistry((definition) => publish(structuredClone(definition)))
    for (let i = 0; i < 9000; i++) worker.counter(`c${i}`).add(i)
  }
  const values = scalars(merged)
  for (let i = 0; i < 9000; i += 89) assert.equal(values[`c${i}`], 2 * i)
})

test('a histogram that one worker has used and another has not', () => {
  const merged = new MergedRegistry()
  for (const id of ['1', '2', '3']) new LocalRegistry(merged.attach(id)).histogram('latency')
  const used = new LocalRegistry(merged.attach('4'))
  const latency = used.histogram('latency')
  assert.deepEqual(scalars(merged), { latency: 0 })
  latency.record(1)
  latency.record(2)
  assert.deepEqual(scalars(merged), { latency: 2 })
  for (const id of ['1', '4']) merged.retire(id)
  assert.deepEqual(scalars(merged), { latency: 2 })
})

test('a definition that arrives after the end of its thread still counts', () => {
  const merged = new MergedRegistry()
  const late: MetricNews[] = []
  const publish = merged.attach('1')
  const worker = new LocalRegistry((definition) => late.push(definition))
  worker.counter('requests').add(5)
  worker.gauge('active').set(5)
  merged.retire('1')
  for (const definition of late) publish(definition)
  assert.deepEqual(scalars(merged), { active: 0, requests: 5 })
})

test('gauges that every worker sets alike are not added up', () => {
  const merged = new MergedRegistry()
  for (const id of ['1', '2']) {
    const worker = new LocalRegistry(merged.attach(id))
    worker.gauge('cluster.a.membership_total').set(4)
    worker.gauge('cluster.a.circuit_breakers.default.cx_open').set(1)
    worker.gauge('cluster.a.upstream_cx_active').set(4)
  }
  assert.deepEqual(scalars(merged), {
    'cluster.a.circuit_breakers.default.cx_open': 1,
    'cluster.a.membership_total': 4,
    'cluster.a.upstream_cx_active': 8,
  })
})

test('names over all workers have a bound, and the overflow is counted', () => {
  const merged = new MergedRegistry({ limits: { maxMetrics: 3, maxHistograms: 3 } })
  for (const id of ['1', '2', '3', '4']) {
    new LocalRegistry(merged.attach(id)).counter(`only.${id}`).add(1)
    merged.retire(id)
  }
  assert.deepEqual(scalars(merged), { 'only.1': 1, 'only.2': 1 })
  assert.deepEqual(
    merged.read((name) => name === OVERFLOW_METRIC),
    [{ name: OVERFLOW_METRIC, kind: 'counter', value: 2 }],
  )
})

test('the totals of a thread that never answers are read while it loops, and kept when it is ended', async () => {
  const merged = new MergedRegistry()
  const publish = merged.attach('1')
  const registryUrl = new URL('./local-registry.ts', import.meta.url).href
  const source = `
    import { parentPort } from 'node:worker_threads'
    import { LocalRegistry } from ${JSON.stringify(registryUrl)}
    const registry = new LocalRegistry((definition) => parentPort.postMessage(definition))
    const counter = registry.counter('turns')
    const latency = registry.histogram('latency')
    for (;;) { counter.add(1); latency.record(1) }`
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`))
  const defined = new Promise<void>((resolve) => {
    worker.on('message', (definition: MetricNews) => {
      publish(definition)
      if (definition.kind === 'histogram') resolve()
    })
  })
  await defined
  const early = scalars(merged)['turns'] ?? 0
  while ((scalars(merged)['turns'] ?? 0) <= early) await new Promise(setImmediate)
  await Promise.all([once(worker, 'exit'), worker.terminate()])
  const last = scalars(merged)
  merged.retire('1')
  assert.deepEqual(scalars(merged), last)
  assert.ok((last['turns'] ?? 0) > early)
})

test('a group is gone when all threads have released it, and begins anew with the next who holds it', () => {
  const merged = new MergedRegistry()
  const held = ['1', '2'].map((id) => new LocalRegistry(merged.attach(id)).hold('g'))
  for (const metrics of held) {
    metrics.counter('g.c').add(5)
    metrics.gauge('g.g').set(3)
  }
  held[0]?.release()
  assert.deepEqual(scalars(merged), { 'g.c': 10, 'g.g': 3 })
  held[1]?.release()
  assert.deepEqual(scalars(merged), {})
  merged.hold('g').counter('g.c').add(1)
  assert.deepEqual(scalars(merged), { 'g.c': 1 })
})

test('a group outlives its only thread until the replacement has said what it holds', () => {
  const merged = new MergedRegistry()
  const first = new LocalRegistry(merged.attach('1'))
  for (const group of ['stays', 'goes']) first.hold(group).counter(group).add(2)
  merged.retire('1')
  assert.deepEqual(scalars(merged), { goes: 2, stays: 2 })
  new LocalRegistry(merged.attach('2')).hold('stays').counter('stays').add(1)
  merged.forgetUnheld()
  assert.deepEqual(scalars(merged), { stays: 3 })
})

test('groups that come and go leave nothing behind', () => {
  const merged = new MergedRegistry({ limits: { maxMetrics: 100, maxHistograms: 10 } })
  const worker = new LocalRegistry(merged.attach('1'), { maxMetrics: 100, maxHistograms: 10 })
  for (let n = 0; n < 1000; n++) {
    const held = worker.hold(`cluster.${n}`)
    for (let at = 0; at < 70; at++) held.counter(`cluster.${n}.${at}`).add(1)
    held.histogram(`cluster.${n}.h`).record(1)
    held.release()
  }
  assert.deepEqual(scalars(merged), {})
  const [overflow] = merged.read((name) => name === OVERFLOW_METRIC)
  assert.deepEqual(overflow, { name: OVERFLOW_METRIC, kind: 'counter', value: 0 })
})
