/** Every codec there is, with right bytes to damage and long messages to drip. */

import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { brpc } from '@meltemi/codecs/brpc'
import { dubbo } from '@meltemi/codecs/dubbo'
import { thrift } from '@meltemi/codecs/thrift'
import { trpc } from '@meltemi/codecs/trpc'
import type { Sample } from '@meltemi/sdk/testing'
import { awesomerpcFrame } from '../harness/awesomerpc-frame.ts'
import { brpcReply, brpcRequest } from '../harness/brpc-frame.ts'
import { allSamples, type CodecSamples } from '../harness/codecs/samples.ts'
import { dubboHeartbeat, dubboHeartbeatReply, dubboReply, dubboRequest } from '../harness/dubbo-frame.ts'
import * as trpcFrames from '../harness/trpc-frame.ts'

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')
const request = (name: string, bytes: Buffer): Sample => ({ name, side: 'downstream', bytes })
const reply = (name: string, bytes: Buffer): Sample => ({ name, side: 'upstream', bytes })

const awesomerpcSamples: CodecSamples = {
  definition: awesomerpc,
  samples: [
    request('request', awesomerpcFrame({ id: 42, cmd: 7, body: 'abc' })),
    request('empty', awesomerpcFrame({ id: 0xffffffff, cmd: -1 })),
    reply('reply', awesomerpcFrame({ id: 42, body: 'abc' })),
    reply('failed', awesomerpcFrame({ id: 42, rspCode: 1 })),
  ],
  large: (bytes) => request('large', awesomerpcFrame({ id: 1, body: Buffer.alloc(bytes) })),
}

const dubboSamples: CodecSamples = {
  definition: dubbo,
  samples: [
    request('request', dubboRequest({ id: 42, body: 'abc', attachments: { group: 'g', timeout: '1000' } })),
    request('one-way', dubboRequest({ id: 0xffffffff, isOneway: true })),
    request('heartbeat', dubboHeartbeat(3)),
    reply('reply', dubboReply({ id: 42, body: 'abc', attachments: { color: 'blue' } })),
    reply('exception', dubboReply({ id: 42, body: 'abc', isException: true })),
    reply('heartbeat reply', dubboHeartbeatReply(3)),
  ],
  large: (bytes) => request('large', dubboRequest({ id: 1, body: Buffer.alloc(bytes) })),
}

const brpcSamples: CodecSamples = {
  definition: brpc,
  samples: [
    request('request', brpcRequest({ id: 42, logId: 7, timeoutMs: 500, payload: 'abc', attachment: 'xyz' })),
    request('wide id', brpcRequest({ id: -(2n ** 62n), userFields: { a: '1' } })),
    reply('reply', brpcReply({ id: 42, payload: 'abc' })),
    reply('failed', brpcReply({ id: 42, errorCode: 1001, errorText: 'no' })),
  ],
  large: (bytes) => request('large', brpcRequest({ id: 1, payload: Buffer.alloc(bytes) })),
}

const stream = 101
const trpcSamples: CodecSamples = {
  definition: trpc,
  samples: [
    request('call', trpcFrames.trpcRequest({ id: 42, timeoutMs: 500, transInfo: { a: '1' }, body: 'abc' })),
    request('one-way', trpcFrames.trpcRequest({ id: 7, callType: 1, version: 0 })),
    request('init', trpcFrames.trpcInit({ stream, transInfo: { a: '1' } })),
    request('data', trpcFrames.trpcData(stream, 'abc')),
    request('close', trpcFrames.trpcClose({ stream })),
    request('reset', trpcFrames.trpcClose({ stream, isReset: true, ret: 161, message: 'gone' })),
    reply('reply', trpcFrames.trpcReply({ id: 42, transInfo: { b: '2' }, body: 'abc' })),
    reply('failed', trpcFrames.trpcReply({ id: 42, ret: -1, errorMsg: 'no' })),
    reply('opened', trpcFrames.trpcInitReply({ stream })),
    { ...reply('refused', trpcFrames.trpcInitReply({ stream, ret: 12, message: 'no func' })), ids: false },
    reply('feedback', trpcFrames.trpcFeedback(stream, 4096)),
    reply('returned', trpcFrames.trpcClose({ stream })),
  ],
  large: (bytes) => request('large', trpcFrames.trpcRequest({ id: 1, body: Buffer.alloc(bytes) })),
}

function framed(message: Buffer): Buffer {
  const size = Buffer.alloc(4)
  size.writeUInt32BE(message.length)
  return Buffer.concat([size, message])
}

const BINARY_CALL = hex('80010001 00000008 73617948656c6c6f 00000005 0b0001 00000002 6869 080002 0000002a 00')
const BINARY_LIST = hex('80010001 00000001 61 00000005 0f0001 0c 00000002 0b0001 00000001 78 00 00 00')
const BINARY_REPLY = hex('80010002 00000001 61 00000005 0b0000 00000002 6869 00')
const COMPACT_CALL = hex('8221 05 08 73617948656c6c6f 18 02 6869 15 54 00')
const COMPACT_MAP = hex('8221 05 01 61 1b 02 88 01 61 01 62 01 63 01 64 00')
const COMPACT_REPLY = hex('8241 05 01 61 08 00 02 6869 00')
const headerFrame = (protocolId: number, message: Buffer) =>
  framed(Buffer.concat([hex('0fff0000 00000005 0001'), Buffer.of(protocolId), hex('000000'), message]))

const thriftSamples: CodecSamples = {
  definition: thrift,
  samples: [
    ...Object.entries({ BINARY_CALL, BINARY_LIST, COMPACT_CALL, COMPACT_MAP }).flatMap(([name, message]) => [
      request(`unframed ${name}`, message),
      request(`framed ${name}`, framed(message)),
      request(`header ${name}`, headerFrame(name.startsWith('BINARY') ? 0 : 2, message)),
    ]),
    ...Object.entries({ BINARY_REPLY, COMPACT_REPLY }).flatMap(([name, message]) => [
      reply(`unframed ${name}`, message),
      reply(`framed ${name}`, framed(message)),
    ]),
  ],
  large: (bytes) => request('large', framed(manyFields(bytes))),
}

/** A call whose struct has so many bytes of small fields: an unframed reader must walk through all of them. */
function manyFields(bytes: number): Buffer {
  const field = hex('080001 0000002a')
  const fields = new Array<Buffer>(Math.ceil(bytes / field.length)).fill(field)
  return Buffer.concat([hex('80010001 00000001 61 00000005'), ...fields, Buffer.of(0)])
}

const unframedThriftSamples: CodecSamples = {
  ...thriftSamples,
  large: (bytes) => request('large, unframed', manyFields(bytes)),
}

export const corpus: readonly CodecSamples[] = [
  awesomerpcSamples,
  brpcSamples,
  dubboSamples,
  thriftSamples,
  trpcSamples,
  ...allSamples,
]

/** The corpus, and further ways in which a message can be long. */
export const largeCorpus: readonly CodecSamples[] = [...corpus, unframedThriftSamples]
