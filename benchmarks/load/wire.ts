// The protocols the benchmark speaks, written by hand so that the load checks Meltemi's codecs and shares nothing
// with them. Every request of a run has the same size, and a reply has the size of its request.
//
//   awesomerpc   version 1 | id 4 | length 4 | cmd 2 | code 2 | payload
//   thrift       length 4 | 80 01 00 type | 4 "echo" | id 4 | 0b field-id 2 | length 4 | payload | 00
//   dubbo        see dubbo-wire.ts
//
// The payload starts with connection number and id and ends with the id, so a crossed reply cannot pass.

import { dubbo } from './dubbo-wire.ts'

export const wireNames = ['awesomerpc', 'thrift', 'dubbo'] as const

export type WireName = (typeof wireNames)[number]

/**
 * What client and service do when several messages are ready at once. `joined`: one write for all, which makes the most
 * of the machine. `single`: a write each, like programs that answer each call by itself; proxies then see smaller reads.
 */
export type Writes = 'joined' | 'single'

export interface Wire {
  readonly name: WireName
  readonly idAt: number
  readonly payloadAt: number
  /** What follows the payload. */
  readonly tailBytes: number
  /** Bytes of a frame that must be there before its length can be read. */
  readonly lengthBytes: number
  /** A whole request with zero ids. */
  buildRequest(payload: Buffer): Buffer
  frameLength(bytes: Buffer, at: number): number
  /** Turns a request into its reply, in place. */
  turnIntoReply(bytes: Buffer, at: number): void
}

const AWESOMERPC_HEAD_BYTES = 13
const THRIFT_HEAD_BYTES = 27
const THRIFT_REPLY = 2

const awesomerpc: Wire = {
  name: 'awesomerpc',
  idAt: 1,
  payloadAt: AWESOMERPC_HEAD_BYTES,
  tailBytes: 0,
  lengthBytes: 9,
  buildRequest(payload) {
    const frame = Buffer.concat([Buffer.alloc(AWESOMERPC_HEAD_BYTES), payload])
    frame.writeUInt8(1, 0)
    frame.writeUInt32BE(frame.length, 5)
    frame.writeInt16BE(7, 9)
    return frame
  },
  frameLength: (bytes, at) => bytes.readUInt32BE(at + 5),
  turnIntoReply() {},
}

const thrift: Wire = {
  name: 'thrift',
  idAt: 16,
  payloadAt: THRIFT_HEAD_BYTES,
  tailBytes: 1,
  lengthBytes: 4,
  buildRequest(payload) {
    const frame = Buffer.concat([Buffer.alloc(THRIFT_HEAD_BYTES), payload, Buffer.alloc(1)])
    frame.writeUInt32BE(frame.length - 4, 0)
    frame.writeUInt32BE(0x80010001, 4)
    frame.writeUInt32BE(4, 8)
    frame.write('echo', 12, 'latin1')
    frame.writeUInt8(0x0b, 20)
    frame.writeUInt16BE(1, 21)
    frame.writeUInt32BE(payload.length, 23)
    return frame
  },
  frameLength: (bytes, at) => bytes.readUInt32BE(at) + 4,
  turnIntoReply(bytes, at) {
    bytes[at + 7] = THRIFT_REPLY
    bytes[at + 22] = 0
  },
}

export const wires: Readonly<Record<WireName, Wire>> = { awesomerpc, thrift, dubbo }

/** Writes the id and the payload's marks into a frame built by `buildRequest`, or into its reply. */
export function stamp(
  wire: Wire,
  frame: Buffer,
  options: { at: number; length: number; mark: number; id: number },
): void {
  const { at, length, mark, id } = options
  frame.writeUInt32BE(id, at + wire.idAt)
  frame.writeUInt32BE(mark, at + wire.payloadAt)
  frame.writeUInt32BE(id, at + wire.payloadAt + 4)
  frame.writeUInt32BE(id, at + length - wire.tailBytes - 4)
}

/** Bytes of which no two neighbours are alike. */
export function createPayload(bytes: number): Buffer {
  return Buffer.from(Array.from({ length: bytes }, (_, index) => 33 + ((index * 7) % 90)))
}
