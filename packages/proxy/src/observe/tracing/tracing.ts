import type { ListenerConfig, Propagation, TracingConfig } from '@meltemi/api/model'
import type { Metadata } from '@meltemi/sdk'
import type { Random } from '../../util/random.ts'
import type { BatchWriter } from '../export/batch-writer.ts'
import { REQUEST_ID } from '../property-keys.ts'
import type { WallClock } from '../wall-clock.ts'
import { decide } from './decide.ts'
import { ExchangeSpan, type SpanContext, type SpanHost } from './exchange-span.ts'
import { type IncomingContext, keyIn } from './incoming-context.ts'
import { ContextForms, type ParentContext, Sampled } from './parent-context.ts'
import { type Carrier, sendUntraced } from './propagate.ts'
import { type RequestIds, TraceReason } from './request-ids.ts'
import type { Span, SpanEncoder } from './span.ts'
import { hex32, type TraceIds } from './trace-ids.ts'
import type { TracingStats } from './tracing-stats.ts'

/** What all that is traced in one thread shares. */
export interface ThreadTracing {
  readonly ids: TraceIds
  readonly requestIds: RequestIds
  readonly incoming: IncomingContext
  readonly random: Random
  readonly wallClock: WallClock
}

export interface TracingParts {
  readonly config: TracingConfig
  readonly direction: ListenerConfig['direction']
  readonly thread: ThreadTracing
  readonly nodeId: string
  readonly zone: string
  /** The codec can add properties to a request. */
  readonly canSend: boolean
  /** Somebody else asks for the id of each request. */
  readonly needsId: boolean
  readonly stats: TracingStats
  /** null: decisions are made, and nobody is told of spans. */
  readonly exporter: { readonly encoder: SpanEncoder; readonly writer: BatchWriter } | null
}

/** What is begun: an exchange. */
export interface Traced extends Carrier {
  readonly request: Metadata
}

const W3C_DIGITS = 32
const FORMS: Readonly<Record<Propagation, ContextForms>> = {
  w3c: ContextForms.W3c,
  b3: ContextForms.B3,
  b3multi: ContextForms.B3Multi,
}

/**
 * Traces the exchanges of one listener in one thread: decides which, continues the trace that a request belongs to or
 * begins one, and tells those behind. For what is not traced this is all that it costs.
 */
export class Tracing implements SpanHost {
  readonly config: TracingConfig
  readonly direction: ListenerConfig['direction']
  readonly nodeId: string
  readonly zone: string
  readonly canSend: boolean
  readonly ids: TraceIds
  readonly wallClock: WallClock
  readonly #thread: ThreadTracing
  readonly #needsId: boolean
  readonly #stats: TracingStats
  readonly #exporter: TracingParts['exporter']
  readonly #forms: ContextForms
  readonly #isW3c: boolean
  readonly #is128bit: boolean
  readonly #isShared: boolean
  /** Around the eight digits of a request's id they make a `traceparent` for those that are not traced. */
  readonly #untracedHead: string
  readonly #untracedTail: string

  constructor(parts: TracingParts) {
    const { config, thread } = parts
    const { provider } = config
    this.config = config
    this.direction = parts.direction
    this.nodeId = parts.nodeId
    this.zone = parts.zone
    this.canSend = parts.canSend
    this.ids = thread.ids
    this.wallClock = thread.wallClock
    this.#thread = thread
    this.#needsId = parts.needsId
    this.#stats = parts.stats
    this.#exporter = parts.exporter
    this.#forms = config.propagation.reduce<ContextForms>((forms, form) => forms | FORMS[form], ContextForms.None)
    this.#isW3c = config.propagation[0] === 'w3c'
    this.#is128bit = provider?.kind !== 'zipkin' || provider.traceId128bit
    this.#isShared = provider?.kind === 'zipkin' && provider.sharedSpanContext && parts.direction !== 'outbound'
    this.#untracedHead = `00-${thread.ids.traceId(true).slice(8)}`
    this.#untracedTail = `-${thread.ids.spanId()}-00`
  }

  /** null: it is not traced. */
  begin(exchange: Traced): ExchangeSpan | null {
    const { incoming, requestIds, random } = this.#thread
    incoming.read(exchange.request)
    const parent = incoming.decision(this.#isW3c)
    const hasId = incoming.requestId !== ''
    const first = hasId ? 0 : requestIds.draw()
    const reason = decide(this.config, incoming, parent, first, random)
    this.#count(reason)
    if (reason !== TraceReason.None) {
      if (!hasId) this.#sendId(exchange, requestIds.text(hex32(first), reason))
      return this.#exporter === null ? null : this.#begin(exchange)
    }
    if (!hasId) this.#endUntraced(exchange, parent, first)
    return null
  }

  /** Never throws: spans end while requests are on their way. */
  end(span: Span): void {
    const exporter = this.#exporter
    if (exporter === null) return
    try {
      exporter.encoder.write(span, exporter.writer)
    } catch {
      // nobody needs a span as much as its request
      exporter.writer.lose()
    }
  }

  #begin(exchange: Traced): ExchangeSpan {
    const { incoming, ids } = this.#thread
    const parent = incoming.parent(this.#isW3c)
    const hasParent = parent !== null && parent.traceId !== ''
    const isShared = hasParent && this.#isShared && parent.form !== ContextForms.W3c
    // what others have added to a trace that we do not continue
    const keepsState = hasParent && parent.form === ContextForms.W3c
    if (incoming.tracestate !== '' && !keepsState && this.canSend) {
      exchange.mutateRequest(keyIn(incoming.otherKeys, 'tracestate'), undefined)
    }
    const context: SpanContext = {
      traceId: hasParent ? parent.traceId : ids.traceId(this.#is128bit),
      spanId: isShared ? parent.spanId : ids.spanId(),
      parentSpanId: isShared ? parent.parentSpanId : hasParent ? parent.spanId : '',
      traceState: keepsState ? incoming.tracestate : '',
      isShared,
      isDebug: parent?.isDebug ?? false,
      forms: this.#forms | incoming.forms,
      otherKeys: incoming.otherKeys,
      clientTraceId: incoming.clientTraceId,
    }
    return new ExchangeSpan(this, context)
  }

  /** The id that we have made, for those behind us, and for whoever looks into the request here. */
  #sendId(exchange: Traced, id: string): void {
    exchange.request.set(REQUEST_ID, id)
    if (this.canSend) exchange.mutateRequest(REQUEST_ID, id)
  }

  /**
   * As in the reference it goes on as it came, for a message that is changed has to be written anew; but where those behind
   * us would obey a caller that traces it, they are told. In the order of the keys, which costs the least.
   */
  #endUntraced(exchange: Traced, parent: ParentContext | null, first: number): void {
    const isToTell = this.canSend && parent !== null && parent.sampled !== Sampled.No
    if (!isToTell && !this.#needsId) return
    const digits = hex32(first)
    if (isToTell) this.#sendUntraced(exchange, parent, digits)
    const id = this.#thread.requestIds.text(digits, TraceReason.None)
    if (this.#needsId) exchange.request.set(REQUEST_ID, id)
    if (this.canSend) exchange.mutateRequest(REQUEST_ID, id)
  }

  #sendUntraced(exchange: Traced, parent: ParentContext, digits: string): void {
    const { incoming } = this.#thread
    const forms = this.#forms | incoming.forms
    let traceparent = ''
    if (parent.traceId !== '') {
      traceparent = `00-${parent.traceId.padStart(W3C_DIGITS, '0')}-${parent.spanId}-00`
    } else if ((forms & ContextForms.W3c) !== 0) {
      traceparent = this.#untracedHead + digits + this.#untracedTail
    }
    // what others have added to a trace that is not this one
    if (incoming.tracestate !== '' && parent.form !== ContextForms.W3c) {
      exchange.mutateRequest(keyIn(incoming.otherKeys, 'tracestate'), undefined)
    }
    sendUntraced(exchange, forms, incoming.otherKeys, traceparent)
  }

  #count(reason: TraceReason): void {
    const stats = this.#stats
    if (reason === TraceReason.None) stats.notTraceable.add(1)
    else if (reason === TraceReason.Sampled) stats.randomSampling.add(1)
    else if (reason === TraceReason.Service) stats.serviceForced.add(1)
    else stats.clientEnabled.add(1)
  }
}
