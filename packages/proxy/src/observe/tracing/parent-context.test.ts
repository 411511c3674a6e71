import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Metadata } from '@meltemi/sdk'
import { IncomingContext, keyIn } from './incoming-context.ts'
import { ContextForms, readB3, readB3Multi, readUntracedW3c, readW3c, Sampled } from './parent-context.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'
const PARENT = '00f067aa0ba902b7'

describe('traceparent', () => {
  test('names trace, span and decision', () => {
    assert.deepEqual(readW3c(`00-${TRACE}-${SPAN}-01`), {
      traceId: TRACE,
      spanId: SPAN,
      parentSpanId: '',
      sampled: Sampled.Yes,
      isDebug: false,
      form: ContextForms.W3c,
    })
    assert.equal(readW3c(`00-${TRACE}-${SPAN}-00`)?.sampled, Sampled.No)
    // other flags mean nothing to us
    assert.equal(readW3c(`00-${TRACE}-${SPAN}-03`)?.sampled, Sampled.Yes)
  })

  test('of a later version may have more', () => {
    assert.equal(readW3c(`01-${TRACE}-${SPAN}-01-more`)?.traceId, TRACE)
    assert.equal(readW3c(`00-${TRACE}-${SPAN}-01-more`), null)
    assert.equal(readW3c(`01-${TRACE}-${SPAN}-01more`), null)
  })

  test('that is not valid is as none', () => {
    const bad = [
      '',
      `ff-${TRACE}-${SPAN}-01`,
      `00-${'0'.repeat(32)}-${SPAN}-01`,
      `00-${TRACE}-${'0'.repeat(16)}-01`,
      `00-${TRACE.toUpperCase()}-${SPAN}-01`,
      `00-${TRACE.slice(1)}-${SPAN}-01`,
      `00-${TRACE}-${SPAN}`,
      `00-${TRACE}-${SPAN}-1`,
      `00-${TRACE}-${SPAN}-01\n`,
    ]
    for (const text of bad) assert.equal(readW3c(text), null, text)
  })
})

describe('b3', () => {
  const form = ContextForms.B3

  test('in one property has ids, decision and parent, of which the last two may be missing', () => {
    const all = { traceId: TRACE, spanId: SPAN, parentSpanId: PARENT, sampled: Sampled.Yes, isDebug: false, form }
    assert.deepEqual(readB3(`${TRACE}-${SPAN}-1-${PARENT}`), all)
    assert.deepEqual(readB3(`${TRACE}-${SPAN}-d-${PARENT}`), { ...all, isDebug: true })
    assert.deepEqual(readB3(`${TRACE}-${SPAN}-0`), { ...all, parentSpanId: '', sampled: Sampled.No })
    assert.deepEqual(readB3(`${TRACE}-${SPAN}`), { ...all, parentSpanId: '', sampled: Sampled.Unknown })
    assert.equal(readB3(`${TRACE.slice(16)}-${SPAN}-1`)?.traceId, TRACE.slice(16))
  })

  test('may be the decision alone', () => {
    const none = { traceId: '', spanId: '', parentSpanId: '', isDebug: false, form }
    assert.deepEqual(readB3('0'), { ...none, sampled: Sampled.No })
    assert.deepEqual(readB3('1'), { ...none, sampled: Sampled.Yes })
    assert.deepEqual(readB3('d'), { ...none, sampled: Sampled.Yes, isDebug: true })
    for (const bad of [
      '',
      '2',
      TRACE,
      `${TRACE}-`,
      `${TRACE}-${SPAN}-2`,
      `${'0'.repeat(32)}-${SPAN}-1`,
      `x-${SPAN}-1`,
    ]) {
      assert.equal(readB3(bad), null, bad)
    }
  })

  test('in several properties says the same', () => {
    const none = { b3TraceId: '', b3SpanId: '', b3ParentSpanId: '', b3Sampled: '', b3Flags: '' }
    const ids = { ...none, b3TraceId: TRACE.toUpperCase(), b3SpanId: SPAN, b3ParentSpanId: PARENT }
    const read = { traceId: TRACE, spanId: SPAN, parentSpanId: PARENT, isDebug: false, form: ContextForms.B3Multi }
    assert.deepEqual(readB3Multi({ ...ids, b3Sampled: '1' }), { ...read, sampled: Sampled.Yes })
    assert.deepEqual(readB3Multi({ ...ids, b3Sampled: 'false' }), { ...read, sampled: Sampled.No })
    assert.deepEqual(readB3Multi({ ...ids, b3Flags: '1' }), { ...read, sampled: Sampled.Yes, isDebug: true })
    assert.deepEqual(readB3Multi(ids), { ...read, sampled: Sampled.Unknown })
    assert.equal(readB3Multi({ ...none, b3Sampled: '0' })?.sampled, Sampled.No)
    assert.equal(readB3Multi({ ...ids, b3SpanId: '' }), null)
    assert.equal(readB3Multi({ ...ids, b3TraceId: 'xyz' }), null)
  })
})

describe('what a request says of its trace', () => {
  const read = (pairs: Readonly<Record<string, string>>) => {
    const request = new Metadata()
    for (const [key, value] of Object.entries(pairs)) request.set(key, value)
    return new IncomingContext().read(request)
  }

  test('is found whatever the case of its keys, which are remembered', () => {
    const found = read({
      method: 'x',
      Traceparent: `00-${TRACE}-${SPAN}-01`,
      'X-B3-TraceId': TRACE,
      'x-b3-spanid': SPAN,
    })
    assert.equal(found.parent(true)?.form, ContextForms.W3c)
    assert.equal(found.parent(false)?.form, ContextForms.B3Multi)
    assert.equal(found.forms, ContextForms.W3c | ContextForms.B3Multi)
    assert.equal(keyIn(found.otherKeys, 'x-b3-traceid'), 'X-B3-TraceId')
    assert.equal(keyIn(found.otherKeys, 'x-b3-spanid'), 'x-b3-spanid')
    assert.equal(keyIn(found.otherKeys, 'b3'), 'b3')
  })

  test('of two forms the other one counts where one is not valid', () => {
    const found = read({ traceparent: 'nonsense', b3: `${TRACE}-${SPAN}-0` })
    assert.equal(found.parent(true)?.form, ContextForms.B3)
    assert.equal(read({ traceparent: 'nonsense' }).parent(true), null)
    assert.equal(read({ b3: 'nonsense', 'x-b3-sampled': '0' }).parent(false)?.sampled, Sampled.No)
  })

  test('does not outlast the request', () => {
    const context = new IncomingContext()
    const request = new Metadata()
    for (const key of [
      'x-request-id',
      'traceparent',
      'tracestate',
      'b3',
      'x-b3-traceid',
      'x-b3-spanid',
      'X-B3-Sampled',
    ]) {
      request.set(key, 'value')
    }
    for (const key of ['x-b3-parentspanid', 'x-b3-flags', 'x-client-trace-id', 'x-envoy-force-trace']) {
      request.set(key, 'value')
    }
    const empty = { ...new IncomingContext() }
    assert.ok(Object.entries(context.read(request)).every(([, value]) => value.length > 0))
    assert.deepEqual({ ...context.read(new Metadata()) }, empty)
  })
})

test('a traceparent that says no is taken at its word, if it has ids', () => {
  assert.equal(readUntracedW3c(`00-${TRACE}-${SPAN}-00`)?.sampled, Sampled.No)
  const others = [
    `00-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-10`,
    `01-${TRACE}-${SPAN}-00`,
    `00-${TRACE}-${SPAN}-00-`,
    `00-${TRACE}x${SPAN}-00`,
    `00-${TRACE}-${SPAN}x00`,
    `00-${'0'.repeat(32)}-${SPAN}-00`,
    `00-${TRACE}-${'0'.repeat(16)}-00`,
    '',
  ]
  for (const text of others) assert.equal(readUntracedW3c(text), null, text)
})
