/** The context of a trace, in the forms that it travels in. */

/** Bits. */
export const ContextForms = { None: 0, W3c: 1, B3: 2, B3Multi: 4 } as const
export type ContextForms = number

/** What the caller has decided. */
export const Sampled = { Unknown: 0, No: 1, Yes: 2 } as const
export type Sampled = (typeof Sampled)[keyof typeof Sampled]

export interface ParentContext {
  /** 16 or 32 digits in lower case; empty: only a decision came. */
  readonly traceId: string
  /** Of the caller's span, 16 digits; empty as `traceId` is. */
  readonly spanId: string
  /** Of the caller's caller; empty: not told. */
  readonly parentSpanId: string
  readonly sampled: Sampled
  /** B3: traced whatever the shares are. */
  readonly isDebug: boolean
  readonly form: ContextForms
}

const W3C = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const B3 = /^([0-9a-f]{16}|[0-9a-f]{32})-([0-9a-f]{16})(?:-([01d]))?(?:-([0-9a-f]{16}))?$/
const TRACE_ID = /^(?:[0-9a-f]{16}|[0-9a-f]{32})$/
const SPAN_ID = /^[0-9a-f]{16}$/
const ZEROS = /^0+$/
const W3C_HEAD = '00-'
const W3C_AT = { span: 36, end: 55 } as const
const NO_TRACE = '0'.repeat(32)
const NO_SPAN = '0'.repeat(16)
const UNTRACED_FLAGS = '-00'
const INVALID_VERSION = 'ff'
const FIRST_VERSION = '00'
const SAMPLED_FLAG = 1
const DASH = 0x2d
const ZERO = 0x30

/** `00-<trace>-<span>-<flags>`; later versions may have more behind that. null: it is not valid. */
export function readW3c(traceparent: string): ParentContext | null {
  const found = W3C.exec(traceparent)
  if (found === null) return null
  const [, version = '', traceId = '', spanId = '', flags = '', more] = found
  if (version === INVALID_VERSION || (version === FIRST_VERSION && more !== undefined)) return null
  if (ZEROS.test(traceId) || ZEROS.test(spanId)) return null
  const sampled = (Number.parseInt(flags, 16) & SAMPLED_FLAG) === 0 ? Sampled.No : Sampled.Yes
  return { traceId, spanId, parentSpanId: '', sampled, isDebug: false, form: ContextForms.W3c }
}

/**
 * The decision of a `traceparent` that says no in the usual way; null: it is another one. Of its ids it is only asked
 * whether there are any, for nobody needs them, and that takes more time than all the rest.
 */
export function readUntracedW3c(traceparent: string): ParentContext | null {
  const isUntraced =
    traceparent.length === W3C_AT.end &&
    traceparent.startsWith(W3C_HEAD) &&
    traceparent.charCodeAt(W3C_AT.span - 1) === DASH &&
    traceparent.endsWith(UNTRACED_FLAGS, W3C_AT.end) &&
    !isZeros(traceparent, W3C_HEAD.length, NO_TRACE) &&
    !isZeros(traceparent, W3C_AT.span, NO_SPAN)
  return isUntraced ? NOT_TRACED : null
}

/** One digit is looked at first: it is enough for most ids. */
function isZeros(text: string, at: number, zeros: string): boolean {
  return text.charCodeAt(at + 1) === ZERO && text.startsWith(zeros, at)
}

/** `<trace>-<span>[-<0|1|d>[-<parent>]]`, or the decision alone. null: it is not valid. */
export function readB3(b3: string): ParentContext | null {
  const form = ContextForms.B3
  const text = b3.toLowerCase()
  if (text === '0' || text === '1' || text === 'd') return { ...NO_IDS, ...decision(text), form }
  const [found, traceId = '', spanId = '', sampled, parentSpanId = ''] = B3.exec(text) ?? []
  if (found === undefined || ZEROS.test(traceId) || ZEROS.test(spanId)) return null
  return { traceId, spanId, parentSpanId, ...decision(sampled), form }
}

export interface B3Properties {
  readonly b3TraceId: string
  readonly b3SpanId: string
  readonly b3ParentSpanId: string
  readonly b3Sampled: string
  readonly b3Flags: string
}

/** The properties `x-b3-*`. null: they make no sense. */
export function readB3Multi(properties: B3Properties): ParentContext | null {
  const form = ContextForms.B3Multi
  const traceId = properties.b3TraceId.toLowerCase()
  const spanId = properties.b3SpanId.toLowerCase()
  const parentSpanId = properties.b3ParentSpanId.toLowerCase()
  const made = decision(properties.b3Flags === '1' ? 'd' : properties.b3Sampled)
  if (traceId === '' && spanId === '') return { ...NO_IDS, ...made, form }
  if (!TRACE_ID.test(traceId) || !SPAN_ID.test(spanId) || ZEROS.test(traceId) || ZEROS.test(spanId)) return null
  return { traceId, spanId, parentSpanId: SPAN_ID.test(parentSpanId) ? parentSpanId : '', ...made, form }
}

const NO_IDS = { traceId: '', spanId: '', parentSpanId: '' } as const
const NOT_TRACED: ParentContext = { ...NO_IDS, sampled: Sampled.No, isDebug: false, form: ContextForms.W3c }

function decision(text: string | undefined): { sampled: Sampled; isDebug: boolean } {
  switch (text) {
    case 'd':
      return { sampled: Sampled.Yes, isDebug: true }
    case '1':
    case 'true':
      return { sampled: Sampled.Yes, isDebug: false }
    case '0':
    case 'false':
      return { sampled: Sampled.No, isDebug: false }
    default:
      return { sampled: Sampled.Unknown, isDebug: false }
  }
}
