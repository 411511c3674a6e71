import type { DescMessage, MessageShape } from '@bufbuild/protobuf'
import type { OutgoingMessage } from './grpc-method.ts'
import type { GrpcStatus } from './grpc-status.ts'

/** One's own side of a call in which both sides send as they like. */
export interface GrpcStream<Sent extends DescMessage> {
  /**
   * False: much is waiting, so stop until `onDrain`. What is written to a call that is over is dropped.
   * A message that does not fit its schema ends the call with INTERNAL.
   */
  write(message: OutgoingMessage<Sent>): boolean
  /** Messages that the connection has not taken yet, because the peer reads slowly. */
  readonly unsent: number
}

/** A server's side. */
export interface ServerStream<Sent extends DescMessage> extends GrpcStream<Sent> {
  /** Address and port of the client. */
  readonly peer: string
  /** URIs in the certificate that the client has shown; none where it need not show one. */
  readonly peerUris: readonly string[]
  /** Ends the call with OK, after what was written. */
  end(): void
  /** Ends the call with another code, after what was written. */
  fail(status: GrpcStatus): void
}

/** A client's side. */
export interface ClientStream<Sent extends DescMessage> extends GrpcStream<Sent> {
  /** Says that there is no more to come; the server may still answer. */
  end(): void
  /** Ends the call at once, with CANCELLED. */
  cancel(): void
}

export interface StreamListener<Received extends DescMessage> {
  onMessage(message: MessageShape<Received>): void
  /** Nothing that was written waits any more. */
  onDrain?(): void
}

/** What a server does with what a client sends. If it throws, the call ends with INTERNAL. */
export interface ServerStreamListener<Received extends DescMessage> extends StreamListener<Received> {
  /** The client has said all it has to say. Without this method the call then ends with OK. */
  onEnd?(): void
  /** Once, last: the call is over, whoever ended it. */
  onClose(): void
}

/** What a client does with what a server sends. If it throws, the call is cancelled. */
export interface ClientStreamListener<Received extends DescMessage> extends StreamListener<Received> {
  /** Once, last: the call is over; never during `open`. */
  onClose(status: GrpcStatus): void
}
