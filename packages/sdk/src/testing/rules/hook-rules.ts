/** H: the optional methods with which the proxy speaks for itself. */

import { type MessageId, MessageType, type Metadata, ResponseStatus } from '../../index.ts'
import { count, printBytes } from '../judge/compare-messages.ts'
import type { CodecMethod } from '../judge/guard-codec.ts'
import type { Fault, Rule } from '../judge/rule.ts'
import type { Subject } from '../judge/subject.ts'
import { type Sample, written } from '../sample.ts'
import { ERROR_TYPES, failureOf } from './failures.ts'

/** The smallest and the largest id that a health check gets. */
const CHECK_IDS = [1, 0x7fffffff]
const STREAM_IDS = [1, 0x7fffffff]

type Hook = 'heartbeatReply' | 'serviceHeartbeat' | 'healthCheck' | 'resetStream' | 'failStream' | 'goAway'

export const hookRules: readonly Rule[] = [
  {
    id: 'H1',
    title: 'A heartbeat is answered by one message with its id',
    about:
      'The proxy answers heartbeats itself. The client reads the answer as a heartbeat or a reply, without an error, and ' +
      'finds its id in it.',
    needs: ['D2'],
    inputs: (subject) =>
      withHook(subject, 'heartbeatReply') ??
      subject.samplesWith(
        'no sample is a heartbeat of a client',
        (message, { side }) => isHeartbeat(message) && side === 'downstream',
      ),
    check: heartbeatFault,
  },
  {
    id: 'H2',
    title: 'A health check is one message that asks for an answer',
    about:
      'The service reads a request or a heartbeat, with the id that the proxy has given: by it the answer is found.',
    needs: ['D2'],
    inputs: (subject) => withHook(subject, 'healthCheck') ?? oneOfEachConfig(subject),
    check: healthFault,
  },
  {
    id: 'H3',
    title: 'A go-away is one message',
    about: 'The client reads one whole message, no error, and can go on reading the replies that are still due.',
    needs: ['D2'],
    inputs: (subject) => withHook(subject, 'goAway') ?? oneOfEachConfig(subject),
    check: goAwayFault,
  },
  {
    id: 'H4',
    title: 'A stream is reset by one message that ends it',
    about:
      'When the client of a stream is gone the service reads a closing frame, or an error, with the stream id under ' +
      'which the stream was opened there; the other streams of the connection go on.',
    needs: ['D2'],
    inputs: (subject) =>
      withHook(subject, 'resetStream') ??
      subject.samplesWith('no sample opens a stream', ({ type }) => type === MessageType.StreamInit),
    check: resetFault,
  },
  {
    id: 'H5',
    title: 'A stream that fails is ended by one message that says so',
    about:
      'When the service of an open stream is gone the client reads a closing frame with status Error, or an error, with ' +
      'the stream id under which it has opened the stream: else it would wait for ever, or believe that all is well.',
    needs: ['D2'],
    inputs: (subject) =>
      withHook(subject, 'failStream') ??
      subject.samplesWith('no sample opens a stream', ({ type }) => type === MessageType.StreamInit),
    check: failureFault,
  },
  {
    id: 'H6',
    title: "A service's heartbeat is answered by one message with its id, or by none, and no answer is answered",
    about:
      'The service reads the answer as a heartbeat or a reply, without an error, and finds its id in it. If the answer, coming ' +
      'from a service, were answered too, two that speak this protocol would never fall silent.',
    needs: ['D2'],
    inputs: (subject) =>
      withHook(subject, 'serviceHeartbeat') ??
      subject.samplesWith(
        'no sample is a heartbeat of a service',
        (message, { side }) => isHeartbeat(message) && side === 'upstream',
      ),
    check: serviceHeartbeatFault,
  },
]

function isHeartbeat({ type }: Metadata): boolean {
  return type === MessageType.Heartbeat
}

/** Why there is nothing to judge, if the codec has no such method. */
function withHook(subject: Subject, hook: Hook): string | undefined {
  const [sample] = subject.samples
  const hasHook = sample !== undefined && subject.writer(sample)[hook] !== undefined
  return hasHook ? undefined : `the codec has no ${hook}`
}

/** What is written may depend on the options, and on nothing else in a sample. */
function oneOfEachConfig({ samples }: Subject): Sample[] {
  const byConfig = new Map(samples.map((sample) => [JSON.stringify(sample.config), sample.config]))
  return [...byConfig.values()].map((config) => ({ name: '', side: 'downstream', bytes: Buffer.alloc(0), config }))
}

interface Reading {
  readonly method: CodecMethod & Hook
  readonly bytes: Buffer
  /** What their reader makes of them. */
  readonly found: readonly Metadata[] | string
}

/** What is wrong with the one message that a hook wrote. */
function hookFault(
  { method, bytes, found }: Reading,
  check: (message: Metadata) => string | undefined,
): Fault | undefined {
  const what = typeof found === 'string' ? found : oneFault(found, check)
  return what === undefined ? undefined : { method, message: `${method} wrote ${printBytes(bytes)}: ${what}` }
}

function oneFault(found: readonly Metadata[], check: (message: Metadata) => string | undefined): string | undefined {
  return found.length === 1 ? check(found[0] as Metadata) : `it is ${count(found.length, 'message')}`
}

function heartbeatFault(subject: Subject, input: Sample): Fault | undefined {
  for (const heartbeat of subject.decode(input).filter(isHeartbeat)) {
    const codec = subject.create(input.side, input.config)
    const bytes = written((out) => codec.heartbeatReply?.(heartbeat, out))
    const found = subject.tryAnswer(input, bytes)
    const fault = hookFault({ method: 'heartbeatReply', bytes, found }, (reply) => notAnswer(subject, heartbeat, reply))
    if (fault !== undefined) return fault
  }
  return undefined
}

function serviceHeartbeatFault(subject: Subject, input: Sample): Fault | undefined {
  for (const heartbeat of subject.decode(input).filter(isHeartbeat)) {
    const bytes = serviceAnswer(subject, input, heartbeat)
    if (bytes.length === 0) continue
    const method = 'serviceHeartbeat'
    const found = subject.tryAnswer(input, bytes)
    const fault = hookFault({ method, bytes, found }, (reply) => notAnswer(subject, heartbeat, reply))
    if (fault !== undefined) return fault
    const back = subject.tryDecode({ ...input, bytes })
    const again = typeof back === 'string' ? [] : back.filter(isHeartbeat)
    if (again.some((answer) => serviceAnswer(subject, input, answer).length > 0)) {
      return { method, message: `${method} wrote ${printBytes(bytes)}: it answers that too` }
    }
  }
  return undefined
}

function serviceAnswer(subject: Subject, { config }: Sample, heartbeat: Metadata): Buffer {
  const codec = subject.create('upstream', config)
  return written((out) => codec.serviceHeartbeat?.(heartbeat, out))
}

function notAnswer(subject: Subject, heartbeat: Metadata, reply: Metadata): string | undefined {
  if (!isHeartbeat(reply) && reply.type !== MessageType.Response) return `its type is ${reply.type}`
  if (reply.status !== ResponseStatus.Ok) return 'its status is Error'
  return idDifference(subject, heartbeat.requestId, reply)
}

function healthFault(subject: Subject, input: Sample): Fault | undefined {
  for (const id of CHECK_IDS) {
    const codec = subject.create('upstream', input.config)
    const bytes = written((out) => codec.healthCheck?.(id, out))
    const fault = hookFault(
      { method: 'healthCheck', bytes, found: subject.tryDecode({ ...input, bytes }) },
      (message) => {
        if (!isHeartbeat(message) && message.type !== MessageType.Request) return `its type is ${message.type}`
        return idDifference(subject, id, message)
      },
    )
    if (fault !== undefined) return fault
  }
  return undefined
}

function goAwayFault(subject: Subject, input: Sample): Fault | undefined {
  const codec = subject.create('downstream', input.config)
  const bytes = written((out) => codec.goAway?.(out))
  return hookFault({ method: 'goAway', bytes, found: subject.tryAnswer(input, bytes) }, ({ type, status }) =>
    type === MessageType.Error || status === ResponseStatus.Error ? 'it is an error' : undefined,
  )
}

function resetFault(subject: Subject, input: Sample): Fault | undefined {
  const opening = subject.decode(input).filter(({ type }) => type === MessageType.StreamInit)
  for (const opened of opening) {
    for (const streamId of [opened.streamId, ...STREAM_IDS]) {
      const codec = subject.create('upstream', input.config)
      const bytes = written((out) => codec.resetStream?.(opened, streamId, out))
      const fault = hookFault(
        { method: 'resetStream', bytes, found: subject.tryDecode({ ...input, bytes }) },
        (message) => notEnding(message) ?? streamDifference(streamId, message),
      )
      if (fault !== undefined) return fault
    }
  }
  return undefined
}

function failureFault(subject: Subject, input: Sample): Fault | undefined {
  const opening = subject.decode(input).filter(({ type }) => type === MessageType.StreamInit)
  for (const opened of opening) {
    const codec = subject.create('downstream', input.config)
    for (const type of ERROR_TYPES) {
      const bytes = written((out) => codec.failStream?.(opened, failureOf(type), out))
      const fault = hookFault(
        { method: 'failStream', bytes, found: subject.tryAnswer({ ...input, side: 'downstream' }, bytes) },
        (message) => notEnding(message) ?? notFailed(message) ?? streamDifference(opened.streamId, message),
      )
      if (fault !== undefined) return fault
    }
  }
  return undefined
}

function notEnding({ type }: Metadata): string | undefined {
  const isEnd = type === MessageType.StreamCloseTwoWay || type === MessageType.Error
  return isEnd ? undefined : `its type is ${type}`
}

function notFailed({ type, status }: Metadata): string | undefined {
  return type === MessageType.Error || status === ResponseStatus.Error ? undefined : 'its status is Ok'
}

function streamDifference(expected: number, { streamId }: Metadata): string | undefined {
  return streamId === expected ? undefined : `streamId is ${streamId} instead of ${expected}`
}

function idDifference({ definition }: Subject, id: MessageId, { requestId }: Metadata): string | undefined {
  if (definition.correlation === 'order' || requestId === id) return undefined
  return `requestId is ${requestId} instead of ${id}`
}
