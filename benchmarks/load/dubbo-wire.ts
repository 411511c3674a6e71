// A call of `byte[] echo(byte[])` with ten attachments, as a Dubbo consumer writes it with Hessian 2.0.
//
//   request   da bb c2 00 | id 8 | length 4 | "2.0.2" interface "1.0.0" "echo" "[B" | B length 2 payload | H pairs Z
//   reply     da bb 02 14 | id 8 | length 4 | 94 7a filler                          | B length 2 payload | H pairs Z
//
// The reply is a list of a filler and the payload, so that it has the size of its request and the payload stays in place.

import type { Wire } from './wire.ts'

const HEAD_BYTES = 16
const ID_LOW_HALF_AT = 8
const LENGTH_AT = 12
const BINARY_HEAD_BYTES = 3
const REPLY_STATUS_OK = 20
const VALUE_WITH_ATTACHMENTS = 0x94
const LIST_OF_TWO = 0x7a

const INTERFACE = 'org.example.benchmark.EchoService'

const call = Buffer.concat(['2.0.2', INTERFACE, '1.0.0', 'echo', '[B'].map(hessianString))
const attachments = Buffer.concat([
  Buffer.from('H'),
  ...Object.entries({
    path: INTERFACE,
    interface: INTERFACE,
    version: '1.0.0',
    group: 'benchmark',
    timeout: '3000',
    'remote.application': 'consumer',
    traceId: '463ac35c9f6413ad48485a3953bb6124',
    tenant: 'tenant-0042',
    region: 'eu-south-1',
    locale: 'el-GR',
  })
    .flat()
    .map(hessianString),
  Buffer.from('Z'),
])
const replyStart = Buffer.concat([
  Buffer.of(VALUE_WITH_ATTACHMENTS, LIST_OF_TWO),
  hessianString('-'.repeat(call.length - 4)), // of 32 to 1023 characters: its own length takes two bytes
])

export const dubbo: Wire = {
  name: 'dubbo',
  idAt: ID_LOW_HALF_AT,
  payloadAt: HEAD_BYTES + call.length + BINARY_HEAD_BYTES,
  tailBytes: attachments.length,
  lengthBytes: HEAD_BYTES,
  buildRequest(payload) {
    const head = Buffer.alloc(HEAD_BYTES)
    head.writeUInt32BE(0xdabbc200, 0)
    const binaryHead = Buffer.from('B\0\0')
    binaryHead.writeUInt16BE(payload.length, 1)
    const frame = Buffer.concat([head, call, binaryHead, payload, attachments])
    frame.writeUInt32BE(frame.length - HEAD_BYTES, LENGTH_AT)
    return frame
  },
  frameLength: (bytes, at) => bytes.readUInt32BE(at + LENGTH_AT) + HEAD_BYTES,
  turnIntoReply(bytes, at) {
    bytes[at + 2] = 0x02
    bytes[at + 3] = REPLY_STATUS_OK
    bytes.set(replyStart, at + HEAD_BYTES)
  },
}

/** Of up to 1023 ASCII characters. */
function hessianString(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  const head = bytes.length < 32 ? [bytes.length] : [0x30 + (bytes.length >> 8), bytes.length & 0xff]
  return Buffer.concat([Buffer.from(head), bytes])
}
