import { DecodeStatus, MessageType, type Metadata, ProtocolError } from '@meltemi/sdk'
import { AT, fill, HEADER_BYTES } from '../complete.ts'
import { type BrokenCodec, breakCodec } from './broken-codec.ts'

/** Waiting by looking at the length is waiting without a wish. */
const waitForHeader = DecodeStatus.WaitForData

export const brokenDecoding: readonly BrokenCodec[] = [
  // a type that was forgotten
  breakCodec('D1', {
    input: ['4d000000190200000000000000000000000000000000000000'],
    methods: (right) => ({
      decode(buffer, metadata) {
        const status = right.decode(buffer, metadata)
        if (metadata.type === MessageType.Oneway) throw new TypeError('no reader for one-way messages') // D1
        return status
      },
    }),
  }),
  // ids that never equal those of the proxy
  breakCodec('D2', {
    input: ['4d000000190200000000000000000000000000000000000000'],
    methods: (right) => ({
      // biome-ignore format: the line that is named
      decode(buffer, metadata) { // D2
        const status = right.decode(buffer, metadata)
        metadata.requestId = BigInt(metadata.requestId)
        return status
      },
    }),
  }),
  // takes the header as soon as it is there
  breakCodec('D3', {
    input: ['4d0000001a0000400000000000000000000000000000000000'],
    methods: () => ({
      // biome-ignore format: the line that is named
      decode(buffer, metadata) { // D3
        if (!buffer.has(HEADER_BYTES)) return DecodeStatus.WaitForData
        const rest = buffer.u32(AT.length) - HEADER_BYTES
        const head = buffer.take(HEADER_BYTES)
        if (!buffer.has(rest)) return DecodeStatus.WaitForData
        fill(metadata, Buffer.concat([head, buffer.take(rest)]))
        return DecodeStatus.Done
      },
    }),
  }),
  // reads the length before it is there
  breakCodec('D4', {
    input: ['4d'],
    methods: (right) => ({
      decode(buffer, metadata) {
        if (buffer.u32(AT.length) < HEADER_BYTES) throw new ProtocolError('too short') // D4
        return right.decode(buffer, metadata)
      },
    }),
  }),
  // does not wait for the body
  breakCodec('D5', {
    input: ['4d0000001c0000400000000000000000000000000000000000'],
    methods: () => ({
      // biome-ignore format: the line that is named
      decode(buffer, metadata) { // D5
        if (!buffer.has(HEADER_BYTES)) return DecodeStatus.WaitForData
        const length = buffer.u32(AT.length)
        if (!buffer.has(HEADER_BYTES + buffer.u16(AT.pairsLength))) return DecodeStatus.WaitForData
        fill(metadata, buffer.take(Math.min(length, buffer.length)))
        return DecodeStatus.Done
      },
    }),
  }),
  // never says how many bytes it needs for the header
  breakCodec('D6', {
    input: ['4d'],
    methods: (right) => ({
      // biome-ignore format: the line that is named
      decode(buffer, metadata) { // D6
        return buffer.length < HEADER_BYTES ? waitForHeader : right.decode(buffer, metadata)
      },
    }),
  }),
  // remembers the header while it waits, but not all of it
  breakCodec('D7', {
    input: ['4d', '000000190000000000000000000500000000000001f40000'],
    methods: (right) => {
      let hasWaited = false
      return {
        // biome-ignore format: the line that is named
        decode(buffer, metadata) { // D7
          const status = right.decode(buffer, metadata)
          if (status === DecodeStatus.Done && hasWaited) metadata.timeoutMs = 0
          hasWaited = status === DecodeStatus.WaitForData
          return status
        },
      }
    },
  }),
  // numbers messages by a byte
  breakCodec('D8', {
    input: ['4d000000190200000000000000000000000000000000000000'],
    methods: (right) => {
      let seen = 0
      return {
        decode(buffer, metadata) {
          const status = right.decode(buffer, metadata)
          if (status === DecodeStatus.Done && ++seen > 255) throw new ProtocolError('too many messages') // D8
          return status
        },
      }
    },
  }),
  // asks for the limit only where bytes are missing
  breakCodec('D9', {
    input: ['4d0000001a000040000000000000000000000000000000000078'],
    methods: () => ({
      // biome-ignore format: the line that is named
      decode(buffer, metadata) { // D9
        if (!buffer.has(HEADER_BYTES)) return DecodeStatus.WaitForData
        const length = buffer.u32(AT.length)
        if (buffer.u16(AT.pairsLength) + HEADER_BYTES > length) throw new ProtocolError('too short')
        if (length > buffer.length && !buffer.has(length)) return DecodeStatus.WaitForData
        fill(metadata, buffer.take(length))
        return DecodeStatus.Done
      },
    }),
  }),
  // reads the length with its sign
  breakCodec('D10', {
    input: ['4dffffffff0200000000000000000000000000000000000000'],
    methods: () => ({
      decode(buffer, metadata) {
        if (!buffer.has(HEADER_BYTES)) return DecodeStatus.WaitForData
        const length = buffer.i32(AT.length)
        if (length >= 0 && !buffer.has(length)) return DecodeStatus.WaitForData
        fill(metadata, buffer.take(length)) // D10
        return DecodeStatus.Done
      },
    }),
  }),
  // refuses what it does not know by the wrong exception
  breakCodec('D11', {
    input: ['4d000000190210000000000000000000000000000000000000'],
    methods: (right) => ({
      decode(buffer, metadata) {
        const status = right.decode(buffer, metadata)
        if (status === DecodeStatus.Done && flagsOf(metadata) > 15) throw new Error('unknown flags') // D11
        return status
      },
    }),
  }),
  // looks at everything again for every byte that comes
  breakCodec('D12', {
    input: ['4d000000190200000000000000000000000000000000000000'],
    methods: (right) => ({
      // biome-ignore format: the line that is named
      decode(buffer, metadata) { // D12
        if (!buffer.has(HEADER_BYTES)) return DecodeStatus.WaitForData
        const length = buffer.u32(AT.length)
        for (let at = 0; at < Math.min(length, buffer.length); at++) buffer.u8(at)
        if (!buffer.has(Math.min(length, buffer.length + 1))) return DecodeStatus.WaitForData
        return right.decode(buffer, metadata)
      },
    }),
  }),
  // keeps a copy of what has come so far
  breakCodec('D13', {
    input: ['4d000000190200000000000000000000000000000000000000'],
    methods: (right) => {
      let seen = ''
      return {
        // biome-ignore format: the line that is named
        decode(buffer, metadata) { // D13
          if (!buffer.has(HEADER_BYTES)) return DecodeStatus.WaitForData
          const length = Math.max(HEADER_BYTES, buffer.u32(AT.length))
          const end = Math.min(length, buffer.length)
          while (seen.length < end) seen += String.fromCharCode(buffer.u8(seen.length))
          if (!buffer.has(Math.min(length, buffer.length + 1))) return DecodeStatus.WaitForData
          seen = ''
          return right.decode(buffer, metadata)
        },
      }
    },
  }),
]

function flagsOf({ message }: Metadata): number {
  return message.readUInt8(AT.flags)
}
