import { type ConnectionInfo, type Failure, MessageType, type Metadata } from '@meltemi/sdk'

/** The client of an exchange, as logs and traces know it. */
export interface RecordedConnection extends ConnectionInfo {
  /** Of the socket, whatever a PROXY header said. */
  readonly directRemoteAddress: string
  readonly directRemotePort: number
}

/** An exchange that is over, as logs and traces see it; the exchange itself. Times are those of the thread's turn clock. */
export interface ExchangeRecord {
  readonly request: Metadata
  /** The last one; null: none came from the service. */
  readonly reply: Metadata | null
  /** Why the proxy had to answer, or could not; null: it did not have to. */
  readonly failure: Failure | null
  readonly connection: RecordedConnection
  /** Empty: none matched, or it has no name. */
  readonly routeName: string
  /** Empty: none was chosen. */
  readonly cluster: string
  readonly startedMs: number
  readonly endedMs: number
  /** When the first reply came from the service; 0: none did. */
  readonly repliedMs: number
  /** When the last try left for the service; 0: none did. */
  readonly sentMs: number
  readonly bytesReceived: number
  readonly bytesSent: number
  /** `ip:port` of the endpoint that was tried last; empty: none was. */
  readonly upstreamAddress: string
  /** `ip:port` of our end of the connection to it; empty: there was none. */
  readonly upstreamLocalAddress: string
  /** Tries that were begun. */
  readonly attempts: number
  /** It would have been tried again, had there not been as many retries as are allowed. */
  readonly isRetryLimitExceeded: boolean
  /** The client left before its answer. */
  readonly isClientGone: boolean
  /** What has no reply was sent on; a stream has come to its end without an error. */
  readonly isComplete: boolean
  /** It was delayed on purpose. */
  readonly isDelayed: boolean
  /** In hex; empty: it is not traced. */
  readonly traceId: string
}

/** A frame of the service has said failure; frames are not kept, as a reply is. */
export function hasStreamFailed({ request, sentMs, failure, isClientGone, isComplete }: ExchangeRecord): boolean {
  if (request.type !== MessageType.StreamInit || failure !== null) return false
  return sentMs !== 0 && !isClientGone && !isComplete
}
