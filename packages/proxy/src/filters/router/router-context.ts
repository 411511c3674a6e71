import type { Failure, FilterContext, Metadata } from '@meltemi/sdk'
import type { TrySpan } from '../../observe/tracing/try-span.ts'
import type { CompiledRoute } from '../../routing/route.ts'
import type { RouteTable } from '../../routing/table.ts'
import type { Cluster } from '../../upstream/cluster.ts'
import type { ClusterManager } from '../../upstream/cluster-manager.ts'
import type { ReplySink, UpstreamConnection } from '../../upstream/connection.ts'
import type { ThreadContext } from '../../upstream/context.ts'
import type { UpstreamProtocol } from '../../upstream/protocol.ts'
import type { Target } from '../../upstream/target.ts'
import type { Mirroring } from '../mirror/mirroring.ts'
import type { Attempt } from './attempt.ts'
import type { PickRequest } from './pick-request.ts'
import type { Retries } from './retries.ts'

/** What the router sees of an exchange beyond what every filter sees. */
export interface RouterContext extends FilterContext {
  readonly routes: RouteTable
  readonly clusters: ClusterManager
  readonly thread: ThreadContext
  readonly protocol: UpstreamProtocol
  /** To be filled and used at once. */
  readonly pickRequest: PickRequest
  readonly mirroring: Mirroring
  /** The connection the client owns, if it does. */
  readonly pinned: UpstreamConnection | null
  /** Set for a message that opens a stream. */
  readonly streamSink: StreamSink | null
  /** The try under way, or the last one. */
  attempt: Try | null
  /** null: nobody had to decide whether there is another try. */
  readonly retries: Retries | null
  /** There are logs, traces or filters that want to know where it went. */
  readonly isObserved: boolean
  /** The listener's, in milliseconds; 0: none. */
  readonly defaultTimeoutMs: number
  /** The name of the one that the route chose. */
  readonly cluster: string
  /** Milliseconds that are left of the request's time; Infinity: it has no end. */
  readonly timeLeftMs: number
  /** There may be another try than this one from now on. */
  follow(first: Attempt): Retries
  setRoute(route: CompiledRoute, cluster: string): void
  /** Begins the span of a try, whose service is told of it; null: the request is not traced. */
  beginTry(cluster: string): TrySpan | null
  /** It is delayed on purpose: logs and traces say so. */
  noteDelay(): void
  /**
   * Starts the request's deadline: `delayMs` after its beginning, or what its client wants where that is sooner; 0: none of
   * our own. False: it is over. `tryMs`: what its first try has for itself, from when it is sent; 0: that has no end.
   */
  armTimeout(delayMs: number, tryMs: number): boolean
  /** A try has been sent whose time may be over before that of any other, and of the request. */
  watchTries(): void
  /** The request's time is over. */
  expire(): void
  /** From now on the client owns this connection. */
  pin(connection: UpstreamConnection): void
  /** The message that pins has been sent: what waits behind it may follow. */
  goOn(): void
  /** A reply of the service. */
  deliver(reply: Metadata): void
  /** More of the reply will come on this connection, as fast as the client takes it. */
  holdBack(connection: UpstreamConnection): void
  /** Nothing more will come: a one-way message is on its way, a stream is open. */
  complete(): void
  fail(failure: Failure): 1
}

/** A try, as the exchange sees it. */
export interface Try {
  readonly cluster: Cluster
  readonly endpoint: Target
  /** `ip:port` of where it went; the endpoint may have moved since. Without a connection that of the endpoint. */
  readonly address: string
  /** `ip:port` of our end of its connection; empty: there was none. */
  readonly localAddress: string
  /** When it left for the service; 0: it did not. */
  readonly sentMs: number
  /** Milliseconds that are left of its own time; Infinity: that has no end. */
  readonly ownTimeLeftMs: number
  /** If its own time is over, that is its end. */
  checkTime(): void
  /** The exchange ends now, because its reply has not come in time. */
  timedOut(): void
  /** The exchange has ended otherwise. */
  cancel(): void
}

export interface StreamSink extends ReplySink {
  onOpened(connection: UpstreamConnection, ticket: number): void
  /** Tells of its end, once; at once where it is over. False: it was not opened. */
  observe(observer: StreamObserver): boolean
}

/** What came of a stream. */
export interface StreamEnd {
  /** Of frames, without the message that has opened it. */
  readonly bytesReceived: number
  readonly bytesSent: number
  /** null: both sides have closed it. */
  readonly failure: Failure | null
  readonly isClientGone: boolean
  /** It has come to its end without an error. */
  readonly isComplete: boolean
}

export interface StreamObserver {
  onStreamEnd(end: StreamEnd): void
}
