/** For each codec requests that are told apart by a number, and what their replies must say. */

import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { brpc } from '@meltemi/codecs/brpc'
import { dubbo } from '@meltemi/codecs/dubbo'
import { thrift } from '@meltemi/codecs/thrift'
import { trpc } from '@meltemi/codecs/trpc'
import { type CodecDefinition, MessageType, type Metadata } from '@meltemi/sdk'
import { type Answer, answerOf } from '../harness/answers.ts'
import { awesomerpcFrame } from '../harness/awesomerpc-frame.ts'
import { brpcReply, brpcRequest } from '../harness/brpc-frame.ts'
import * as small from '../harness/codecs/index.ts'
import { dubboReply, dubboRequest } from '../harness/dubbo-frame.ts'
import { trpcReply, trpcRequest } from '../harness/trpc-frame.ts'

export interface Calls {
  readonly codec: CodecDefinition
  /** Request number n; where there are ids n is the id. */
  readonly request: (n: number) => Buffer
  readonly answer: Answer
}

export const calls: readonly Calls[] = [
  call(awesomerpc, (id) => awesomerpcFrame({ id, body: textOf(id) })),
  { codec: dubbo, request: dubboCall, answer: dubboAnswer },
  { codec: brpc, request: (id) => brpcRequest({ id, payload: textOf(id) }), answer: brpcAnswer },
  { codec: thrift, request: thriftCall, answer: thriftReply },
  { codec: trpc, request: (id) => trpcRequest({ id, body: textOf(id) }), answer: trpcAnswer },
  call(small.uuid, (id) => small.uuidFrame({ id, body: textOf(id) })),
  call(small.checksummed, (id) => small.checksummedFrame({ id, body: textOf(id) })),
  call(small.ordered, (n) => Buffer.from(`GET ${textOf(n)}\r\n`)),
  call(small.streaming, (id) => small.streamingFrame({ type: MessageType.Request, id, body: textOf(id) })),
  call(small.transaction, (id) => small.sessionFrame({ verb: 'Q', id, body: textOf(id) })),
  call(small.optioned, (id) => small.optionedFrame({ id, body: textOf(id) })),
  call(small.mutable, (id) => small.mutableFrame({ id, pairs: { n: String(id) }, body: textOf(id) })),
]

/** What request and reply number n have in common, whatever their frame. */
export function textOf(n: number): string {
  return `<call-${n}>`
}

/** The number in a reply; undefined in one that the proxy made. */
export function numberOf(reply: Metadata): number | undefined {
  const [, n] = /<call-(\d+)>/.exec(reply.message.toString('latin1')) ?? []
  return n === undefined ? undefined : Number(n)
}

function call(codec: CodecDefinition, request: (n: number) => Buffer): Calls {
  return { codec, request, answer: answerOf(codec.name) }
}

/** | frame size | 8001 0001 | name | id | field 1, string | stop | */
function thriftCall(id: number): Buffer {
  const text = Buffer.from(textOf(id))
  const head = Buffer.from('00000000800100010000000161000000000b000100000000', 'hex')
  head.writeUInt32BE(head.length - 4 + text.length + 1, 0)
  head.writeUInt32BE(id, 13)
  head.writeUInt32BE(text.length, 20)
  return Buffer.concat([head, text, Buffer.of(0)])
}

function thriftReply(request: Metadata): Buffer {
  const reply = Buffer.from(request.message)
  reply[7] = 2
  return reply
}

function dubboCall(id: number): Buffer {
  return dubboRequest({ id, body: textOf(id), attachments: { group: 'g' } })
}

function dubboAnswer(request: Metadata): Buffer {
  const id = Number(request.requestId)
  return dubboReply({ id, body: /<\w+-\d+>/.exec(request.message.toString('latin1'))?.[0] ?? '' })
}

function brpcAnswer({ requestId: id, message, headerSize }: Metadata): Buffer {
  return brpcReply({ id, payload: message.subarray(headerSize) })
}

function trpcAnswer({ requestId, message, headerSize }: Metadata): Buffer {
  return trpcReply({ id: Number(requestId), body: message.subarray(headerSize) })
}
