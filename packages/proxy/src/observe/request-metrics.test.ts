import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MergedRegistry, readLabels } from '@meltemi/runtime'
import { Metadata } from '@meltemi/sdk'
import { RequestMetrics, ResponseKind } from './request-metrics.ts'
import { SeriesBudget } from './series-budget.ts'

const HOST = 'users.mesh.svc.cluster.local'

function start(statPrefix = `outbound|9090||${HOST}`, budget = new SeriesBudget()) {
  const registry = new MergedRegistry()
  const overflow = registry.counter('overflow')
  const metrics = new RequestMetrics(registry, statPrefix, budget, overflow)
  const read = () => registry.read((name) => name.startsWith('meltemi.'))
  /** `service version method response` and how many, without those that count nothing. */
  const counted = () =>
    Object.fromEntries(
      read().flatMap((metric) => {
        if (metric.kind !== 'counter' || metric.value === 0) return []
        return [[[...(readLabels(metric.name)?.labels.values() ?? [])].join(' '), metric.value]]
      }),
    )
  const overflows = () =>
    registry.read((name) => name === 'overflow').map((metric) => metric.kind === 'counter' && metric.value)[0]
  return { registry, metrics, read, counted, overflows }
}

function call(method: string | undefined, operation = ''): Metadata {
  const request = new Metadata()
  request.message = Buffer.from('bytes')
  request.operation = operation
  if (method !== undefined) request.set('method', method)
  return request
}

test('requests are counted by service, version, method and response', () => {
  const { metrics, counted } = start()
  const [v1, v2] = [`outbound|9090|v1|${HOST}`, `outbound|9090|v2|${HOST}`]
  metrics.record(call('get'), v1, ResponseKind.Success, 1)
  metrics.record(call('get'), v1, ResponseKind.Success, 1)
  metrics.record(call('get'), v2, ResponseKind.Error, 1)
  metrics.record(call('put'), v2, ResponseKind.Local, 1)
  metrics.record(call(undefined, 'Users/list'), `outbound|9090||${HOST}`, ResponseKind.None, 1)
  metrics.record(call(undefined), '', ResponseKind.Local, 1)
  metrics.record(call('get'), 'own-name', ResponseKind.Success, 1)
  assert.deepEqual(counted(), {
    [`${HOST} v1 get success`]: 2,
    [`${HOST} v2 get error`]: 1,
    [`${HOST} v2 put local`]: 1,
    [`${HOST} unknown Users/list none`]: 1,
    [`${HOST} unknown unknown local`]: 1,
    [`${HOST} own-name get success`]: 1,
  })
})

test('a listener that the control plane has not named is its own service', () => {
  for (const prefix of ['greeter', 'inbound|7070||']) {
    const { metrics, counted } = start(prefix)
    metrics.record(call('get'), 'c', ResponseKind.Success, 1)
    assert.deepEqual(counted(), { [`${prefix} c get success`]: 1 })
  }
})

test('the time of a request without a reply is not recorded', () => {
  const { metrics, read } = start()
  metrics.record(call('get'), 'c', ResponseKind.Success, 10)
  metrics.record(call('get'), 'c', ResponseKind.Local, 30)
  metrics.record(call('get'), 'c', ResponseKind.None, 1000)
  const histograms = read().flatMap((metric) => (metric.kind === 'histogram' ? [metric.histogram] : []))
  assert.deepEqual(
    histograms.filter(({ count }) => count > 0).map(({ count, sum }) => [count, sum]),
    [[2, 40]],
  )
})

test('methods beyond 200, and very long ones, are told as others; those that are known stay', () => {
  const { metrics, counted, overflows } = start('s')
  for (let n = 0; n < 300; n++) metrics.record(call(`m${n}`), 'c', ResponseKind.Success, 1)
  metrics.record(call('m7'), 'c', ResponseKind.Success, 1)
  metrics.record(call('m7'), 'd', ResponseKind.Success, 1)
  metrics.record(call('x'.repeat(129)), 'd', ResponseKind.Error, 1)
  const all = counted()
  assert.equal(all['s c m199 success'], 1)
  assert.equal(all['s c m200 success'], undefined)
  assert.equal(all['s c _other success'], 100)
  assert.equal(all['s c m7 success'], 2)
  assert.equal(all['s d m7 success'], 1)
  assert.equal(all['s d _other error'], 1)
  assert.equal(overflows(), 101)
})

test('when all listeners have as many series as they may have, only the service is told', () => {
  const budget = new SeriesBudget(3)
  const { metrics, counted, overflows } = start('s', budget)
  for (let n = 0; n < 5; n++) metrics.record(call(`m${n}`), 'c', ResponseKind.Success, 1)
  assert.deepEqual(counted(), {
    's c m0 success': 1,
    's c m1 success': 1,
    's c m2 success': 1,
    's _other _other success': 2,
  })
  assert.equal(overflows(), 2)
  const other = start('t', budget)
  other.metrics.record(call('a'), 'c', ResponseKind.Success, 1)
  assert.deepEqual(other.counted(), { 't _other _other success': 1 })
  metrics.release()
  metrics.release()
  other.metrics.record(call('a'), 'c', ResponseKind.Success, 1)
  assert.equal(other.counted()['t c a success'], 1)
  assert.ok(budget.tryTake())
  assert.ok(budget.tryTake())
  assert.ok(!budget.tryTake())
})

test('series of a service that is gone are no longer shown', () => {
  const { metrics, read } = start()
  metrics.record(call('get'), 'c', ResponseKind.Success, 1)
  metrics.release()
  assert.deepEqual(read(), [])
})

test('series of a cluster that is gone are no longer shown, and there is room for others', () => {
  const budget = new SeriesBudget(2)
  const { metrics, read, counted } = start('s', budget)
  const [first, second] = [`outbound|1|v1|${HOST}`, `outbound|2|v1|${HOST}`]
  metrics.record(call('get'), first, ResponseKind.Success, 1)
  metrics.record(call('get'), second, ResponseKind.Success, 1)
  assert.deepEqual(counted(), { 's v1 get success': 2 })
  budget.forget(first)
  assert.deepEqual(counted(), { 's v1 get success': 2 }, 'another cluster has this version')
  budget.forget(second)
  budget.forget('never there')
  assert.deepEqual(counted(), {})
  for (let n = 0; n < 10; n++) {
    metrics.record(call('get'), `c${n}`, ResponseKind.Success, 1)
    budget.forget(`c${n}`)
  }
  metrics.record(call('get'), 'c1', ResponseKind.Success, 1)
  assert.deepEqual(counted(), { 's c1 get success': 1 })
  metrics.release()
  assert.deepEqual([read().length, budget.owners.size], [0, 0])
})

test('a method that is no text takes one series, however often it is called', () => {
  const { metrics, counted } = start('s', new SeriesBudget(1))
  for (let n = 0; n < 3; n++) metrics.record(call('\ud800'), 'c', ResponseKind.Success, 1)
  assert.deepEqual(counted(), { 's c \ufffd success': 3 })
})

test('what stands for a client that has not spoken yet is no request', () => {
  const { metrics, counted } = start()
  metrics.record(new Metadata(), '', ResponseKind.None, 1)
  assert.deepEqual(counted(), {})
})

test('a method named as what stands for others is one of them', () => {
  const { metrics, counted } = start('s')
  metrics.record(call('_other'), 'c', ResponseKind.Success, 1)
  metrics.record(call('__proto__'), 'c', ResponseKind.Success, 1)
  assert.deepEqual(counted(), { 's c _other success': 1, 's c __proto__ success': 1 })
})
