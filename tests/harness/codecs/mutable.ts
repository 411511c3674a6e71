/**
 * Properties in the header that a Mutation adds, changes and removes, in requests and in responses; one of them,
 * `timeout-ms`, is the caller's timeout.
 *
 *   | u32 length of all | u32 id | u8 status | u16 length of pairs | pairs … | body … |
 *
 *   pair: | u8 length | key | u16 length | value |
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

const AT = { length: 0, id: 4, status: 8, pairsLength: 9, pairs: 11 } as const
const TIMEOUT_KEY = 'timeout-ms'

class MutableCodec implements Codec {
  decode(buffer: ReceiveBuffer, metadata: Metadata): DecodeStatus {
    if (!buffer.has(AT.pairs)) return DecodeStatus.WaitForData
    const length = buffer.u32(AT.length)
    const headerSize = AT.pairs + buffer.u16(AT.pairsLength)
    if (length < headerSize) throw new ProtocolError(`length ${length} is below the header's ${headerSize}`)
    if (!buffer.has(length)) return DecodeStatus.WaitForData
    metadata.requestId = buffer.u32(AT.id)
    metadata.headerSize = headerSize
    metadata.bodySize = length - headerSize
    const isFailed = metadata.type === MessageType.Response && buffer.u8(AT.status) !== 0
    if (isFailed) metadata.status = ResponseStatus.Error
    metadata.message = buffer.take(length)
    for (const { key, start, end } of readPairs(metadata.message, headerSize)) metadata.setSlice(key, start, end)
    const timeout = metadata.get(TIMEOUT_KEY) ?? ''
    if (/^[1-9]\d{0,8}$/.test(timeout)) metadata.timeoutMs = Number(timeout)
    return DecodeStatus.Done
  }

  encode(metadata: Metadata, mutation: Mutation, out: ByteWriter): void {
    const { message, headerSize } = metadata
    const changes = new Map<string, string | undefined>()
    if (metadata.timeoutMs > 0) changes.set(TIMEOUT_KEY, String(metadata.timeoutMs))
    for (let n = 0; n < mutation.size; n++) changes.set(mutation.key(n), mutation.value(n))
    const start = out.length
    out.u32(0).u32(Number(metadata.requestId)).bytes(message, AT.status, AT.pairs)
    for (const pair of readPairs(message, headerSize)) {
      const isKept = !changes.has(pair.key) || changes.get(pair.key) === message.toString('utf8', pair.start, pair.end)
      if (isKept) out.bytes(message, pair.from, pair.end)
      if (isKept) changes.delete(pair.key)
    }
    for (const [key, value] of changes) if (value !== undefined) out.bytes(pairBytes(key, value))
    const pairsLength = out.length - start - AT.pairs
    if (pairsLength > 0xffff) throw new RangeError(`pairs of ${pairsLength} bytes do not fit into 65535`)
    out.setU16(start + AT.pairsLength, pairsLength)
    out.bytes(message, headerSize)
    out.setU32(start, out.length - start)
  }

  onError(request: Metadata, failure: Failure, out: ByteWriter): void {
    out.bytes(mutableFrame({ id: Number(request.requestId), status: 1, body: failure.message }))
  }

  patchIds(bytes: Buffer, start: number, requestId: MessageId): boolean {
    bytes.writeUInt32BE(Number(requestId), start + AT.id)
    return true
  }
}

export const mutable: CodecDefinition = {
  name: 'meltemi.test.mutable',
  contract: 1,
  correlation: 'id',
  mutation: 'both',
  create: () => new MutableCodec(),
}

export interface MutableFrame {
  readonly id: number
  readonly status?: number
  readonly pairs?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
}

export function mutableFrame({ id, status = 0, pairs = {}, body = '' }: MutableFrame): Buffer {
  const pairsBytes = Buffer.concat(Object.entries(pairs).map(([key, value]) => pairBytes(key, value)))
  const bytes = Buffer.from(body as string)
  const head = Buffer.alloc(AT.pairs)
  head.writeUInt32BE(head.length + pairsBytes.length + bytes.length, AT.length)
  head.writeUInt32BE(id, AT.id)
  head[AT.status] = status
  head.writeUInt16BE(pairsBytes.length, AT.pairsLength)
  return Buffer.concat([head, pairsBytes, bytes])
}

interface Pair {
  readonly key: string
  /** Where the pair begins. */
  readonly from: number
  /** Where its value begins and ends. */
  readonly start: number
  readonly end: number
}

function readPairs(message: Buffer, headerSize: number): Pair[] {
  const pairs: Pair[] = []
  for (let from: number = AT.pairs; from < headerSize; ) {
    const keyEnd = from + 1 + message.readUInt8(from)
    const start = keyEnd + 2
    if (start > headerSize) throw new ProtocolError('a key reaches beyond the pairs')
    const end = start + message.readUInt16BE(keyEnd)
    if (end > headerSize) throw new ProtocolError('a value reaches beyond the pairs')
    pairs.push({ key: message.toString('utf8', from + 1, keyEnd), from, start, end })
    from = end
  }
  return pairs
}

function pairBytes(key: string, value: string): Buffer {
  const keyBytes = Buffer.from(key)
  const valueBytes = Buffer.from(value)
  const lengths = Buffer.alloc(3)
  lengths.writeUInt8(keyBytes.length, 0)
  lengths.writeUInt16BE(valueBytes.length, 1)
  return Buffer.concat([lengths.subarray(0, 1), keyBytes, lengths.subarray(1), valueBytes])
}
