/**
 * Messages of the frozen codecs, as bytes; the codecs are in testdata/contract-1.
 *
 *   frames  | f1 or f2 | type | status | flags | u32 length | u32 id | u32 stream | u32 ms | u16 pairs length | pairs, body |
 *   wide    | u32le length | i64 id | i16 status | body | u32 length ^ low half of the id |
 */

import { type MessageId, MessageType, type Metadata } from '@meltemi/sdk'

const HEAD_BYTES = 22

export interface FrozenFrame {
  readonly id: number
  readonly magic?: 0xf1 | 0xf2
  readonly type?: MessageType
  readonly flags?: number
  readonly stream?: number
  readonly timeoutMs?: number
  readonly pairs?: Readonly<Record<string, string>>
  readonly body?: string
}

export const FrozenFlag = { More: 1, GoAway: 2 } as const

export function frozenFrame(frame: FrozenFrame): Buffer {
  const { id, magic = 0xf1, type = MessageType.Request, flags = 0, stream = 0, timeoutMs = 0, body = '' } = frame
  const pairs = Buffer.concat(Object.entries(frame.pairs ?? {}).map(([key, value]) => pairBytes(key, value)))
  const head = Buffer.alloc(HEAD_BYTES)
  head.set([magic, type, 0, flags])
  head.writeUInt32BE(HEAD_BYTES + pairs.length + Buffer.byteLength(body), 4)
  head.writeUInt32BE(id, 8)
  head.writeUInt32BE(stream, 12)
  head.writeUInt32BE(timeoutMs, 16)
  head.writeUInt16BE(pairs.length, 20)
  return Buffer.concat([head, pairs, Buffer.from(body)])
}

/** What an honest service says: the same, as a reply; nothing to what wants no reply. */
export function frozenAnswer(request: Metadata): Buffer | undefined {
  const { type } = request
  if (type === MessageType.Oneway || type === MessageType.StreamInit) return undefined
  const reply = Buffer.from(request.message)
  if (type === MessageType.Request) reply[1] = MessageType.Response
  return reply
}

export function flagsOf({ message }: Metadata): number {
  return message[3] as number
}

export function bodyOf({ message, headerSize }: Metadata): string {
  return message.toString('utf8', headerSize)
}

export function wideFrame(id: MessageId, body: string): Buffer {
  const bytes = Buffer.alloc(18 + body.length)
  bytes.writeUInt32LE(bytes.length, 0)
  bytes.writeBigInt64BE(BigInt(id), 4)
  bytes.write(body, 14, 'latin1')
  bytes.writeUInt32BE((bytes.length ^ Number(BigInt(id) & 0xffff_ffffn)) >>> 0, bytes.length - 4)
  return bytes
}

function pairBytes(key: string, value: string): Buffer {
  const lengths = Buffer.of(key.length, 0, value.length)
  return Buffer.concat([lengths.subarray(0, 1), Buffer.from(key), lengths.subarray(1), Buffer.from(value)])
}
