import { MessageType } from '@meltemi/sdk'
import { AT, errorFrame, HEADER_BYTES, writeFrame } from '../complete.ts'
import { type BrokenCodec, breakCodec } from './broken-codec.ts'

export const brokenReplies: readonly BrokenCodec[] = [
  // counts characters where bytes are meant
  breakCodec('R1', {
    input: ['4e000000190000000000000000000800000000000000000000'],
    methods: () => ({
      // biome-ignore format: the line that is named
      onError(request, failure, out) { // R1
        const start = out.length
        out.bytes(writeFrame(errorFrame(request, failure)))
        out.setU32(start + AT.length, HEADER_BYTES + failure.message.length)
      },
    }),
  }),
  // an answer that says what went wrong in words alone
  breakCodec('R2', {
    input: ['4e000000190000000000000000000800000000000000000000'],
    methods: () => ({
      // biome-ignore format: the line that is named
      onError(request, failure, out) { // R2
        out.bytes(writeFrame({ ...errorFrame(request, failure), type: MessageType.Response, flags: 0 }))
      },
    }),
  }),
  // an error of nobody in particular
  breakCodec('R3', {
    input: ['4e000000190000000000000000000800000000000000000000'],
    methods: () => ({
      // biome-ignore format: the line that is named
      onError(request, failure, out) { // R3
        out.bytes(writeFrame({ ...errorFrame(request, failure), id: 0 }))
      },
    }),
  }),
  // gives the body back
  breakCodec('R4', {
    input: ['4d0000001a000040000000000000000000000000000000000078'],
    methods: () => ({
      // biome-ignore format: the line that is named
      onError(request, failure, out) { // R4
        out.bytes(writeFrame({ ...errorFrame(request, failure), body: request.message.subarray(request.headerSize) }))
      },
    }),
  }),
  // every heartbeat is the same to it
  breakCodec('H1', {
    input: ['4d000000190700000000000000000600000000000000000000'],
    methods: () => ({
      // biome-ignore format: the line that is named
      heartbeatReply(_request, out) { // H1
        out.bytes(writeFrame({ type: MessageType.Heartbeat }))
      },
    }),
  }),
  // writes 16 bits of the id
  breakCodec('H2', {
    input: [],
    methods: (right) => ({
      // biome-ignore format: the line that is named
      healthCheck(id, out) { // H2
        right.healthCheck?.(id & 0xffff, out)
      },
    }),
  }),
  // says goodbye twice
  breakCodec('H3', {
    input: [],
    methods: (right) => ({
      // biome-ignore format: the line that is named
      goAway(out) { // H3
        right.goAway?.(out)
        right.goAway?.(out)
      },
    }),
  }),
  // resets the stream of the client, not that of the service
  breakCodec('H4', {
    input: ['4d000000190300000000000000000700000003000000000000'],
    methods: (right) => ({
      // biome-ignore format: the line that is named
      resetStream(opened, _streamId, out) { // H4
        right.resetStream?.(opened, opened.streamId, out)
      },
    }),
  }),
  // closes the stream as if all were well
  breakCodec('H5', {
    input: ['4d000000190300000000000000000700000003000000000000'],
    methods: (right) => ({
      // biome-ignore format: the line that is named
      failStream(opened, _failure, out) { // H5
        right.resetStream?.(opened, opened.streamId, out)
      },
    }),
  }),
  // answers answers
  breakCodec('H6', {
    input: ['4d000000190700000000000000000900000000000000000000'],
    methods: (right) => ({
      // biome-ignore format: the line that is named
      serviceHeartbeat(message, out) { // H6
        right.heartbeatReply?.(message, out)
        return false
      },
    }),
  }),
]
