/**
 * A codec like many, right in itself, and defects to be put into it one at a time: what the fuzzer must find.
 *
 *   | u16 magic 4d54 | u8 kind | u8 flags | u32 length of all | id, u32 or u64 | u8 n | n fields | body … |
 *
 *   field: | u8 tag | u16 length | value |        kind: 1 call · 2 reply · 3 failed reply · 4 one-way · 5 ping
 *   flags: 1 the id has 64 bits · 2 elements follow in the body: | u8 length of this one | value |, to the end
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
  type Side,
} from '@meltemi/sdk'
import type { Sample } from '@meltemi/sdk/testing'

/** What is wrong in each. */
export const DEFECTS = {
  'field past the end': 'the length of a field is compared with the message, one byte too late',
  'rare value': 'an exception for a ping with tag 7f in a field',
  'empty element': 'an element of no length is read again and again',
  'consumed too early': 'the header is taken before the last byte of the body is here',
  'kind of the message before': 'a failed reply makes the next reply failed',
  'long id': 'patchIds writes 32 bits whatever the id has',
  'announced memory': 'memory is taken for as much as the header announces',
  'read again and again': 'elements are counted anew with each byte that comes',
  'another connection': 'the longest field is remembered for all connections',
  'wide name': 'the error reply counts the characters of the name as bytes',
  'written in place': 'encode clears a flag in the received message',
  'lost field': 'encode leaves out fields of tag 0',
} as const
export type Defect = keyof typeof DEFECTS

const MAGIC = 0x4d54
const AT = { magic: 0, kind: 2, flags: 3, length: 4, id: 8 } as const
const Flag = { longId: 1, elements: 2 } as const
const Kind = { call: 1, reply: 2, failed: 3, oneway: 4, ping: 5 } as const
const NAME_TAG = 1
const FIELD_HEAD_BYTES = 3
const MAX_FIELDS = 32

class PlantedCodec implements Codec {
  readonly #defect: Defect | undefined
  readonly #shared: { longest: number }
  #hasFailed = false

  constructor(defect: Defect | undefined, shared: { longest: number }) {
    this.#defect = defect
    this.#shared = shared
  }

  decode(buffer: ReceiveBuffer, metadata: Metadata): DecodeStatus {
    if (!buffer.has(AT.id)) return DecodeStatus.WaitForData
    if (buffer.u16(AT.magic) !== MAGIC) throw new ProtocolError(`magic ${buffer.u16(AT.magic)} is not ${MAGIC}`)
    const length = buffer.u32(AT.length)
    const idBytes = idBytesOf(buffer.u8(AT.flags))
    const headBytes = AT.id + idBytes + 1
    if (length < headBytes) throw new ProtocolError(`length ${length} is below ${headBytes}`)
    if (this.#isLate(buffer, length)) return DecodeStatus.WaitForData
    const kind = buffer.u8(AT.kind)
    setKind(metadata, kind)
    metadata.requestId = idBytes === 8 ? buffer.i64(AT.id) : buffer.u32(AT.id)
    metadata.headerSize = this.#readFields(buffer, metadata, { kind, length, at: headBytes })
    metadata.bodySize = length - metadata.headerSize
    if ((buffer.u8(AT.flags) & Flag.elements) !== 0) this.#countElements(buffer, metadata, length)
    this.#remember(metadata, kind)
    metadata.message = buffer.take(length)
    return DecodeStatus.Done
  }

  encode(metadata: Metadata, _mutation: Mutation, out: ByteWriter): void {
    const { message, requestId, headerSize } = metadata
    if (this.#defect === 'written in place') message[AT.flags] = (message[AT.flags] as number) & 0x7f
    if (this.#defect === 'lost field' && hasFirstTag(message, 0)) {
      const from = AT.id + idBytesOf(message[AT.flags] as number)
      const length = message.length - (headerSize - from - 1)
      out.bytes(message, 0, AT.length).u32(length)
      writeId(out, message, requestId)
      out.u8(0).bytes(message, headerSize)
      return
    }
    out.bytes(message, 0, AT.id)
    writeId(out, message, requestId)
    out.bytes(message, AT.id + idBytesOf(message[AT.flags] as number))
  }

  onError(request: Metadata, failure: Failure, out: ByteWriter): void {
    const { message, requestId } = request
    const flags = (message[AT.flags] as number) & Flag.longId
    const name = request.get('name') ?? ''
    const start = out.length
    out.u16(MAGIC).u8(Kind.failed).u8(flags).u32(0)
    writeId(out, message, requestId)
    out.u8(1).u8(NAME_TAG).u16(Buffer.byteLength(name)).utf8(name).utf8(failure.message)
    const missed = this.#defect === 'wide name' ? Buffer.byteLength(name) - name.length : 0
    out.setU32(start + AT.length, out.length - start - missed)
  }

  patchIds(bytes: Buffer, start: number, requestId: MessageId): boolean {
    const isLong = ((bytes[start + AT.flags] as number) & Flag.longId) !== 0
    if (isLong && this.#defect !== 'long id') bytes.writeBigInt64BE(BigInt(requestId), start + AT.id)
    else bytes.writeUInt32BE(Number(BigInt.asUintN(32, BigInt(requestId))), start + AT.id)
    return true
  }

  /** Whether the whole message is still to come. */
  #isLate(buffer: ReceiveBuffer, length: number): boolean {
    if (this.#defect === 'announced memory') this.#shared.longest = new Float64Array(Math.min(length, 2 ** 26)).length
    const counts = this.#defect === 'read again and again' && buffer.length < length
    if (counts) return this.#isLateForEachByte(buffer)
    if (buffer.has(length)) return false
    if (this.#defect === 'consumed too early' && buffer.length === length - 1) buffer.take(AT.id)
    return true
  }

  #isLateForEachByte(buffer: ReceiveBuffer): boolean {
    let sum = 0
    for (let n = 0; n < buffer.length; n++) sum += buffer.u8(n)
    return sum >= 0
  }

  #readFields(
    buffer: ReceiveBuffer,
    metadata: Metadata,
    { kind, length, at }: { kind: number; length: number; at: number },
  ): number {
    const count = buffer.u8(at - 1)
    if (count > MAX_FIELDS) throw new ProtocolError(`${count} fields, more than ${MAX_FIELDS}`)
    const end = this.#defect === 'field past the end' ? length + 1 : length
    for (let n = 0; n < count; n++) {
      if (at + FIELD_HEAD_BYTES > end) throw new ProtocolError('a field begins behind the end')
      const tag = buffer.u8(at)
      const size = buffer.u16(at + 1)
      if (at + FIELD_HEAD_BYTES + size > end) throw new ProtocolError(`a field of ${size} bytes ends behind the end`)
      if (this.#defect === 'rare value' && kind === Kind.ping && tag === 0x7f)
        throw new TypeError('tag 127 is not there')
      metadata.setSlice(tag === NAME_TAG ? 'name' : `field-${tag}`, at + FIELD_HEAD_BYTES, at + FIELD_HEAD_BYTES + size)
      at += FIELD_HEAD_BYTES + size
    }
    return at
  }

  #countElements(buffer: ReceiveBuffer, metadata: Metadata, length: number): void {
    let count = 0
    for (let at = metadata.headerSize; at < length; count++) {
      const size = buffer.u8(at)
      if (size === 0 && this.#defect === 'empty element') for (count = 1; count > 0; count = 3 - count);
      at += 1 + size
      if (at > length) throw new ProtocolError('an element ends behind the end')
    }
    metadata.set('elements', String(count))
  }

  #remember(metadata: Metadata, kind: number): void {
    if (this.#defect === 'kind of the message before' && kind === Kind.reply && this.#hasFailed) {
      metadata.status = ResponseStatus.Error
    }
    this.#hasFailed = kind === Kind.failed
    if (this.#defect !== 'another connection') return
    this.#shared.longest = Math.max(this.#shared.longest, metadata.headerSize)
    if (this.#shared.longest > 100) metadata.set('longest', String(this.#shared.longest))
  }
}

/** The codec with this defect, or without any. */
export function createPlanted(defect?: Defect): CodecDefinition {
  const shared = { longest: 0 }
  return {
    name: `planted.${defect ?? 'nothing'}`,
    contract: 1,
    correlation: 'id',
    create: () => new PlantedCodec(defect, shared),
  }
}

export const plantedSamples: readonly Sample[] = [
  sample(
    'call',
    'downstream',
    plantedFrame({
      kind: Kind.call,
      id: 7,
      fields: [
        [1, 'add'],
        [2, 'grün'],
      ],
      body: 'hello',
    }),
  ),
  sample('long id', 'downstream', plantedFrame({ kind: Kind.call, id: 0x1234, isLong: true, fields: [[1, 'add']] })),
  sample('one-way', 'downstream', plantedFrame({ kind: Kind.oneway, id: 8, body: 'x' })),
  sample('ping', 'downstream', plantedFrame({ kind: Kind.ping, id: 9, fields: [[3, 'now']] })),
  sample('elements', 'downstream', plantedFrame({ kind: Kind.call, id: 10, hasElements: true, body: '\x01a\x02bc' })),
  sample('reply', 'upstream', plantedFrame({ kind: Kind.reply, id: 7, body: 'world' })),
  sample('failed reply', 'upstream', plantedFrame({ kind: Kind.failed, id: 7, fields: [[1, 'add']] })),
]

interface PlantedFrame {
  readonly kind: number
  readonly id: number
  readonly isLong?: boolean
  readonly hasElements?: boolean
  readonly fields?: readonly (readonly [tag: number, value: string])[]
  readonly body?: string
}

function plantedFrame({ kind, id, isLong = false, hasElements = false, fields = [], body = '' }: PlantedFrame): Buffer {
  const head = Buffer.alloc(AT.id + (isLong ? 8 : 4) + 1)
  head.writeUInt16BE(MAGIC, AT.magic)
  head[AT.kind] = kind
  head[AT.flags] = (isLong ? Flag.longId : 0) | (hasElements ? Flag.elements : 0)
  if (isLong) head.writeBigInt64BE(BigInt(id), AT.id)
  else head.writeUInt32BE(id, AT.id)
  head[head.length - 1] = fields.length
  const parts = fields.flatMap(([tag, value]) => {
    const bytes = Buffer.from(value)
    return [Buffer.of(tag, bytes.length >> 8, bytes.length), bytes]
  })
  const frame = Buffer.concat([head, ...parts, Buffer.from(body)])
  frame.writeUInt32BE(frame.length, AT.length)
  return frame
}

function sample(name: string, side: Side, bytes: Buffer): Sample {
  return { name, side, bytes }
}

function setKind(metadata: Metadata, kind: number): void {
  const isClient = metadata.type === MessageType.Request
  if (kind === Kind.oneway && isClient) metadata.type = MessageType.Oneway
  else if (kind === Kind.ping) metadata.type = MessageType.Heartbeat
  else if (kind === Kind.failed && !isClient) metadata.status = ResponseStatus.Error
  else if (kind !== (isClient ? Kind.call : Kind.reply)) throw new ProtocolError(`kind ${kind} is unknown`)
}

function idBytesOf(flags: number): number {
  return (flags & Flag.longId) !== 0 ? 8 : 4
}

function writeId(out: ByteWriter, message: Buffer, requestId: MessageId): void {
  if (idBytesOf(message[AT.flags] as number) === 8) out.i64(requestId)
  else out.u32(Number(requestId))
}

function hasFirstTag(message: Buffer, tag: number): boolean {
  const countAt = AT.id + idBytesOf(message[AT.flags] as number)
  return message[countAt] === 1 && message[countAt + 1] === tag
}
