import type { ListenerConfig, TracingConfig } from '@meltemi/api/model'
import { MessageType } from '@meltemi/sdk'
import { printId } from '../failure-table.ts'
import { REQUEST_ID } from '../property-keys.ts'
import { type ExchangeRecord, hasStreamFailed } from '../record.ts'
import type { WallClock } from '../wall-clock.ts'
import { type Carrier, type SentContext, sendContext } from './propagate.ts'
import type { Span } from './span.ts'
import { replyError, SERVICE_FAILURE, Tags } from './tags.ts'
import type { TraceIds } from './trace-ids.ts'
import { TrySpan } from './try-span.ts'

/** What is known of a span when it begins. */
export interface SpanContext extends SentContext {
  readonly spanId: string
  /** Empty: it is the first one. */
  readonly parentSpanId: string
  readonly traceState: string
  /** It has the id of the span that asked. */
  readonly isShared: boolean
  /** `x-client-trace-id`; empty: none. */
  readonly clientTraceId: string
}

/** Who makes spans, and takes them when they are over: a listener's Tracing. */
export interface SpanHost {
  readonly config: TracingConfig
  readonly direction: ListenerConfig['direction']
  readonly nodeId: string
  readonly zone: string
  /** The codec can add properties to a request. */
  readonly canSend: boolean
  readonly ids: TraceIds
  readonly wallClock: WallClock
  end(span: Span): void
}

const NO_EVENTS: readonly (string | number)[] = []

/** The span of an exchange, and the parent of those of its tries. */
export class ExchangeSpan {
  readonly context: SpanContext
  readonly #host: SpanHost

  constructor(host: SpanHost, context: SpanContext) {
    this.#host = host
    this.context = context
  }

  get traceId(): string {
    return this.context.traceId
  }

  /** Begins the span of a try, and makes the service that is asked its child. */
  beginTry(carrier: Carrier, cluster: string, nowMs: number): TrySpan {
    const host = this.#host
    const spanId = host.ids.spanId()
    if (host.canSend) sendContext(carrier, this.context, spanId, this.context.spanId)
    return new TrySpan({ host, parent: this.context, spanId, cluster, startedMs: nowMs })
  }

  end(record: ExchangeRecord): void {
    const { direction, wallClock, config } = this.#host
    const { traceId, spanId, parentSpanId, traceState, isShared, isDebug } = this.context
    const { connection, request } = record
    const isClient = direction === 'outbound'
    this.#host.end({
      traceId,
      spanId,
      parentSpanId,
      traceState,
      name: isClient ? `egress ${request.operation}`.trimEnd() : 'ingress',
      kind: isClient ? 'client' : 'server',
      startMs: wallClock.at(record.startedMs),
      endMs: wallClock.at(record.endedMs),
      tags: this.#tags(record),
      events: config.verbose ? this.#events(record) : NO_EVENTS,
      error: errorOf(record),
      localAddress: connection.localAddress,
      localPort: connection.localPort,
      remoteAddress: connection.remoteAddress,
      remotePort: connection.remotePort,
      isShared,
      isDebug,
    })
  }

  /** The reference's, and what went wrong in Envoy's words. */
  #tags(record: ExchangeRecord): readonly string[] {
    const { nodeId, zone, config } = this.#host
    const { request, reply, connection } = record
    const tags = new Tags(config.maxTagLength)
    tags.add('component', 'proxy')
    tags.add('node_id', nodeId)
    if (zone !== '') tags.add('zone', zone)
    tags.add(`guid:${REQUEST_ID}`, request.find(REQUEST_ID) ?? '')
    if (this.context.clientTraceId !== '') tags.add('guid:x-client-trace-id', this.context.clientTraceId)
    tags.add('request_id', printId(request.requestId))
    tags.add('request_size', String(record.bytesReceived))
    tags.add('response_size', String(record.bytesSent))
    tags.add('peer.address', connection.directRemoteAddress)
    tags.addCluster(record.cluster)
    if (errorOf(record) !== null) tags.add('error', 'true')
    tags.addFailure(record)
    tags.addProperties('request metadata: ', request)
    if (reply !== null) tags.addProperties('response metadata: ', reply)
    return tags.pairs
  }

  #events(record: ExchangeRecord): readonly (string | number)[] {
    const { wallClock } = this.#host
    const { startedMs, sentMs, repliedMs, endedMs, bytesSent } = record
    const events: (string | number)[] = []
    const add = (name: string, ms: number): void => {
      if (ms !== 0) events.push(name, wallClock.at(ms))
    }
    add('last_downstream_rx_byte_received', startedMs)
    add('first_upstream_tx_byte_sent', sentMs)
    add('last_upstream_tx_byte_sent', sentMs)
    add('first_upstream_rx_byte_received', repliedMs)
    add('last_upstream_rx_byte_received', repliedMs === 0 ? 0 : endedMs)
    if (bytesSent === 0) return events
    add('first_downstream_tx_byte_sent', repliedMs === 0 ? endedMs : repliedMs)
    add('last_downstream_tx_byte_sent', endedMs)
    return events
  }
}

/** What went wrong; null: nothing. */
function errorOf(record: ExchangeRecord): string | null {
  const { request, reply, failure, isClientGone } = record
  if (failure !== null) return failure.message
  if (isClientGone) return 'the client has left'
  if (reply !== null) return replyError(reply)
  if (hasStreamFailed(record)) return SERVICE_FAILURE
  return request.type === MessageType.Request ? 'no response' : null
}
