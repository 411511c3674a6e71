/**
 * Text lines without ids: replies come in the order of the requests.
 *
 *   request   VERB key CRLF              reply   +text CRLF        success
 *             VERB key $n CRLF                   -text CRLF        error
 *             n bytes CRLF                       $n CRLF n bytes CRLF
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
  ProtocolError,
  type ReceiveBuffer,
  ResponseStatus,
} from '@meltemi/sdk'

const LF = 0x0a
const CR = 0x0d
const DOLLAR = 0x24
const ZERO = 0x30
const LINE_END_BYTES = 2

class OrderedCodec implements Codec {
  decode(buffer: ReceiveBuffer, metadata: Metadata): DecodeStatus {
    const lineFeed = buffer.indexOf(LF, 0)
    if (lineFeed < 0) {
      buffer.has(buffer.length + 1)
      return DecodeStatus.WaitForData
    }
    const lineEnd = lineFeed - 1
    if (lineEnd < 1 || buffer.u8(lineEnd) !== CR) throw new ProtocolError('a line is empty or does not end in CR LF')
    const headerSize = lineFeed + 1
    const blockSize = readBlockSize(buffer, lineEnd)
    const length = blockSize < 0 ? headerSize : headerSize + blockSize + LINE_END_BYTES
    if (!buffer.has(length)) return DecodeStatus.WaitForData
    if (buffer.u16(length - LINE_END_BYTES) !== ((CR << 8) | LF))
      throw new ProtocolError('a block does not end in CR LF')
    metadata.headerSize = headerSize
    metadata.bodySize = length - headerSize
    metadata.message = buffer.take(length)
    describe(metadata, metadata.message.toString('utf8', 0, lineEnd))
    return DecodeStatus.Done
  }

  encode(metadata: Metadata, _mutation: Mutation, out: ByteWriter): void {
    out.bytes(metadata.message)
  }

  onError(_request: Metadata, failure: Failure, out: ByteWriter): void {
    // a line break or a block size in the text would be read as part of the protocol
    out.utf8(`-ERR ${failure.message.replaceAll(/[\r\n$]/g, ' ')}\r\n`)
  }

  healthCheck(_id: number, out: ByteWriter): void {
    out.latin1('PING\r\n')
  }
}

export const ordered: CodecDefinition = {
  name: 'meltemi.test.ordered',
  contract: 1,
  correlation: 'order',
  create: () => new OrderedCodec(),
}

function describe(metadata: Metadata, line: string): void {
  if (metadata.type === MessageType.Response) {
    if (line.startsWith('-')) metadata.status = ResponseStatus.Error
    return
  }
  const [command = '', key = ''] = line.split(' ', 2)
  metadata.operation = command
  metadata.idempotent = command === 'GET'
  metadata.set('command', command)
  metadata.set('key', key)
}

/** The number behind a `$` at the end of the line, -1 when there is none. */
function readBlockSize(buffer: ReceiveBuffer, lineEnd: number): number {
  let size = 0
  let unit = 1
  for (let at = lineEnd - 1; at >= 0; at--) {
    const byte = buffer.u8(at)
    if (byte === DOLLAR) return unit === 1 ? -1 : size
    if (byte < ZERO || byte > ZERO + 9) return -1
    size += (byte - ZERO) * unit
    unit *= 10
  }
  return -1
}
