import type { ReceiveBuffer } from '@meltemi/sdk'

/** Reads numbers as the machine wrote them that made the capture. */
export interface ByteOrder {
  u16(bytes: Buffer, at: number): number
  u32(bytes: Buffer, at: number): number
  /** Of what has not been taken yet. */
  peekU32(buffer: ReceiveBuffer, at: number): number
}

export const bigEndian: ByteOrder = {
  u16: (bytes, at) => bytes.readUInt16BE(at),
  u32: (bytes, at) => bytes.readUInt32BE(at),
  peekU32: (buffer, at) => buffer.u32(at),
}

export const littleEndian: ByteOrder = {
  u16: (bytes, at) => bytes.readUInt16LE(at),
  u32: (bytes, at) => bytes.readUInt32LE(at),
  peekU32: (buffer, at) => buffer.u32le(at),
}
