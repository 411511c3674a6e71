/** What must hold for the messages that a codec makes up itself. Each check throws a Fault. */

import { ErrorType, type Failure, MessageType, type Metadata, ResponseStatus } from '../../index.ts'
import { createCodec, readBack, writing } from './check-writing.ts'
import { Fault } from './fault.ts'
import type { Trial } from './trial.ts'

/** Texts that a careless codec would take for a part of its protocol. */
const TEXTS = ['no route for "ü"', '', 'a\r\nb $5\0: {}', 'x'.repeat(300)]
const TYPES = [...Object.values(ErrorType), 99 as ErrorType]

/** Every request can be refused, by its header alone, in a way that its client reads as an error with its id. */
export function checkErrorReplies(trial: Trial): void {
  if (trial.input.side === 'upstream') return
  for (const request of trial.messages) {
    if (request.type === MessageType.Request || request.type === MessageType.StreamInit) checkErrorReply(trial, request)
  }
}

/** Heartbeats get an answer with their id; streams can be reset. */
export function checkHooks(trial: Trial): void {
  const codec = createCodec(trial)
  for (const message of trial.messages) {
    if (message.type === MessageType.Heartbeat && trial.input.side === 'downstream' && codec.heartbeatReply) {
      const bytes = writing('heartbeatReply', (out) => codec.heartbeatReply?.(message, out))
      const reply = readReply(trial, bytes, 'heartbeat')
      if (reply.requestId !== message.requestId) throw new Fault('heartbeat', 'its reply has another id')
    }
    if (message.type === MessageType.StreamInit && codec.resetStream) {
      const bytes = writing('resetStream', (out) => codec.resetStream?.(message, message.streamId, out))
      if (bytes.length === 0) throw new Fault('exception', 'resetStream wrote nothing')
    }
  }
}

function checkErrorReply(trial: Trial, request: Metadata): void {
  const { definition, random } = trial
  const type = TYPES[random.below(TYPES.length)] as ErrorType
  const message = TEXTS[random.below(TEXTS.length)] as string
  const failure: Failure = { code: 'fuzz', type, message, source: 'proxy', retriable: 'no' }
  const refuse = (): Buffer => writing('onError', (out) => createCodec(trial).onError(request, failure, out))
  const bytes = refuse()
  checkHeaderSuffices(request, bytes, refuse)
  const reply = readReply(trial, bytes, 'error reply')
  const detail = `error ${type}, ${JSON.stringify(message)}: ${bytes.toString('hex')}`
  if (reply.status !== ResponseStatus.Error && reply.type !== MessageType.Error) {
    throw new Fault('error reply', 'the error reply is no error', detail)
  }
  if (definition.correlation === 'id' && reply.requestId !== request.requestId) {
    throw new Fault('error reply', 'the error reply has another id', `${reply.requestId}, ${detail}`)
  }
  if (reply.streamId !== request.streamId) {
    throw new Fault('error reply', 'the error reply has another stream', `${reply.streamId}, ${detail}`)
  }
}

function checkHeaderSuffices(request: Metadata, bytes: Buffer, refuse: () => Buffer): void {
  const whole = request.message
  request.message = Buffer.from(whole.subarray(0, request.headerSize))
  const fromHeader = refuse()
  request.message = whole
  if (fromHeader.equals(bytes)) return
  throw new Fault('error reply', 'onError has read more than headerSize bytes', `a header of ${request.headerSize}`)
}

/** One message for a client with the same options. */
function readReply(trial: Trial, bytes: Buffer, rule: 'heartbeat' | 'error reply'): Metadata {
  const [reply, ...more] = readBack(trial, bytes, { rule, what: `the ${rule}`, side: 'upstream' })
  if (reply === undefined || more.length > 0) {
    throw new Fault(rule, `the ${rule} is ${more.length + (reply ? 1 : 0)} messages`, bytes.toString('hex'))
  }
  return reply
}
