/** The contract of a codec: three methods. Everything with a question mark is optional. */

import type { ByteWriter } from './bytes/byte-writer.ts'
import type { ReceiveBuffer } from './bytes/receive-buffer.ts'
import type { Failure } from './failure.ts'
import type { DecodeStatus, MessageId, Metadata, Mutation } from './message.ts'

/** One per connection. Only `decode` may keep state; the others know their arguments alone. */
export interface Codec {
  /**
   * Finds the next message. Returns WaitForData, with nothing consumed, until it is whole; then fills `metadata`,
   * puts the bytes into `metadata.message` by `buffer.take`, and returns Done. Throws ProtocolError for bytes that
   * can never become a message.
   */
  decode(buffer: ReceiveBuffer, metadata: Metadata): DecodeStatus
  /**
   * Writes the message with `metadata.requestId`, `streamId` and `timeoutMs` as they are now, and with the changes
   * that `mutation` asks for. Never changes `metadata.message`. What it throws costs this exchange alone.
   */
  encode(metadata: Metadata, mutation: Mutation, out: ByteWriter): void
  /**
   * Writes this protocol's error reply to `request`. Reads `message[0, headerSize)` and `detail` only. What it throws
   * closes the client's connection.
   */
  onError(request: Metadata, failure: Failure, out: ByteWriter): void
  /**
   * Writes the ids into a private copy of the message that starts at `bytes[start]` and has at least its first
   * `headerSize` bytes there. Cheaper than `encode`; false means "use encode", and nothing was changed.
   */
  patchIds?(bytes: Buffer, start: number, requestId: MessageId, streamId: number): boolean
  /** Writes the answer to a client's heartbeat. Without it heartbeats are dropped. */
  heartbeatReply?(request: Metadata, out: ByteWriter): void
  /**
   * Takes a Heartbeat that a service sent: writes the answer if it wants one, and returns true when the service asks for no
   * new requests on this connection. Writes nothing for the answer to another heartbeat. Without it they are dropped.
   */
  serviceHeartbeat?(message: Metadata, out: ByteWriter): boolean
  /**
   * Writes a health check with this id; healthy is a reply, or a Heartbeat, with this id that decodes with status Ok. For
   * active health checks: a codec without it, or that leaves it out with these options, is refused there.
   */
  healthCheck?(id: number, out: ByteWriter): void
  /** Writes "this stream is over" for the stream that `opened` began. Without it each stream has a connection of its own. */
  resetStream?(opened: Metadata, streamId: number, out: ByteWriter): void
  /**
   * Writes to the client that the stream that `opened` began, and that the service has answered, has failed. Without it
   * `onError` says so, as it does of streams that the service has not answered.
   */
  failStream?(opened: Metadata, failure: Failure, out: ByteWriter): void
  /** Writes "no new requests on this connection", said when draining. */
  goAway?(out: ByteWriter): void
}

/** Who sends what a codec decodes. `downstream`: a client. `upstream`: a service. */
export type Side = 'downstream' | 'upstream'

/** What a codec module exports: `export const codecs: CodecDefinition[] = [mine]`. */
export interface CodecDefinition {
  /** The name configuration uses, for example `aeraki.meta_protocol.codec.thrift`. */
  readonly name: string
  /** Version of this contract that the codec was written for. */
  readonly contract: 1
  /** `id`: replies carry the request's id. `order`: replies come in the order of the requests. */
  readonly correlation: 'id' | 'order'
  /** Which messages `encode` can apply a Mutation to; absent means neither, and routes that ask for it are refused. */
  readonly mutation?: 'request' | 'response' | 'both'
  /** `server`: the service speaks first, so the upstream connection is made before the client's first byte. */
  readonly greeting?: 'server'
  /** Checks the options when configuration is loaded; one text per fault. A codec without it takes no options. */
  validate?(config: unknown): readonly string[]
  /**
   * Makes the codec of one connection, whose other end is a client (`downstream`) or a service (`upstream`). `config`:
   * its options as plain JSON, undefined when there are none.
   */
  create(side: Side, config: unknown): Codec
  /** Whether these first bytes are this protocol's; undefined: needs more. This version does not ask. */
  detect?(bytes: ReceiveBuffer): boolean | undefined
  /** Only requests of equal dialects share an upstream connection. */
  dialect?(metadata: Metadata): string
}
