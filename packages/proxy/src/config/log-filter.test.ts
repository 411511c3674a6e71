import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AccessLogFilter } from '@meltemi/api/model'
import { Metadata } from '@meltemi/sdk'
import { compileLogFilter, readsRequestId } from '../observe/access-log/log-filter.ts'
import { FAILURES, failure } from '../observe/failure-table.ts'
import type { ExchangeRecord } from '../observe/record.ts'
import { CompiledMatcher } from '../routing/match.ts'
import { SeededRandom } from '../util/random.ts'

const parts = {
  random: new SeededRandom(3),
  compileMatcher: (of: ConstructorParameters<typeof CompiledMatcher>[0]) => new CompiledMatcher(of),
}

function record(changes: Partial<ExchangeRecord> = {}, pairs: Readonly<Record<string, string>> = {}): ExchangeRecord {
  const request = new Metadata()
  for (const [key, value] of Object.entries(pairs)) request.set(key, value)
  return {
    request,
    reply: null,
    failure: null,
    isClientGone: false,
    startedMs: 10,
    endedMs: 20.9,
    traceId: '',
    ...changes,
  } as ExchangeRecord
}

const passes = (filter: AccessLogFilter, of: ExchangeRecord) => compileLogFilter(filter, parts)(of)
const FAILED = record({ failure: failure(FAILURES.connectTimeout, 'x') })
const LEFT = record({ isClientGone: true })

test('by code, by duration, and by whether it is traced', () => {
  const code = (op: 'EQ' | 'GE' | 'LE', value: number): AccessLogFilter => ({ kind: 'code', op, value })
  assert.deepEqual(
    [record(), FAILED, LEFT].map((of) => passes(code('EQ', 1), of)),
    [false, true, true],
  )
  assert.deepEqual(
    [record(), FAILED].map((of) => passes(code('LE', 0), of)),
    [true, false],
  )
  assert.deepEqual(
    [record(), FAILED].map((of) => passes(code('GE', 0), of)),
    [true, true],
  )
  const duration = (op: 'EQ' | 'GE' | 'LE', value: number) => passes({ kind: 'duration', op, value }, record())
  assert.deepEqual([duration('EQ', 10), duration('GE', 11), duration('LE', 11)], [true, false, true])
  assert.deepEqual(
    [passes({ kind: 'traced' }, record()), passes({ kind: 'traced' }, record({ traceId: 'a' }))],
    [false, true],
  )
})

test('by flags', () => {
  const flags = (...wanted: string[]): AccessLogFilter => ({ kind: 'flags', flags: wanted })
  assert.deepEqual(
    [record(), FAILED, LEFT].map((of) => passes(flags(), of)),
    [false, true, true],
  )
  assert.deepEqual(
    [FAILED, LEFT].map((of) => passes(flags('UF', 'UT'), of)),
    [true, false],
  )
})

test('by properties of the request or the reply', () => {
  const matcher = {
    name: 'Method',
    test: { kind: 'prefix' as const, text: 'a', ignoreCase: false },
    invert: false,
    treatMissingAsEmpty: false,
  }
  const filter = (of: 'request' | 'reply', passesMissing: boolean | undefined): AccessLogFilter => ({
    kind: 'property',
    of,
    matcher,
    passesMissing,
  })
  const requests = [record({}, { method: 'ab' }), record({}, { method: 'b' }), record()]
  assert.deepEqual(
    requests.map((of) => passes(filter('request', undefined), of)),
    [true, false, false],
  )
  assert.deepEqual(
    requests.map((of) => passes(filter('request', true), of)),
    [true, false, true],
  )
  assert.deepEqual(
    requests.map((of) => passes(filter('request', false), of)),
    [true, false, false],
  )
  const reply = new Metadata()
  reply.set('method', 'ab')
  assert.equal(passes(filter('reply', false), record({ reply })), true)
  assert.equal(passes(filter('reply', true), record()), true)
})

test('all of several, or any', () => {
  const constant = (value: boolean): AccessLogFilter => ({ kind: 'constant', passes: value })
  const of = (kind: 'and' | 'or', ...values: boolean[]) => passes({ kind, filters: values.map(constant) }, record())
  assert.deepEqual([of('and', true, true), of('and', true, false)], [true, false])
  assert.deepEqual([of('or', false, true), of('or', false, false)], [true, false])
})

test('a share, drawn by the id so that all logs agree, or for each', () => {
  const filter = (isIndependent: boolean): AccessLogFilter => ({
    kind: 'fraction',
    numerator: 30,
    denominator: 100,
    isIndependent,
  })
  const withId = (first: number) => record({}, { 'x-request-id': `${first.toString(16).padStart(8, '0')}-rest` })
  for (let n = 0; n < 200; n++) assert.equal(passes(filter(false), withId(n)), n % 100 < 30)
  const share = (isIndependent: boolean, of: ExchangeRecord) => {
    const compiled = compileLogFilter(filter(isIndependent), parts)
    let count = 0
    for (let n = 0; n < 10_000; n++) if (compiled(of)) count++
    return count
  }
  assert.ok(Math.abs(share(true, withId(99)) - 3000) < 200)
  assert.ok(Math.abs(share(false, record()) - 3000) < 200)
  assert.equal(share(false, withId(29)), 10_000)
})

test('whether it needs the id of a request is known of the filter and of all in it', () => {
  const fraction = (isIndependent: boolean): AccessLogFilter => ({
    kind: 'fraction',
    numerator: 1,
    denominator: 2,
    isIndependent,
  })
  const property = (name: string, of: 'request' | 'reply'): AccessLogFilter => ({
    kind: 'property',
    of,
    matcher: { name, test: { kind: 'present', present: true }, invert: false, treatMissingAsEmpty: false },
    passesMissing: undefined,
  })
  const needing = [fraction(false), property('X-Request-Id', 'request')]
  const others = [fraction(true), property('method', 'request'), property('x-request-id', 'reply')]
  const constant: AccessLogFilter = { kind: 'constant', passes: true }
  for (const kind of ['and', 'or'] as const) {
    for (const filter of needing) assert.equal(readsRequestId({ kind, filters: [constant, filter] }), true)
    assert.equal(readsRequestId({ kind, filters: others }), false)
  }
  assert.deepEqual([...needing, ...others].map(readsRequestId), [true, true, false, false, false])
})
