import { DecodeStatus, ResponseStatus } from '@meltemi/sdk'
import { AT, HEADER_BYTES } from '../complete.ts'
import { type BrokenCodec, breakCodec } from './broken-codec.ts'

/** What connections share by mistake. */
const shared = { timeoutMs: 0 }

export const brokenStates: readonly BrokenCodec[] = [
  // one failure, and all that follows has failed
  breakCodec('S1', {
    input: ['4d0000001901010000000000000005000000000000000000004d000000190700000000000000000900000000000000000000'],
    methods: (right) => {
      let hasFailed = false
      return {
        // biome-ignore format: the line that is named
        decode(buffer, metadata) { // S1
          const status = right.decode(buffer, metadata)
          hasFailed ||= metadata.status === ResponseStatus.Error
          if (hasFailed) metadata.status = ResponseStatus.Error
          return status
        },
      }
    },
  }),
  // remembers the timeout of whatever connection was read last
  breakCodec('S2', {
    input: ['4d0000001e0000000000000000000500000000000001f400050161000162'],
    methods: (right) => {
      let isBegun = false
      return {
        // biome-ignore format: the line that is named
        decode(buffer, metadata) { // S2
          if (!isBegun && buffer.length >= HEADER_BYTES) {
            shared.timeoutMs = buffer.u32(AT.timeout)
            isBegun = true
          }
          const status = right.decode(buffer, metadata)
          if (status === DecodeStatus.WaitForData) return status
          metadata.timeoutMs = shared.timeoutMs
          isBegun = false
          return status
        },
      }
    },
  }),
  // writes what it has read last
  breakCodec('S3', {
    input: ['4d000000190200000000000000000000000000000000000000'],
    methods: (right) => {
      let flags: number | undefined
      return {
        decode(buffer, metadata) {
          const status = right.decode(buffer, metadata)
          if (status === DecodeStatus.Done) flags = metadata.message.readUInt8(AT.flags)
          return status
        },
        // biome-ignore format: the line that is named
        encode(metadata, mutation, out) { // S3
          const start = out.length
          const { message } = metadata
          right.encode(metadata, mutation, out)
          out.setU16(start + AT.type, (message.readUInt8(AT.type) << 8) | (flags ?? message.readUInt8(AT.flags)))
        },
      }
    },
  }),
  // a history that nobody asked for
  breakCodec('S4', {
    input: ['4d000000190200000000000000000000000000000000000000'],
    methods: (right) => {
      // far more than what else the process does while it is measured
      const history: Buffer[] = []
      return {
        // biome-ignore format: the line that is named
        decode(buffer, metadata) { // S4
          history.push(Buffer.alloc(4096))
          return right.decode(buffer, metadata)
        },
      }
    },
  }),
]
