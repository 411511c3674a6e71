import type { Metadata } from '@meltemi/sdk'
import { ContextForms, type ParentContext, readB3, readB3Multi, readUntracedW3c, readW3c } from './parent-context.ts'

const X = 0x78
const T = 0x74
const B = 0x62
const LOWER = 0x20
/** Of keys, but for `b3`. */
const SHORTEST = 10
const LONGEST = 19
const NO_KEYS: readonly string[] = []

/** What a request says of the trace that it belongs to. One per thread, used again for every request. */
export class IncomingContext {
  requestId = ''
  traceparent = ''
  tracestate = ''
  b3 = ''
  b3TraceId = ''
  b3SpanId = ''
  b3ParentSpanId = ''
  b3Sampled = ''
  b3Flags = ''
  clientTraceId = ''
  forceTrace = ''
  /** Keys that are not written in lower case: one in lower case and one as it is, in turn. */
  otherKeys: readonly string[] = NO_KEYS
  #isEmpty = true

  /** Keys are compared without case; of several the last one counts, as in `Metadata.find`. */
  read(request: Metadata): this {
    if (!this.#isEmpty) this.#clear()
    const { size } = request
    for (let at = 0; at < size; at++) {
      const key = request.key(at)
      const first = key.charCodeAt(0) | LOWER
      if (first === X || first === T || first === B) this.#take(request, key, at)
    }
    return this
  }

  /** The forms that are there: they are what whoever reads the request looks for. */
  get forms(): ContextForms {
    let forms: ContextForms = ContextForms.None
    if (this.traceparent !== '') forms |= ContextForms.W3c
    if (this.b3 !== '') forms |= ContextForms.B3
    if (this.#hasB3Multi) forms |= ContextForms.B3Multi
    return forms
  }

  /** null: there is none that makes sense. `prefersW3c`: where there are several. */
  parent(prefersW3c: boolean): ParentContext | null {
    if (prefersW3c) return this.#w3c() ?? this.#anyB3()
    return this.#anyB3() ?? this.#w3c()
  }

  /** The same, as far as the decision goes: of what is not to be traced the ids may be missing. */
  decision(prefersW3c: boolean): ParentContext | null {
    if (this.#isEmpty) return null
    if (this.traceparent !== '' && (prefersW3c || (this.b3 === '' && !this.#hasB3Multi))) {
      const untraced = readUntracedW3c(this.traceparent)
      if (untraced !== null) return untraced
    }
    return this.parent(prefersW3c)
  }

  get #hasB3Multi(): boolean {
    return this.b3TraceId !== '' || this.b3Sampled !== '' || this.b3Flags !== ''
  }

  #w3c(): ParentContext | null {
    return this.traceparent === '' ? null : readW3c(this.traceparent)
  }

  #anyB3(): ParentContext | null {
    const single = this.b3 === '' ? null : readB3(this.b3)
    return single === null && this.#hasB3Multi ? readB3Multi(this) : single
  }

  #take(request: Metadata, key: string, at: number): void {
    const { length } = key
    if ((length !== 2 && (length < SHORTEST || length > LONGEST)) || this.#set(key, request, at)) return
    const lower = key.toLowerCase()
    if (lower !== key && this.#set(lower, request, at)) this.otherKeys = [...this.otherKeys, lower, key]
  }

  /** False: it is none of ours. */
  #set(key: string, request: Metadata, at: number): boolean {
    this.#isEmpty = false
    switch (key) {
      case 'x-request-id':
        this.requestId = request.value(at)
        return true
      case 'traceparent':
        this.traceparent = request.value(at)
        return true
      case 'tracestate':
        this.tracestate = request.value(at)
        return true
      case 'b3':
        this.b3 = request.value(at)
        return true
      case 'x-b3-traceid':
        this.b3TraceId = request.value(at)
        return true
      case 'x-b3-spanid':
        this.b3SpanId = request.value(at)
        return true
      case 'x-b3-parentspanid':
        this.b3ParentSpanId = request.value(at)
        return true
      case 'x-b3-sampled':
        this.b3Sampled = request.value(at)
        return true
      case 'x-b3-flags':
        this.b3Flags = request.value(at)
        return true
      case 'x-client-trace-id':
        this.clientTraceId = request.value(at)
        return true
      case 'x-envoy-force-trace':
        this.forceTrace = request.value(at)
        return true
      default:
        return false
    }
  }

  #clear(): void {
    this.#isEmpty = true
    this.requestId = ''
    this.traceparent = ''
    this.tracestate = ''
    this.b3 = ''
    this.b3TraceId = ''
    this.b3SpanId = ''
    this.b3ParentSpanId = ''
    this.b3Sampled = ''
    this.b3Flags = ''
    this.clientTraceId = ''
    this.forceTrace = ''
    this.otherKeys = NO_KEYS
  }
}

/** The key under which a property is in a request, or is to be put there. */
export function keyIn(otherKeys: readonly string[], lower: string): string {
  for (let at = otherKeys.length - 2; at >= 0; at -= 2) if (otherKeys[at] === lower) return otherKeys[at + 1] as string
  return lower
}
