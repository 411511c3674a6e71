import type { ConnectionInfo, Failure, Metadata } from '@meltemi/sdk'
import type { StreamSink } from '../filters/router/router-context.ts'
import type { RecordedConnection } from '../observe/record.ts'
import type { UpstreamConnection } from '../upstream/connection.ts'
import type { ListenerContext } from './listener-context.ts'

/** An exchange, as its connection sees it. */
export interface Answerable {
  readonly request: Metadata
}

/** A stream, as its connection sees it. */
export interface OpenStream extends StreamSink {
  readonly opened: Metadata
}

/** A connection, as the exchanges and streams on it see it. */
export interface Client<Exchange extends Answerable, Stream extends OpenStream>
  extends ConnectionInfo,
    RecordedConnection {
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
