import type { ByteWriter, MessageId } from '@meltemi/sdk'

/** How many bytes an unsigned integer of 32 bits takes as a varint. */
export function varintBytes(value: number): number {
  let bytes = 1
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) bytes++
  return bytes
}

/** Writes a signed integer of 64 bits as a varint: a negative one takes ten bytes. */
export function writeInt64(value: MessageId, out: ByteWriter): void {
  let low: number
  let high: number
  if (typeof value === 'number') {
    const upper = Math.floor(value / 0x1_0000_0000)
    low = value - upper * 0x1_0000_0000
    high = upper >>> 0
  } else {
    const bits = BigInt.asUintN(64, value)
    low = Number(bits & 0xffff_ffffn)
    high = Number(bits >> 32n)
  }
  while (high > 0) {
    out.u8((low & 0x7f) | 0x80)
    low = ((high << 25) | (low >>> 7)) >>> 0
    high >>>= 7
  }
  out.varint(low)
}
