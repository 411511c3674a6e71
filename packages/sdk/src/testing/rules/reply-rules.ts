/** R: the error replies that onError writes. */

import { type ErrorType, MessageType, type Metadata, ResponseStatus } from '../../index.ts'
import { count, printBytes } from '../judge/compare-messages.ts'
import type { Fault, Rule } from '../judge/rule.ts'
import type { Subject } from '../judge/subject.ts'
import { type Sample, written } from '../sample.ts'
import { ERROR_TEXTS, ERROR_TYPES, failureOf } from './failures.ts'

export const replyRules: readonly Rule[] = [
  {
    id: 'R1',
    title: 'An error reply is one whole message',
    about:
      'Whatever went wrong, and whatever the text of the failure holds, the client reads exactly one message: an error ' +
      'reply is followed by others on the same connection.',
    needs: ['D1'],
    inputs: requests,
    check: (subject, input) => eachReply(subject, input, ({ found }) => found),
  },
  {
    id: 'R2',
    title: 'An error reply is an error',
    about: 'The client reads it with status Error or type Error, or it would take the refusal for an answer.',
    needs: ['R1'],
    inputs: requests,
    check: (subject, input) =>
      eachReply(subject, input, ({ reply: { status, type } }) =>
        status === ResponseStatus.Error || type === MessageType.Error
          ? undefined
          : `status is ${status}, type is ${type}`,
      ),
  },
  {
    id: 'R3',
    title: 'An error reply has the ids of its request',
    about: 'The client finds by the id which of its requests has failed, and by the stream id which of its streams.',
    needs: ['D2', 'R1'],
    inputs: (subject) => {
      if (subject.definition.correlation === 'order') return "correlation is 'order': there are no ids"
      const found = requests(subject)
      if (typeof found === 'string') return found
      const withIds = found.filter(({ ids }) => ids !== false)
      return withIds.length > 0 ? withIds : 'no sample is a request with an id'
    },
    check: (subject, input) =>
      eachReply(subject, input, ({ request, reply }) => {
        if (reply.requestId !== request.requestId)
          return `requestId is ${reply.requestId} instead of ${request.requestId}`
        return reply.streamId === request.streamId
          ? undefined
          : `streamId is ${reply.streamId} instead of ${request.streamId}`
      }),
  },
  {
    id: 'R4',
    title: 'An error reply is made from the header alone',
    about:
      'onError reads `message[0, headerSize)` and `detail`, no more: the body of a request that waits for its reply ' +
      'need not be kept.',
    needs: ['D2', 'R1'],
    inputs: requests,
    check: headerFault,
  },
]

function isRefusable({ type }: Metadata): boolean {
  return type === MessageType.Request || type === MessageType.StreamInit
}

function requests(subject: Subject): readonly Sample[] | string {
  return subject.samplesWith(
    'no sample is a request',
    (message, sample) => sample.side === 'downstream' && isRefusable(message),
  )
}

interface Answer {
  readonly request: Metadata
  readonly reply: Metadata
  /** Why it is not one message, in words. */
  readonly found: string | undefined
}

/** Every request of the sample is refused for every reason; the first reply with which something is wrong. */
function eachReply(subject: Subject, input: Sample, check: (answer: Answer) => string | undefined): Fault | undefined {
  for (const request of subject.decode(input).filter(isRefusable)) {
    for (const type of ERROR_TYPES) {
      for (const text of ERROR_TEXTS) {
        const bytes = refused(subject, input, { request, type, text })
        const what = check(readReply(subject, input, { request, bytes }))
        if (what === undefined) continue
        const message = `the reply to error type ${type} with ${text.length} characters, ${printBytes(bytes)}: ${what}`
        return { method: 'onError', message }
      }
    }
  }
  return undefined
}

interface Refusal {
  readonly request: Metadata
  readonly type: ErrorType
  readonly text: string
}

function refused(subject: Subject, input: Sample, { request, type, text }: Refusal): Buffer {
  const codec = subject.create(input.side, input.config)
  return written((out) => codec.onError(request, failureOf(type, text), out))
}

function readReply(subject: Subject, input: Sample, { request, bytes }: { request: Metadata; bytes: Buffer }): Answer {
  const replies = subject.tryAnswer(input, bytes)
  if (typeof replies === 'string') return { request, reply: request, found: replies }
  const [reply = request] = replies
  return { request, reply, found: replies.length === 1 ? undefined : `it is ${count(replies.length, 'message')}` }
}

function headerFault(subject: Subject, input: Sample): Fault | undefined {
  for (const request of subject.decode(input).filter(isRefusable)) {
    const whole = request.message
    for (const type of ERROR_TYPES) {
      const refusal = { request, type, text: ERROR_TEXTS[0] as string }
      request.message = whole
      const bytes = refused(subject, input, refusal)
      request.message = Buffer.from(whole.subarray(0, request.headerSize))
      const short = refused(subject, input, refusal)
      if (short.equals(bytes)) continue
      const message = `without the body the reply is ${printBytes(short)}, with it ${printBytes(bytes)}`
      return { method: 'onError', message }
    }
  }
  return undefined
}
