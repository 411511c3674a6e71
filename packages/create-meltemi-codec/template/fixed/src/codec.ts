/**
 * my-protocol for Meltemi: records of 32 bytes, big-endian.
 *
 *   0    4     5        6                         32
 *   | id | cmd | status | text, filled up by zeros |
 *     u32  u8    u8       26 bytes
 *
 * The reply repeats the id of the request; its `status` is 0 for success.
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
  type ReceiveBuffer,
  ResponseStatus,
} from '@meltemi/sdk'

// Where each field begins, in bytes from the start of the record.
const AT = { id: 0, cmd: 4, status: 5, text: 6 } as const
// What every message takes.
const RECORD_BYTES = 32
// The status of replies that the proxy gives itself.
const STATUS_FAILED = 1

/** One for each connection. `decode` may remember things between messages, the other methods must not. */
class MyProtocolCodec implements Codec {
  /** Finds the next message of a client or of a server and says what the proxy should know of it. */
  decode(buffer: ReceiveBuffer, metadata: Metadata): DecodeStatus {
    // Wait for a whole record: after a `false`, decode is called again when that many bytes are here.
    if (!buffer.has(RECORD_BYTES)) return DecodeStatus.WaitForData
    // By the id the proxy finds the request to a reply. Positions count from the first byte that was not taken.
    metadata.requestId = buffer.u32(AT.id)
    // The part that onError may read later; the text may be gone by then.
    metadata.headerSize = AT.text
    // For statistics.
    metadata.bodySize = RECORD_BYTES - AT.text
    // Routes match on what is set here, see proxy.yaml. Set as many pairs as you like.
    metadata.set('cmd', String(buffer.u8(AT.cmd)))
    // The same decode reads both sides: requests of clients, and replies, which can be failed ones.
    const isReply = metadata.type === MessageType.Response
    // Failed replies are counted apart.
    if (isReply && buffer.u8(AT.status) !== 0) metadata.status = ResponseStatus.Error
    // Take the record out of the buffer: this comes last, all positions move.
    metadata.message = buffer.take(RECORD_BYTES)
    // There may be more records in the buffer: the proxy calls again.
    return DecodeStatus.Done
  }

  /** Writes the record for the other side: the same bytes with the id that the proxy gave it. */
  encode(metadata: Metadata, _mutation: Mutation, out: ByteWriter): void {
    // The id stands first, the rest is as it came.
    out.u32(Number(metadata.requestId)).bytes(metadata.message, AT.cmd)
  }

  /** Writes a reply when the proxy has to answer itself: no route, no server, too late. */
  onError(request: Metadata, failure: Failure, out: ByteWriter): void {
    // Zeros, as many as a text has bytes.
    const text = Buffer.alloc(RECORD_BYTES - AT.text)
    // As much of the reason as there is room for, no half characters.
    text.write(failure.message)
    // The client's id and command; only the first `headerSize` bytes of the request may be read here.
    out.u32(Number(request.requestId)).bytes(request.message, AT.cmd, AT.status)
    // A status that says it failed, and why.
    out.u8(STATUS_FAILED).bytes(text)
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
