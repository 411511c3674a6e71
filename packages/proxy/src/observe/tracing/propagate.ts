import { keyIn } from './incoming-context.ts'
import { ContextForms } from './parent-context.ts'

/** Whose properties can be changed: an exchange. */
export interface Carrier {
  mutateRequest(key: string, value: string | undefined): void
}

export interface SentContext {
  /** In which forms. */
  readonly forms: ContextForms
  /** Keys that the request has in another case, see IncomingContext. */
  readonly otherKeys: readonly string[]
  readonly traceId: string
  readonly isDebug: boolean
}

const TRACE_DIGITS = 32

/** Writes the context of a traced request: whoever gets it is a child of the span `spanId`. */
export function sendContext(carrier: Carrier, context: SentContext, spanId: string, parentSpanId: string): void {
  const { forms, otherKeys, traceId, isDebug } = context
  if ((forms & ContextForms.W3c) !== 0) {
    carrier.mutateRequest(keyIn(otherKeys, 'traceparent'), `00-${traceId.padStart(TRACE_DIGITS, '0')}-${spanId}-01`)
  }
  if ((forms & ContextForms.B3) !== 0) {
    carrier.mutateRequest(keyIn(otherKeys, 'b3'), `${traceId}-${spanId}-${isDebug ? 'd' : '1'}-${parentSpanId}`)
  }
  if ((forms & ContextForms.B3Multi) === 0) return
  carrier.mutateRequest(keyIn(otherKeys, 'x-b3-traceid'), traceId)
  carrier.mutateRequest(keyIn(otherKeys, 'x-b3-spanid'), spanId)
  carrier.mutateRequest(keyIn(otherKeys, 'x-b3-parentspanid'), parentSpanId)
  // instead of, not beside
  if (isDebug) carrier.mutateRequest(keyIn(otherKeys, 'x-b3-flags'), '1')
  else carrier.mutateRequest(keyIn(otherKeys, 'x-b3-sampled'), '1')
}

/** Tells those behind us that it is not traced. `traceparent`: what W3C's form is to say. */
export function sendUntraced(
  carrier: Carrier,
  forms: ContextForms,
  otherKeys: readonly string[],
  traceparent: string,
): void {
  if ((forms & ContextForms.W3c) !== 0) carrier.mutateRequest(keyIn(otherKeys, 'traceparent'), traceparent)
  if ((forms & ContextForms.B3) !== 0) carrier.mutateRequest(keyIn(otherKeys, 'b3'), '0')
  if ((forms & ContextForms.B3Multi) !== 0) carrier.mutateRequest(keyIn(otherKeys, 'x-b3-sampled'), '0')
}
