/**
 * A codec with options: how wide the length is, and the byte order.
 *
 *   | length of all, 1, 2 or 4 bytes | u32 id | u8 status | body … |
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

export interface OptionedOptions {
  readonly lengthBytes: 1 | 2 | 4
  readonly byteOrder: 'big' | 'little'
}

const DEFAULTS: OptionedOptions = { lengthBytes: 4, byteOrder: 'big' }
const ALLOWED: Readonly<Record<string, readonly unknown[]>> = { lengthBytes: [1, 2, 4], byteOrder: ['big', 'little'] }
const ID_BYTES = 4

class OptionedCodec implements Codec {
  readonly #options: OptionedOptions
  readonly #headerBytes: number

  constructor(options: OptionedOptions) {
    this.#options = options
    this.#headerBytes = options.lengthBytes + ID_BYTES + 1
  }

  decode(buffer: ReceiveBuffer, metadata: Metadata): DecodeStatus {
    const headerBytes = this.#headerBytes
    const { lengthBytes, byteOrder } = this.#options
    if (!buffer.has(headerBytes)) return DecodeStatus.WaitForData
    const length = readLength(buffer, this.#options)
    if (length < headerBytes) throw new ProtocolError(`length ${length} is below ${headerBytes}`)
    if (!buffer.has(length)) return DecodeStatus.WaitForData
    metadata.requestId = byteOrder === 'big' ? buffer.u32(lengthBytes) : buffer.u32le(lengthBytes)
    metadata.headerSize = headerBytes
    metadata.bodySize = length - headerBytes
    const isFailed = metadata.type === MessageType.Response && buffer.u8(headerBytes - 1) !== 0
    if (isFailed) metadata.status = ResponseStatus.Error
    metadata.message = buffer.take(length)
    metadata.setSlice('body', headerBytes, length)
    return DecodeStatus.Done
  }

  encode(metadata: Metadata, _mutation: Mutation, out: ByteWriter): void {
    const { message } = metadata
    const copy = Buffer.from(message.subarray(0, this.#headerBytes))
    this.patchIds(copy, 0, metadata.requestId)
    out.bytes(copy).bytes(message, this.#headerBytes)
  }

  onError(request: Metadata, _failure: Failure, out: ByteWriter): void {
    out.bytes(optionedFrame({ id: Number(request.requestId), status: 1 }, this.#options))
  }

  patchIds(bytes: Buffer, start: number, requestId: MessageId): boolean {
    const at = start + this.#options.lengthBytes
    if (this.#options.byteOrder === 'big') bytes.writeUInt32BE(Number(requestId), at)
    else bytes.writeUInt32LE(Number(requestId), at)
    return true
  }
}

export const optioned: CodecDefinition = {
  name: 'meltemi.test.optioned',
  contract: 1,
  correlation: 'id',
  validate: optionProblems,
  create: (_side, config) => new OptionedCodec({ ...DEFAULTS, ...(config as Partial<OptionedOptions> | undefined) }),
}

export function optionedFrame(
  frame: { id: number; status?: number; body?: string | Buffer },
  options: OptionedOptions = DEFAULTS,
): Buffer {
  const { id, status = 0, body = '' } = frame
  const { lengthBytes, byteOrder } = options
  const bytes = Buffer.from(body as string)
  const head = Buffer.alloc(lengthBytes + ID_BYTES + 1)
  const length = head.length + bytes.length
  if (byteOrder === 'big') head.writeUIntBE(length, 0, lengthBytes)
  else head.writeUIntLE(length, 0, lengthBytes)
  if (byteOrder === 'big') head.writeUInt32BE(id, lengthBytes)
  else head.writeUInt32LE(id, lengthBytes)
  head[lengthBytes + ID_BYTES] = status
  return Buffer.concat([head, bytes])
}

function optionProblems(config: unknown): string[] {
  if (config === undefined) return []
  if (typeof config !== 'object' || config === null) return ['options must be an object']
  const problems: string[] = []
  for (const [key, value] of Object.entries(config)) {
    const allowed = ALLOWED[key]
    if (allowed === undefined) problems.push(`${key}: there is no such option`)
    else if (!allowed.includes(value))
      problems.push(`${key}: expected ${allowed.join(' or ')}, got ${JSON.stringify(value)}`)
  }
  return problems
}

function readLength(buffer: ReceiveBuffer, { lengthBytes, byteOrder }: OptionedOptions): number {
  if (lengthBytes === 1) return buffer.u8(0)
  if (lengthBytes === 2) return byteOrder === 'big' ? buffer.u16(0) : buffer.u16le(0)
  return byteOrder === 'big' ? buffer.u32(0) : buffer.u32le(0)
}
