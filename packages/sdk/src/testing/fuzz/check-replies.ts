/** What must hold for the messages that a codec makes up itself. Each check throws a Fault. */

import type { Codec } from '../../codec.ts'
import { type ErrorType, MessageType, type Metadata, ResponseStatus } from '../../index.ts'
import { ERROR_TEXTS, ERROR_TYPES, failureOf } from '../rules/failures.ts'
import { createWriter, hasNoId, readBack, writing } from './check-writing.ts'
import { Fault } from './fault.ts'
import type { Trial } from './trial.ts'

/** The proxy gives streams ids of its own. */
const OTHER_STREAM = 0x1234
/** Two more that a careless codec would take for a part of its protocol. */
const TEXTS: readonly string[] = [...ERROR_TEXTS, '', '\0": {}']

/** Every request can be refused, by its header alone, in a way that its client reads as an error with its id. */
export function checkErrorReplies(trial: Trial): void {
  if (trial.input.side === 'upstream') return
  for (const request of trial.messages) {
    if (request.type === MessageType.Request || request.type === MessageType.StreamInit) checkErrorReply(trial, request)
  }
}

/** Heartbeats get an answer with their id; streams can be reset. */
export function checkHooks(trial: Trial): void {
  const codec = createReplier(trial)
  for (const message of trial.messages) {
    if (message.type === MessageType.Heartbeat && trial.input.side === 'downstream' && codec.heartbeatReply) {
      const bytes = writing('heartbeatReply', (out) => codec.heartbeatReply?.(message, out))
      const reply = readReply(trial, bytes, 'heartbeat')
      if (reply.requestId !== message.requestId) throw new Fault('heartbeat', 'its reply has another id')
    }
    if (message.type === MessageType.StreamInit && codec.resetStream) checkReset(trial, message)
    if (message.type === MessageType.StreamInit && codec.failStream) checkFailedStream(trial, message)
  }
}

/** The codec of the client's connection: it has decoded nothing. */
function createReplier({ definition, input }: Trial): Codec {
  return definition.create('downstream', input.config)
}

/** The service reads one message of the stream that is meant. */
function checkReset(trial: Trial, opened: Metadata): void {
  const bytes = writing('resetStream', (out) => createWriter(trial).resetStream?.(opened, OTHER_STREAM, out))
  const messages = readBack(trial, bytes, { rule: 'reset', what: 'the reset of a stream', side: 'downstream' })
  if (messages.length === 1 && messages[0]?.streamId === OTHER_STREAM) return
  const ids = messages.map(({ streamId }) => streamId).join(', ')
  throw new Fault('reset', 'resetStream does not write one message of its stream', `streams ${ids}`)
}

/** The client reads one message that ends its stream with an error. */
function checkFailedStream(trial: Trial, opened: Metadata): void {
  if (trial.input.side === 'upstream') return
  const failure = failureOf(ERROR_TYPES[trial.random.below(ERROR_TYPES.length)] as ErrorType)
  const bytes = writing('failStream', (out) => createReplier(trial).failStream?.(opened, failure, out))
  const { type, status, streamId } = readReply(trial, bytes, 'error reply')
  const isError = status === ResponseStatus.Error || type === MessageType.Error
  if (isError && streamId === opened.streamId) return
  throw new Fault('error reply', 'failStream does not end its stream with an error', bytes.toString('hex'))
}

function checkErrorReply(trial: Trial, request: Metadata): void {
  const { definition, random } = trial
  const type = ERROR_TYPES[random.below(ERROR_TYPES.length)] as ErrorType
  const failure = failureOf(type, TEXTS[random.below(TEXTS.length)])
  const refuse = (): Buffer => writing('onError', (out) => createReplier(trial).onError(request, failure, out))
  const bytes = refuse()
  checkHeaderSuffices(request, bytes, refuse)
  const reply = readReply(trial, bytes, 'error reply')
  const detail = `error ${type}, ${JSON.stringify(failure.message)}: ${bytes.toString('hex')}`
  if (reply.status !== ResponseStatus.Error && reply.type !== MessageType.Error) {
    throw new Fault('error reply', 'the error reply is no error', detail)
  }
  if (definition.correlation === 'order' || hasNoId(trial, request)) return
  if (reply.requestId !== request.requestId) {
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

/** One message for a client with the same options, behind the greeting where there is one. */
function readReply(trial: Trial, bytes: Buffer, rule: 'heartbeat' | 'error reply'): Metadata {
  const config = JSON.stringify(trial.input.config)
  const greeting = trial.greetings.find((sample) => JSON.stringify(sample.config) === config)
  const all = greeting === undefined ? bytes : Buffer.concat([greeting.bytes, bytes])
  const messages = readBack(trial, all, { rule, what: `the ${rule}`, side: 'upstream' })
  const [reply, ...more] = messages.slice(greeting === undefined ? 0 : (greeting.messages ?? 1))
  if (reply === undefined || more.length > 0) {
    throw new Fault(rule, `the ${rule} is ${more.length + (reply ? 1 : 0)} messages`, bytes.toString('hex'))
  }
  return reply
}
