import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { TracingConfig } from '@meltemi/api/model'
import { Metadata } from '@meltemi/sdk'
import { SeededRandom } from '../../util/random.ts'
import { decide } from './decide.ts'
import { IncomingContext } from './incoming-context.ts'
import { firstOf, RequestIds, reasonOf, TraceReason } from './request-ids.ts'
import { hex32, TraceIds } from './trace-ids.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331'
const ALL: TracingConfig = {
  clientSampling: 100,
  randomSampling: 10_000,
  overallSampling: 10_000,
  verbose: false,
  maxTagLength: 256,
  propagation: ['w3c'],
  provider: undefined,
  asConfigured: {},
}
const NONE = { ...ALL, clientSampling: 0, randomSampling: 0, overallSampling: 0 }
const random = new SeededRandom(7)

function decision(config: TracingConfig, pairs: Readonly<Record<string, string>>, first = 5_000): TraceReason {
  const request = new Metadata()
  for (const [key, value] of Object.entries(pairs)) request.set(key, value)
  const incoming = new IncomingContext().read(request)
  return decide(config, incoming, incoming.parent(false), first, random)
}

const id = (reason: string) => `12345678-1234-${reason}234-8234-123456789012`

describe('a request that has an id already', () => {
  test('is traced as its id says, whatever the shares are', () => {
    for (const config of [ALL, NONE]) {
      assert.equal(decision(config, { 'x-request-id': id('4') }), TraceReason.None)
      assert.equal(decision(config, { 'x-request-id': id('9') }), TraceReason.Sampled)
      assert.equal(decision(config, { 'x-request-id': id('a') }), TraceReason.Service)
      assert.equal(decision(config, { 'x-request-id': id('b') }), TraceReason.Client)
      // forced tracing is for those who make the id
      const forced = { 'x-request-id': id('4'), 'x-client-trace-id': 'x', 'x-envoy-force-trace': 'x' }
      assert.equal(decision(config, forced), TraceReason.None)
    }
  })

  test('is not traced when the id is none of ours', () => {
    for (const text of ['x', '1234567', 'zzzzzzzz-1234-9234-8234-123456789012', `${id('9')}0`, 'anything else']) {
      assert.equal(decision(ALL, { 'x-request-id': text }), TraceReason.None, text)
    }
  })

  test('follows the span that has called, before its id', () => {
    assert.equal(decision(NONE, { 'x-request-id': id('4'), b3: `${TRACE}-1` }), TraceReason.Sampled)
    assert.equal(decision(NONE, { 'x-request-id': id('b'), b3: `${TRACE}-1` }), TraceReason.Client)
    assert.equal(decision(ALL, { 'x-request-id': id('9'), b3: `${TRACE}-0` }), TraceReason.None)
    // whoever leaves the decision to others
    assert.equal(decision(NONE, { 'x-request-id': id('9'), b3: TRACE }), TraceReason.Sampled)
  })
})

describe('a request without an id', () => {
  test('is drawn by the number of the id that it gets', () => {
    const half = { ...ALL, randomSampling: 5_000 }
    assert.equal(decision(half, {}, 4_999), TraceReason.Sampled)
    assert.equal(decision(half, {}, 5_000), TraceReason.None)
    assert.equal(decision(half, {}, 994_999), TraceReason.Sampled)
    assert.equal(decision(NONE, {}, 0), TraceReason.None)
  })

  test('is traced when its client or a service asks for it', () => {
    const forced = { ...ALL, randomSampling: 0 }
    assert.equal(decision(forced, { 'x-client-trace-id': 'x' }), TraceReason.Client)
    assert.equal(decision({ ...forced, clientSampling: 0 }, { 'x-client-trace-id': 'x' }), TraceReason.None)
    assert.equal(decision(forced, { 'x-envoy-force-trace': 'x' }), TraceReason.Service)
    assert.equal(decision(forced, { 'x-client-trace-id': 'x', b3: `${TRACE}-0` }), TraceReason.Client)
  })

  test('of so many clients that ask so many are traced', () => {
    const config = { ...NONE, clientSampling: 30, overallSampling: 10_000 }
    let traced = 0
    for (let n = 0; n < 10_000; n++) if (decision(config, { 'x-client-trace-id': 'x' }) !== TraceReason.None) traced++
    assert.ok(Math.abs(traced - 3_000) < 200, String(traced))
  })

  test('follows the span that has called', () => {
    assert.equal(decision({ ...ALL, randomSampling: 0 }, { b3: `${TRACE}-1` }), TraceReason.Sampled)
    assert.equal(decision(ALL, { b3: `${TRACE}-0` }), TraceReason.None)
    assert.equal(decision(ALL, { b3: '0' }), TraceReason.None)
  })

  test('the overall share comes after it all, but for debugging', () => {
    const config = { ...ALL, overallSampling: 100 }
    for (const pairs of [{}, { 'x-client-trace-id': 'x' }, { 'x-envoy-force-trace': 'x' }, { b3: `${TRACE}-1` }]) {
      assert.notEqual(decision(config, pairs, 99), TraceReason.None)
      assert.equal(decision(config, pairs, 100), TraceReason.None)
    }
    assert.equal(decision(config, { b3: `${TRACE}-d` }, 100), TraceReason.Sampled)
  })
})

describe('ids of requests', () => {
  const ids = new RequestIds(new TraceIds())

  test('have the form of a UUID, with the reason in it', () => {
    for (const reason of Object.values(TraceReason)) {
      const first = ids.draw()
      const text = ids.text(hex32(first), reason)
      assert.match(text, /^[0-9a-f]{8}-[0-9a-f]{4}-[49ab][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
      assert.equal(firstOf(text), first)
      assert.equal(reasonOf(text), reason)
    }
  })

  test('are other ones each time, in all threads', () => {
    const other = new RequestIds(new TraceIds())
    const seen = new Set<string>()
    for (let n = 0; n < 50_000; n++) {
      seen.add(ids.next())
      seen.add(other.next())
    }
    assert.equal(seen.size, 100_000)
  })

  test('are spread evenly, so that a share of them is a share of requests', () => {
    const counts = new Array<number>(10).fill(0)
    let repeats = 0
    let before = -1
    for (let n = 0; n < 100_000; n++) {
      const tenth = Math.floor((ids.draw() % 10_000) / 1_000)
      counts[tenth] = (counts[tenth] as number) + 1
      if (tenth === before) repeats++
      before = tenth
    }
    for (const count of counts) assert.ok(Math.abs(count - 10_000) < 500, String(counts))
    assert.ok(Math.abs(repeats - 10_000) < 500, String(repeats))
  })
})
