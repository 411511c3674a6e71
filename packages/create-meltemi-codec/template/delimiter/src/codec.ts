/**
 * my-protocol for Meltemi: lines of text, ended by LF or CRLF.
 *
 *   HELLO world\r\n
 *   |     |    |
 *   cmd   text end of the line
 *
 * A reply repeats the command, or says FAILED. There are no ids: replies come in the order of their requests.
 */

import {
  type ByteWriter,
  type Codec,
  type CodecDefinition,
  DecodeStatus,
  type Failure,
  MessageType,
  type Metadata,
  type Mutation,
  type ReceiveBuffer,
  ResponseStatus,
} from '@meltemi/sdk'

// What ends a line.
const LF = 0x0a
// What may stand before it.
const CR = 0x0d
// What ends the command.
const SPACE = 0x20
// The command of replies that tell of a failure.
const FAILED = 'FAILED'

/** One for each connection. `decode` may remember things between messages, the other methods must not. */
class MyProtocolCodec implements Codec {
  /** Finds the next message of a client or of a server and says what the proxy should know of it. */
  decode(buffer: ReceiveBuffer, metadata: Metadata): DecodeStatus {
    // Behind the first LF, or 0 when it has not come. Positions count from the first byte that was not taken.
    const end = buffer.indexOf(LF, 0) + 1
    // Without it wait for one byte more. A line above the limit of the listener ends the connection here.
    if (!buffer.has(end === 0 ? buffer.length + 1 : end)) return DecodeStatus.WaitForData
    // Take the line out of the buffer; from now on all positions are those in the message.
    const message = buffer.take(end)
    // Whoever encodes the message needs its bytes.
    metadata.message = message
    // What the line says ends before LF, or before CR LF.
    const textEnd = message[end - 2] === CR ? end - 2 : end - 1
    // The command goes to the first space, if there is one.
    const space = message.indexOf(SPACE)
    // Otherwise the line is nothing but a command.
    const cmdEnd = space < 0 ? textEnd : space
    // As text.
    const cmd = message.toString('utf8', 0, cmdEnd)
    // Routes match on what is set here, see proxy.yaml. Set as many pairs as you like.
    metadata.set('cmd', cmd)
    // The part that onError may read later; the rest may be gone by then.
    metadata.headerSize = cmdEnd
    // For statistics.
    metadata.bodySize = end - cmdEnd
    // The same decode reads both sides: requests of clients, and replies, which can be failed ones.
    const isReply = metadata.type === MessageType.Response
    // Failed replies are counted apart.
    if (isReply && cmd === FAILED) metadata.status = ResponseStatus.Error
    // There may be more lines in the buffer: the proxy calls again.
    return DecodeStatus.Done
  }

  /** Writes the message for the other side. */
  encode(metadata: Metadata, _mutation: Mutation, out: ByteWriter): void {
    // Nothing in it depends on the connection, so it goes as it came.
    out.bytes(metadata.message)
  }

  /** Writes a reply when the proxy has to answer itself: no route, no server, too late. */
  onError(_request: Metadata, failure: Failure, out: ByteWriter): void {
    // It has to be a single line, whatever is in the text.
    const reason = failure.message.replaceAll(/[\r\n]+/g, ' ')
    // CRLF is what every client understands.
    out.utf8(`${FAILED} ${reason}\r\n`)
  }
}

// What Meltemi has to know before the first byte.
export const codec: CodecDefinition = {
  // By this name proxy.yaml and the mesh refer to the codec.
  name: 'aeraki.meta_protocol.codec.my_protocol',
  // The version of the contract that this file is written for.
  contract: 1,
  // Nothing in a reply says which request it is for, but their order does.
  correlation: 'order',
  // Called for each connection.
  create: () => new MyProtocolCodec(),
}

// What Meltemi looks for in a module.
export const codecs: readonly CodecDefinition[] = [codec]
