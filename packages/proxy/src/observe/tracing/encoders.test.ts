import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { systemClock } from '@meltemi/runtime'
import { BatchWriter } from '../export/batch-writer.ts'
import { otlpRequest } from '../export/otlp-request.ts'
import type { Batch } from '../export/outlet.ts'
import { OtlpEncoder } from './otlp-encoder.ts'
import type { Span, SpanEncoder } from './span.ts'
import { ZipkinEncoder } from './zipkin-encoder.ts'

const SPAN: Span = {
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  parentSpanId: '00f067aa0ba902b7',
  name: 'egress a/b',
  kind: 'client',
  startMs: 1_700_000_000_000.25,
  endMs: 1_700_000_000_001.75,
  tags: ['key', 'wörld "quoted"', 'long', 'x'.repeat(300)],
  events: ['sent', 1_700_000_000_001],
  error: 'no',
  localAddress: '127.0.0.1',
  localPort: 1,
  remoteAddress: '::1',
  remotePort: 2,
  isShared: false,
  isDebug: false,
  traceState: 'a=b',
}

function encode(encoder: SpanEncoder, ...spans: readonly Span[]): Buffer {
  const batches: Batch[] = []
  const nothing = { add() {} }
  const writer = new BatchWriter({
    destination: { kind: 'log', key: '', sink: { kind: 'stdout' } },
    outlet: { send: (batch) => batches.push(batch) > 0 },
    clock: systemClock,
    stats: { dropped: nothing, flushedByTimer: nothing },
    flushMs: 1000,
  })
  for (const span of spans) encoder.write(span, writer)
  writer.flush()
  assert.equal(
    batches.reduce((sum, { count }) => sum + count, 0),
    spans.length,
  )
  return Buffer.concat(batches.map(({ bytes }) => bytes))
}

describe('Zipkin’s JSON', () => {
  const read = (...spans: readonly Span[]) => {
    const text = encode(new ZipkinEncoder('me'), ...spans).toString()
    assert.ok(text.endsWith(','))
    return JSON.parse(`[${text.slice(0, -1)}]`) as Record<string, unknown>[]
  }

  test('has all of a span', () => {
    assert.deepEqual(read(SPAN), [
      {
        traceId: SPAN.traceId,
        id: SPAN.spanId,
        parentId: SPAN.parentSpanId,
        kind: 'CLIENT',
        name: 'egress a/b',
        timestamp: 1_700_000_000_000_250,
        duration: 1500,
        localEndpoint: { serviceName: 'me', ipv4: '127.0.0.1', port: 1 },
        remoteEndpoint: { ipv6: '::1', port: 2 },
        annotations: [{ timestamp: 1_700_000_000_001_000, value: 'sent' }],
        tags: { key: 'wörld "quoted"', long: 'x'.repeat(300) },
      },
    ])
  })

  test('leaves out what is not known, and has each key once', () => {
    const least = { ...SPAN, parentSpanId: '', events: [], remoteAddress: '', localAddress: '', endMs: SPAN.startMs }
    const [first, second] = read({ ...least, tags: ['a', '1', 'a', '2'], isShared: true, isDebug: true }, SPAN)
    assert.deepEqual(first, {
      traceId: SPAN.traceId,
      id: SPAN.spanId,
      kind: 'CLIENT',
      name: 'egress a/b',
      timestamp: 1_700_000_000_000_250,
      duration: 1,
      localEndpoint: { serviceName: 'me' },
      tags: { a: '2' },
      shared: true,
      debug: true,
    })
    assert.equal(second?.['id'], SPAN.spanId)
  })
})

/** Fields by number, as far as nobody knows what is in them. */
function fields(bytes: Buffer): Map<number, (bigint | Buffer)[]> {
  const found = new Map<number, (bigint | Buffer)[]>()
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at++] as number
      value += (byte & 127) * factor
      if (byte < 128) return value
    }
  }
  const skip = (length: number): number => {
    at += length
    return at - length
  }
  while (at < bytes.length) {
    const tag = varint()
    const [field, type] = [tag >> 3, tag & 7]
    let value: bigint | Buffer
    if (type === 0) value = BigInt(varint())
    else if (type === 1) value = bytes.readBigUInt64LE(skip(8))
    else if (type === 5) value = BigInt(bytes.readUInt32LE(skip(4)))
    else {
      assert.equal(type, 2)
      const length = varint()
      value = bytes.subarray(skip(length), at)
    }
    found.set(field, [...(found.get(field) ?? []), value])
  }
  assert.equal(at, bytes.length)
  return found
}

function bytesOf(message: ReturnType<typeof fields>, field: number, index = 0): Buffer {
  const value = message.get(field)?.[index]
  if (!(value instanceof Buffer)) assert.fail(`field ${field} has no bytes`)
  return value
}

const inner = (message: ReturnType<typeof fields>, field: number, index = 0) => fields(bytesOf(message, field, index))

describe('OpenTelemetry’s protobuf', () => {
  test('has all of a span, in a request of its service', () => {
    const spans = encode(new OtlpEncoder(), SPAN, {
      ...SPAN,
      error: null,
      kind: 'server',
      traceId: SPAN.traceId.slice(16),
    })
    const resourceSpans = inner(fields(Buffer.from(otlpRequest('me', [spans]))), 1)
    const attribute = inner(inner(resourceSpans, 1), 1)
    assert.deepEqual(String(attribute.get(1)?.[0]), 'service.name')
    assert.deepEqual(String(inner(attribute, 2).get(1)?.[0]), 'me')
    const scopeSpans = inner(resourceSpans, 2)
    assert.equal(String(inner(scopeSpans, 1).get(1)?.[0]), 'meltemi')
    assert.equal(scopeSpans.get(2)?.length, 2)

    const span = inner(scopeSpans, 2)
    const hex = (field: number) => bytesOf(span, field).toString('hex')
    assert.deepEqual([hex(1), hex(2), hex(4)], [SPAN.traceId, SPAN.spanId, SPAN.parentSpanId])
    assert.deepEqual([String(span.get(3)?.[0]), String(span.get(5)?.[0])], ['a=b', 'egress a/b'])
    assert.deepEqual(span.get(6), [3n])
    assert.deepEqual([span.get(7), span.get(8)], [[1_700_000_000_000_250_000n], [1_700_000_000_001_750_000n]])
    assert.equal(span.get(9)?.length, 2)
    assert.equal(String(inner(span, 9).get(1)?.[0]), 'key')
    assert.equal(String(inner(inner(span, 9), 2).get(1)?.[0]), 'wörld "quoted"')
    assert.equal(String(inner(inner(span, 9, 1), 2).get(1)?.[0]), 'x'.repeat(300))
    assert.deepEqual(inner(span, 11).get(1), [1_700_000_000_001_000_000n])
    assert.equal(String(inner(span, 11).get(2)?.[0]), 'sent')
    assert.equal(String(inner(span, 15).get(2)?.[0]), 'no')
    assert.deepEqual(inner(span, 15).get(3), [2n])

    const other = inner(scopeSpans, 2, 1)
    assert.equal(bytesOf(other, 1).toString('hex'), `${'0'.repeat(16)}${SPAN.traceId.slice(16)}`)
    assert.deepEqual(other.get(6), [2n])
    assert.equal(other.get(15), undefined)
  })

  test('grows with what is in it', () => {
    const tags = Array.from({ length: 200 }, (_, n) => `${n}`.padEnd(200, 'x'))
    const spans = encode(new OtlpEncoder(), { ...SPAN, tags })
    assert.equal(inner(fields(spans), 2).get(9)?.length, 100)
  })
})
