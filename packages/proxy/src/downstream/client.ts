import type { ConnectionInfo, Failure, Metadata, ResponseStatus } from '@meltemi/sdk'
import type { StreamSink } from '../filters/router/router-context.ts'
import type { UpstreamConnection } from '../upstream/connection.ts'
import type { ListenerContext } from './listener-context.ts'

/** An exchange, as its connection sees it. */
export interface Answerable {
  readonly request: Metadata
}

/** Told once of the end of a stream. */
export interface StreamWatcher {
  onStreamEnd(): void
}

/** A stream, as its connection and the exchange that has opened it see it. */
export interface OpenStream extends StreamSink {
  readonly opened: Metadata
  /** The service has it. */
  readonly isOpen: boolean
  /** Of the frames behind the opening, sent on to the service. */
  readonly clientBytes: number
  /** Of the frames of the service. */
  readonly serverBytes: number
  /** Why it has ended by a reset; null: it has not. */
  readonly failure: Failure | null
  /** The client has left before its end. */
  readonly isClientGone: boolean
  /** Error as soon as a frame of the service says so. */
  readonly status: ResponseStatus
  /** Tells this one of its end, at once when it is over already. */
  watch(watcher: StreamWatcher): void
}

/** A connection, as the exchanges and streams on it see it. */
export interface Client<Exchange extends Answerable, Stream extends OpenStream> extends ConnectionInfo {
  readonly listener: ListenerContext
  /** The upstream connection this client owns: see Affinity. */
  readonly pinned: UpstreamConnection | null
  pin(connection: UpstreamConnection): void
  /** What the client sent behind a message that pins may follow now. */
  goOn(): void
  /** Gives the owned connection back, unless what came behind this exchange pins it again. */
  unpin(by: Exchange): void
  /** A reply of the service, sent now or when those before it have been. */
  sendReply(exchange: Exchange, reply: Metadata): void
  sendLocalReply(exchange: Exchange, cause: Failure): void
  /** Called by an exchange at its end, exactly once. */
  remove(exchange: Exchange): void
  /** A frame of a stream, on its way to the client. */
  sendFrame(stream: Stream, message: Metadata): void
  resetByUpstream(stream: Stream, cause: Failure): void
  forget(stream: Stream): void
  pauseForStream(): void
  resumeForStream(): void
  /** Stops reading from a service whose frames this client does not take, where nobody else depends on it. */
  holdBack(upstream: UpstreamConnection | null): void
}
