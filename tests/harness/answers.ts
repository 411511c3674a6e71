/** The natural reply to a request, per codec: what an honest service that repeats what it heard would say. */

import { MessageType, type Metadata } from '@meltemi/sdk'
import { sessionFrame, streamingFrame } from './codecs/index.ts'

/** The bytes of the reply, or undefined where the protocol wants none. */
export type Answer = (request: Metadata) => Buffer | undefined

const ANSWERS: Readonly<Record<string, Answer>> = {
  'meltemi.test.ordered': orderedAnswer,
  'meltemi.test.streaming': streamingAnswer,
  'meltemi.test.session': sessionAnswer,
  'meltemi.test.transaction': sessionAnswer,
}

/** Where request and reply look alike the request itself is the reply. */
export function answerOf(codecName: string): Answer {
  return ANSWERS[codecName] ?? ((request) => Buffer.from(request.message))
}

function orderedAnswer(request: Metadata): Buffer {
  const key = Buffer.from(request.get('key') ?? '')
  return Buffer.concat([Buffer.from(`$${key.length}\r\n`), key, Buffer.from('\r\n')])
}

function streamingAnswer(request: Metadata): Buffer | undefined {
  const { type, streamId: stream } = request
  const id = Number(request.requestId)
  const body = request.message.subarray(request.headerSize)
  if (type === MessageType.Request) return streamingFrame({ type: MessageType.Response, id, body })
  if (type === MessageType.Heartbeat) return streamingFrame({ type: MessageType.Heartbeat, id })
  if (type === MessageType.Oneway || type === MessageType.StreamInit) return undefined
  return streamingFrame({ type, id, stream, body })
}

function sessionAnswer(request: Metadata): Buffer {
  const body = request.message.subarray(request.headerSize)
  return sessionFrame({ verb: 'K', id: Number(request.requestId), body })
}
