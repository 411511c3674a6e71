import { type MessageId, MessageType, Mutation } from '@meltemi/sdk'
import { AT, pairBytes } from '../complete.ts'
import { type BrokenCodec, breakCodec } from './broken-codec.ts'

const lowBits = (id: MessageId, bits: number): number => Number(BigInt.asUintN(bits, BigInt(id)))

export const brokenEncoding: readonly BrokenCodec[] = [
  // forgets the flags
  breakCodec('E1', {
    input: ['4d000000190101000000000000000500000000000000000000'],
    methods: (right) => ({
      // biome-ignore format: the line that is named
      encode(metadata, mutation, out) { // E1
        const start = out.length
        right.encode(metadata, mutation, out)
        out.setU16(start + AT.type, metadata.message.readUInt8(AT.type) << 8)
      },
    }),
  }),
  // writes the id where the message lies
  breakCodec('E2', {
    input: ['4d000000190200000000000000000000000000000000000000'],
    methods: (right) => ({
      // biome-ignore format: the line that is named
      encode(metadata, mutation, out) { // E2
        metadata.message.writeBigInt64BE(BigInt(metadata.requestId), AT.id)
        right.encode(metadata, mutation, out)
      },
    }),
  }),
  // writes but 16 bits of the id
  breakCodec('E3', {
    input: ['4d000000190101000000000000000500000000000000000000'],
    methods: (right) => ({
      // biome-ignore format: the line that is named
      encode(metadata, mutation, out) { // E3
        const requestId = metadata.requestId
        const id = metadata.message.readBigInt64BE(AT.id)
        metadata.requestId = ((id >> 16n) << 16n) | BigInt(lowBits(requestId, 16))
        right.encode(metadata, mutation, out)
        metadata.requestId = requestId
      },
    }),
  }),
  // takes the ids of clients for as small as those of the proxy
  breakCodec('E4', {
    input: ['4d000000190101000000000000000500000000000000000000'],
    methods: (right) => ({
      // biome-ignore format: the line that is named
      encode(metadata, mutation, out) { // E4
        const start = out.length
        right.encode(metadata, mutation, out)
        const type = metadata.message.readUInt8(AT.type)
        if (type === MessageType.Response) out.setU32(start + AT.id, 0)
      },
    }),
  }),
  // counts from the start of the buffer
  breakCodec('E5', {
    input: ['4d000000190101000000000000000500000000000000000000'],
    methods: (right) => ({
      // biome-ignore format: the line that is named
      patchIds(bytes, _start, requestId, streamId) { // E5
        return right.patchIds?.(bytes, 0, requestId, streamId) ?? false
      },
    }),
  }),
  // writes half of the id
  breakCodec('E6', {
    input: ['4d000000190101000000000000000500000000000000000000'],
    methods: () => ({
      // biome-ignore format: the line that is named
      patchIds(bytes, start, requestId, streamId) { // E6
        bytes.writeUInt32BE(lowBits(requestId, 32), start + AT.id)
        bytes.writeUInt32BE(streamId, start + AT.stream)
        return true
      },
    }),
  }),
  // writes the timeout that came
  breakCodec('E7', {
    input: ['4d000000190000000000000000000500000000000001f40000'],
    methods: (right) => ({
      // biome-ignore format: the line that is named
      encode(metadata, mutation, out) { // E7
        const { timeoutMs } = metadata
        metadata.timeoutMs = metadata.message.readUInt32BE(AT.timeout)
        right.encode(metadata, mutation, out)
        metadata.timeoutMs = timeoutMs
      },
    }),
  }),
  // refuses only on the way out what it cannot write
  breakCodec('E8', {
    input: ['4d0000001900e4408a00000000004300000000000000000000'],
    methods: (right) => ({
      encode(metadata, mutation, out) {
        if (metadata.message.readUInt8(AT.flags) > 7) throw new Error('unknown flags') // E8
        right.encode(metadata, mutation, out)
      },
    }),
  }),
  // changes what is there and adds nothing
  breakCodec('M1', {
    input: ['4d000000190200000000000000000000000000000000000000'],
    methods: (right) => ({
      // biome-ignore format: the line that is named
      encode(metadata, mutation, out) { // M1
        right.encode(metadata, only(mutation, (key) => metadata.get(key) !== undefined), out)
      },
    }),
  }),
  // adds and removes, but does not change
  breakCodec('M2', {
    input: ['4d000000190200000000000000000000000000000000000000'],
    methods: (right) => ({
      // biome-ignore format: the line that is named
      encode(metadata, mutation, out) { // M2
        right.encode(metadata, only(mutation, (key, value) => value === undefined || metadata.get(key) === undefined), out)
      },
    }),
  }),
  // adds and changes, but does not remove
  breakCodec('M3', {
    input: ['4d000000190200000000000000000000000000000000000000'],
    methods: (right) => ({
      // biome-ignore format: the line that is named
      encode(metadata, mutation, out) { // M3
        right.encode(metadata, only(mutation, (_key, value) => value !== undefined), out)
      },
    }),
  }),
  // appends the pair to a reply and leaves the lengths as they were
  breakCodec('M4', {
    input: ['4d000000190101000000000000000500000000000000000000'],
    facts: { mutation: 'request' },
    methods: (right) => ({
      // biome-ignore format: the line that is named
      encode(metadata, mutation, out) { // M4
        const isReply = metadata.type === MessageType.Response
        right.encode(metadata, isReply ? Mutation.none : mutation, out)
        for (let n = 0; isReply && n < mutation.size; n++) out.bytes(pairBytes(mutation.key(n), mutation.value(n) ?? ''))
      },
    }),
  }),
  // tells one-way messages by their id
  breakCodec('T1', {
    input: ['4d000000190200000000000000000000000000000000000000'],
    methods: (right) => ({
      // biome-ignore format: the line that is named
      encode(metadata, mutation, out) { // T1
        const start = out.length
        right.encode(metadata, mutation, out)
        const { message, requestId, type } = metadata
        if (type === MessageType.Oneway && requestId !== 0) out.setU16(start + AT.type, message.readUInt8(AT.flags))
      },
    }),
  }),
  // knows no stream ids
  breakCodec('T2', {
    input: ['4d000000190300000000000000000700000003000000000000'],
    methods: (right) => ({
      // biome-ignore format: the line that is named
      encode(metadata, mutation, out) { // T2
        const start = out.length
        right.encode(metadata, mutation, out)
        out.setU32(start + AT.stream, metadata.message.readUInt32BE(AT.stream))
      },
    }),
  }),
]

function only(mutation: Mutation, isKept: (key: string, value: string | undefined) => boolean): Mutation {
  const kept = new Mutation()
  for (let n = 0; n < mutation.size; n++) {
    const key = mutation.key(n)
    if (isKept(key, mutation.value(n))) kept.set(key, mutation.value(n))
  }
  return kept
}
