/**
 * Odd but right: the first frame of either side is of another kind than those that follow, and there are no ids.
 * Little-endian.
 *
 *   service, first   | u8 length | greeting |
 *   client, first    | u8 version | u8 length | user | u8 length | secret |
 *   then, both ways  | u8 status | u24 length of the text | text |          status 0: right, 1: failed
 */

import {
  Affinity,
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
import type { Sample } from '@meltemi/sdk/testing'

const VERSION = 3
const HEADER_BYTES = 4
const FAILED = 1

class LoginCodec implements Codec {
  #isFirst = true

  decode(buffer: ReceiveBuffer, metadata: Metadata): DecodeStatus {
    const isClient = metadata.type === MessageType.Request
    const length = this.#isFirst ? firstLength(buffer, isClient) : frameLength(buffer)
    if (length === undefined || !buffer.has(length)) return DecodeStatus.WaitForData
    if (this.#isFirst && isClient) metadata.affinity = Affinity.Pin
    if (!this.#isFirst && buffer.u8(0) === FAILED) metadata.status = ResponseStatus.Error
    metadata.headerSize = this.#isFirst ? 1 : HEADER_BYTES
    metadata.bodySize = length - metadata.headerSize
    metadata.operation = this.#isFirst ? 'hello' : 'text'
    metadata.message = buffer.take(length)
    this.#isFirst = false
    return DecodeStatus.Done
  }

  encode(metadata: Metadata, _mutation: Mutation, out: ByteWriter): void {
    out.bytes(metadata.message)
  }

  onError(_request: Metadata, failure: Failure, out: ByteWriter): void {
    const text = Buffer.from(failure.message)
    out
      .u8(FAILED)
      .u16le(text.length)
      .u8(text.length >> 16)
      .bytes(text)
  }
}

/** Of the greeting, or of the login; undefined when more bytes are needed. */
function firstLength(buffer: ReceiveBuffer, isClient: boolean): number | undefined {
  if (!isClient) return buffer.has(1) ? 1 + buffer.u8(0) : undefined
  if (!buffer.has(2)) return undefined
  if (buffer.u8(0) !== VERSION) throw new ProtocolError(`version ${buffer.u8(0)} is not ${VERSION}`)
  const secretAt = 2 + buffer.u8(1)
  return buffer.has(secretAt + 1) ? secretAt + 1 + buffer.u8(secretAt) : undefined
}

function frameLength(buffer: ReceiveBuffer): number | undefined {
  if (!buffer.has(HEADER_BYTES)) return undefined
  if (buffer.u8(0) > FAILED) throw new ProtocolError(`status ${buffer.u8(0)}`)
  return HEADER_BYTES + buffer.u16le(1) + (buffer.u8(3) << 16)
}

export const login: CodecDefinition = {
  name: 'meltemi.test.login',
  contract: 1,
  correlation: 'order',
  greeting: 'server',
  create: () => new LoginCodec(),
}

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')
const first = (side: Sample['side'], name: string, bytes: string, messages = 1): Sample => {
  return { name, side, bytes: hex(bytes), messages, once: true }
}

export const loginSamples: readonly Sample[] = [
  first('downstream', 'login', '03 02 6d65 03 707764'),
  first('downstream', 'login and two texts', '03 02 6d65 00  00 020000 6869  00 000000', 3),
  first('upstream', 'greeting', '05 68656c6c6f'),
  first('upstream', 'greeting and two replies', '01 68  00 020000 6869  01 020000 6e6f', 3),
]
