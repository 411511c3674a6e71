/** Spans as an OpenTelemetry collector takes them: field `spans` of a ScopeSpans, one behind the other. */

import { fieldBytes, ProtoWriter } from '../../util/proto-writer.ts'
import type { BatchWriter } from '../export/batch-writer.ts'
import type { Span, SpanEncoder } from './span.ts'

const SPANS = 2
const FIELD = {
  traceId: 1,
  spanId: 2,
  traceState: 3,
  parentSpanId: 4,
  name: 5,
  kind: 6,
  start: 7,
  end: 8,
  attributes: 9,
  events: 11,
  status: 15,
  flags: 16,
} as const
const EVENT = { time: 1, name: 2 } as const
const TIME_BYTES = 9
const STATUS = { message: 2, code: 3 } as const
const ATTRIBUTE = { key: 1, value: 2 } as const
const STRING_VALUE = 1
const KINDS = { server: 2, client: 3 } as const
const ERROR = 2
const CODE_BYTES = 2
/** Bit 0: sampled. Bit 8: the two that follow it, whether the parent is elsewhere, are not told. */
const SAMPLED = 1
const TRACE_DIGITS = 32

export class OtlpEncoder implements SpanEncoder {
  readonly #span = new ProtoWriter()
  readonly #field = new ProtoWriter()

  write(span: Span, writer: BatchWriter): void {
    const out = this.#span.reset()
    out.hex(FIELD.traceId, span.traceId.padStart(TRACE_DIGITS, '0'))
    out.hex(FIELD.spanId, span.spanId)
    if (span.traceState !== '') out.text(FIELD.traceState, span.traceState)
    if (span.parentSpanId !== '') out.hex(FIELD.parentSpanId, span.parentSpanId)
    out.text(FIELD.name, span.name)
    out.varint(FIELD.kind, KINDS[span.kind])
    out.time(FIELD.start, span.startMs)
    out.time(FIELD.end, Math.max(span.startMs, span.endMs))
    for (let at = 0; at < span.tags.length; at += 2) {
      writeAttribute(out, FIELD.attributes, span.tags[at] as string, span.tags[at + 1] as string)
    }
    for (let at = 0; at < span.events.length; at += 2) {
      writeEvent(out, span.events[at] as string, span.events[at + 1] as number)
    }
    if (span.error !== null) writeError(out, span.error)
    out.fixed32(FIELD.flags, SAMPLED)
    const field = this.#field.reset()
    field.raw(SPANS, out.bytes)
    writer.addBytes(field.bytes)
  }
}

/** A KeyValue whose value is text. */
export function writeAttribute(out: ProtoWriter, field: number, key: string, value: string): void {
  const valueBytes = fieldBytes(Buffer.byteLength(value))
  out.begin(field, fieldBytes(Buffer.byteLength(key)) + fieldBytes(valueBytes))
  out.text(ATTRIBUTE.key, key)
  out.begin(ATTRIBUTE.value, valueBytes)
  out.text(STRING_VALUE, value)
}

function writeEvent(out: ProtoWriter, name: string, timeMs: number): void {
  out.begin(FIELD.events, TIME_BYTES + fieldBytes(Buffer.byteLength(name)))
  out.time(EVENT.time, timeMs)
  out.text(EVENT.name, name)
}

function writeError(out: ProtoWriter, message: string): void {
  out.begin(FIELD.status, fieldBytes(Buffer.byteLength(message)) + CODE_BYTES)
  out.text(STATUS.message, message)
  out.varint(STATUS.code, ERROR)
}
