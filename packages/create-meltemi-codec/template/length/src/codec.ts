/**
 * my-protocol for Meltemi. Big-endian; a message begins with its id and its length:
 *
 *   0         1    5        9     11       13
 *   | version | id | length | cmd | status | payload …
 *     u8        u32  u32      i16   i16      length − 13 bytes
 *
 * `length` counts the header too. The reply repeats the id of the request; its `status` is 0 for success.
 */

import {
  type ByteWriter,
  type Codec,
  type CodecDefinition,
  DecodeStatus,
  type Failure,
  type MessageId,
  MessageType,
  type Metadata,
  type Mutation,
  ProtocolError,
  type ReceiveBuffer,
  ResponseStatus,
} from '@meltemi/sdk'

// Where each field begins, in bytes from the start of the message.
const AT = { id: 1, length: 5, cmd: 9, status: 11 } as const
// What every message has before its payload.
const HEADER_BYTES = 13
// The status of replies that the proxy gives itself.
const STATUS_FAILED = 1

/** One for each connection. `decode` may remember things between messages, the other methods must not. */
class MyProtocolCodec implements Codec {
  /** Finds the next message of a client or of a server and says what the proxy should know of it. */
  decode(buffer: ReceiveBuffer, metadata: Metadata): DecodeStatus {
    // Until the header is here there is nothing to see. After a `false`, decode waits for that many bytes.
    if (!buffer.has(HEADER_BYTES)) return DecodeStatus.WaitForData
    // Read the length of the whole message; positions count from the first byte that was not taken.
    const length = buffer.u32(AT.length)
    // Bytes that can never become a message: this ends the connection.
    if (length < HEADER_BYTES) throw new ProtocolError(`length ${length} is below ${HEADER_BYTES}`)
    // Wait for the rest. A length above the limit of the listener ends the connection here.
    if (!buffer.has(length)) return DecodeStatus.WaitForData
    // By the id the proxy finds the request to a reply.
    metadata.requestId = buffer.u32(AT.id)
    // The part that onError may read later; the payload may be gone by then.
    metadata.headerSize = HEADER_BYTES
    // For statistics.
    metadata.bodySize = length - HEADER_BYTES
    // Routes match on what is set here, see proxy.yaml. Set as many pairs as you like.
    metadata.set('cmd', String(buffer.i16(AT.cmd)))
    // The same decode reads both sides: requests of clients, and replies, which can be failed ones.
    const isReply = metadata.type === MessageType.Response
    // Failed replies are counted apart.
    if (isReply && buffer.i16(AT.status) !== 0) metadata.status = ResponseStatus.Error
    // Take the message out of the buffer: this comes last, all positions move.
    metadata.message = buffer.take(length)
    // There may be more messages in the buffer: the proxy calls again.
    return DecodeStatus.Done
  }

  /** Writes the message for the other side: the same bytes with the id that the proxy gave it. */
  encode(metadata: Metadata, _mutation: Mutation, out: ByteWriter): void {
    // The message as it came. It must not be changed, others may be reading it.
    const message = metadata.message
    // What stands before the id, the new id, and what stands behind it.
    out.bytes(message, 0, AT.id).u32(Number(metadata.requestId)).bytes(message, AT.length)
  }

  /** Writes a reply when the proxy has to answer itself: no route, no server, too late. */
  onError(request: Metadata, _failure: Failure, out: ByteWriter): void {
    // Only the first `headerSize` bytes of the request may be read here.
    const header = request.message
    // The client's version and id, and a length without payload.
    out.bytes(header, 0, AT.id).u32(Number(request.requestId)).u32(HEADER_BYTES)
    // The client's command, and a status that says it failed.
    out.bytes(header, AT.cmd, AT.status).u16(STATUS_FAILED)
  }

  /** Faster than encode, and optional: writes the id into a copy of the message that begins at `start`. */
  patchIds(bytes: Buffer, start: number, requestId: MessageId): boolean {
    // The id has a fixed place and width, so this is all.
    bytes.writeUInt32BE(Number(requestId), start + AT.id)
    // Done; `false` would mean: use encode.
    return true
  }
}

// What Meltemi has to know before the first byte.
export const codec: CodecDefinition = {
  // By this name proxy.yaml and the mesh refer to the codec.
  name: 'aeraki.meta_protocol.codec.my_protocol',
  // The version of the contract that this file is written for.
  contract: 1,
  // Replies repeat the id of their request and may come in any order.
  correlation: 'id',
  // Called for each connection.
  create: () => new MyProtocolCodec(),
}

// What Meltemi looks for in a module.
export const codecs: readonly CodecDefinition[] = [codec]
