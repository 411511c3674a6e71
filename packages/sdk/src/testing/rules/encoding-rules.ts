/** E: what encode and patchIds make of a message. */

import { ErrorType, type MessageId, MessageType, type Metadata, Mutation } from '../../index.ts'
import { differenceOfAll, LENGTHS, printBytes } from '../judge/compare-messages.ts'
import { garbage } from '../judge/garbage.ts'
import { type CodecMethod, CodecThrew } from '../judge/guard-codec.ts'
import type { Fault, Rule } from '../judge/rule.ts'
import type { Subject } from '../judge/subject.ts'
import { BrokenContract, MessageReader } from '../message-reader.ts'
import { Random } from '../random.ts'
import { type Sample, written } from '../sample.ts'
import { failureOf } from './failures.ts'
import { byEncode, byPatchIds, idFault, type Rewrite, UPSTREAM_IDS } from './rewriting.ts'

/** Stands on either side of what patchIds may touch. */
const CANARY = Buffer.alloc(64, 0xc5)
const NO_IDS = "correlation is 'order': there are no ids"
const NO_PATCH = 'the codec has no patchIds: encode writes the ids'

export const encodingRules: readonly Rule[] = [
  {
    id: 'E1',
    title: 'encode gives back what decode took',
    about:
      'A message that nobody has changed is encoded to the same bytes, by the codec of another connection that has seen ' +
      'nothing else, and behind whatever the writer holds already. What it must know is in `metadata.detail`.',
    needs: ['D1'],
    inputs: ({ samples }) => samples,
    check: identityFault,
  },
  {
    id: 'E2',
    title: 'The message that is written stays as it was',
    about:
      'No method writes into `metadata.message`: mirrors, retries and hedges send the same bytes, and the error reply ' +
      'is made from them.',
    needs: ['E1'],
    inputs: ({ samples }) => samples,
    check: immutableFault,
  },
  {
    id: 'E3',
    title: 'encode replaces ids and puts them back',
    about:
      'Many clients share a connection, so a request travels with an id of the proxy (1 to 2³¹−1): it is read back with ' +
      'just this id, all else as it was, and with its own id again it is the same bytes.',
    needs: ['D2', 'E1'],
    inputs: (subject) => idInputs(subject),
    check: (subject, input) => upstreamIdFault(subject, input, byEncode),
  },
  {
    id: 'E4',
    title: 'A reply takes the id of every request, however wide',
    about:
      "The service's reply has the proxy's small id and gets back the id that the client chose, with all bits of it.",
    needs: ['E3', 'E6'],
    inputs: (subject) => {
      if (requestIds(subject).length === 0) return 'no sample is a request with an id'
      const replies = idInputs(subject)
      if (typeof replies === 'string') return replies
      const found = replies.filter(({ side }) => side === 'upstream')
      return found.length > 0 ? found : 'no sample is a reply'
    },
    check: replyIdFault,
  },
  {
    id: 'E5',
    title: 'patchIds stays within the header',
    about:
      'It writes to nothing but the `headerSize` bytes from `start` on, which may lie anywhere in a larger buffer; and ' +
      'when it returns false it has written nothing.',
    needs: ['D2'],
    inputs: (subject) => patchInputs(subject),
    check: patchBoundsFault,
  },
  {
    id: 'E6',
    title: 'patchIds writes the ids that encode would write',
    about:
      'Where it returns true the message is read back with just this id, all else as it was, and with its own id again ' +
      'it is the same bytes.',
    needs: ['E3', 'E5'],
    inputs: (subject) => patchInputs(subject),
    check: (subject, input) => upstreamIdFault(subject, input, byPatchIds),
  },
  {
    id: 'E7',
    title: 'encode writes a lowered timeout',
    about: "Where the message carries the caller's timeout the service learns how much of it is left.",
    needs: ['D2', 'E1'],
    inputs: (subject) => subject.samplesWith('no sample has a timeout', ({ timeoutMs }) => timeoutMs > 1),
    check: timeoutFault,
  },
  {
    id: 'E8',
    title: 'Whatever decode accepts can be passed on and refused',
    about:
      'What came out of garbage as a message is a message: encode, patchIds, onError and heartbeatReply throw nothing ' +
      'when they get it.',
    needs: ['D11', 'E1'],
    takesAnyBytes: true,
    inputs: ({ samples, effort }) => garbage(samples, new Random(effort.seed + 1), effort.garbageInputs),
    check: passOnFault,
  },
]

function identityFault(subject: Subject, input: Sample): Fault | undefined {
  const bytes = Buffer.concat(subject.decode(input).map((message) => subject.encode(input, message)))
  if (bytes.equals(input.bytes)) return undefined
  return { method: 'encode', message: `encode made ${printBytes(bytes)} of it` }
}

function immutableFault(subject: Subject, input: Sample): Fault | undefined {
  for (const [method, use] of uses(subject, input)) {
    for (const message of subject.decode(input)) {
      const before = Buffer.from(message.message)
      attempt(() => use(message))
      if (message.message.equals(before)) continue
      return { method, message: `${method} changed metadata.message to ${printBytes(message.message)}` }
    }
  }
  return undefined
}

/** What a method throws is the fault of another rule. */
function attempt(use: () => void): void {
  try {
    use()
  } catch (error: unknown) {
    if (!(error instanceof CodecThrew)) throw error
  }
}

/** All that may be done with a message: with another id where it has one, as it is where it has none. */
function uses(subject: Subject, input: Sample): readonly [CodecMethod, (message: Metadata) => void][] {
  const writer = subject.writer(input)
  const own = subject.create(input.side, input.config)
  return [
    ['encode', (message) => writtenWithId(subject, input, message)],
    ['patchIds', (message) => patchCopy(writer, message)],
    ['onError', (message) => refuse(own, input, message)],
    ['heartbeatReply', (message) => answerHeartbeat(own, input, message)],
  ]
}

type GuardedCodec = ReturnType<Subject['create']>

function writtenWithId(subject: Subject, input: Sample, message: Metadata): void {
  if (hasIds(subject, input)) message.requestId = UPSTREAM_IDS[2] as number
  subject.encode(input, message)
}

function patchCopy(codec: GuardedCodec, message: Metadata): void {
  const head = Buffer.from(message.message.subarray(0, message.headerSize))
  codec.patchIds?.(head, 0, UPSTREAM_IDS[2] as number, message.streamId)
}

function refuse(codec: GuardedCodec, { side }: Sample, message: Metadata): void {
  const isRefusable = side === 'downstream' && message.type === MessageType.Request
  if (isRefusable) written((out) => codec.onError(message, failureOf(ErrorType.Timeout), out))
}

function answerHeartbeat(codec: GuardedCodec, { side }: Sample, message: Metadata): void {
  const isAsked = side === 'downstream' && message.type === MessageType.Heartbeat
  if (isAsked) written((out) => codec.heartbeatReply?.(message, out))
}

function hasIds({ definition }: Subject, sample: Sample): boolean {
  return definition.correlation === 'id' && sample.ids !== false
}

/** Messages whose only id is that of a request and its reply: one-way and stream messages have rules of their own. */
function isCorrelated({ type }: Metadata): boolean {
  return type === MessageType.Request || type === MessageType.Response || type === MessageType.Error
}

function idInputs(subject: Subject): readonly Sample[] | string {
  if (subject.definition.correlation === 'order') return NO_IDS
  return subject.samplesWith(
    'no sample is a request or a reply with an id',
    (message, sample) => hasIds(subject, sample) && isCorrelated(message),
  )
}

function patchInputs(subject: Subject): readonly Sample[] | string {
  const [sample] = subject.samples
  if (sample === undefined || subject.writer(sample).patchIds === undefined) return NO_PATCH
  return idInputs(subject)
}

function upstreamIdFault(subject: Subject, input: Sample, rewrite: Rewrite): Fault | undefined {
  for (const id of UPSTREAM_IDS) {
    const fault = idFault(subject, input, { rewrite, which: 'requestId', id, isChosen: isCorrelated })
    if (fault !== undefined) return fault
  }
  return undefined
}

/** The ids of all requests among the samples, each once. */
function requestIds(subject: Subject): readonly MessageId[] {
  const requests = subject.samples.filter((sample) => sample.side === 'downstream' && hasIds(subject, sample))
  const messages = requests.flatMap((sample) => subject.decode(sample)).filter(isCorrelated)
  return [...new Set(messages.map(({ requestId }) => requestId))]
}

function replyIdFault(subject: Subject, input: Sample): Fault | undefined {
  for (const id of requestIds(subject)) {
    for (const rewrite of [byEncode, byPatchIds]) {
      const fault = idFault(subject, input, { rewrite, which: 'requestId', id, isChosen: isCorrelated })
      if (fault !== undefined) return fault
    }
  }
  return undefined
}

function patchBoundsFault(subject: Subject, input: Sample): Fault | undefined {
  const codec = subject.writer(input)
  const fault = (message: string): Fault => ({ method: 'patchIds', message })
  for (const { message, headerSize, streamId } of subject.decode(input)) {
    const head = message.subarray(0, headerSize)
    for (const id of UPSTREAM_IDS) {
      const copy = Buffer.concat([CANARY, head, CANARY])
      const end = CANARY.length + headerSize
      const isDone = codec.patchIds?.(copy, CANARY.length, id, streamId)
      if (!copy.subarray(0, CANARY.length).equals(CANARY)) return fault('patchIds wrote before start')
      if (!copy.subarray(end).equals(CANARY)) return fault(`patchIds wrote behind the header of ${headerSize} bytes`)
      const isChanged = !copy.subarray(CANARY.length, end).equals(head)
      if (isDone !== true && isChanged) return fault('patchIds returned false, but it wrote')
    }
  }
  return undefined
}

function timeoutFault(subject: Subject, input: Sample): Fault | undefined {
  const lower = (message: Metadata): Metadata => {
    if (message.timeoutMs > 1) message.timeoutMs >>= 1
    return message
  }
  const expected = subject.decode(input).map(lower)
  const lowered = subject.decode(input).map(lower)
  const bytes = Buffer.concat(lowered.map((message) => subject.encode(input, message)))
  const found = subject.tryDecode({ ...input, bytes })
  const difference =
    typeof found === 'string'
      ? found
      : differenceOfAll(expected.map(withoutProperties), found.map(withoutProperties), LENGTHS)
  if (difference === undefined) return undefined
  return { method: 'encode', message: `with half of its timeout encode made ${printBytes(bytes)}: ${difference}` }
}

/** The timeout may be one of the properties. */
function withoutProperties(message: Metadata): Metadata {
  while (message.size > 0) message.delete(message.key(0))
  return message
}

function passOnFault(subject: Subject, input: Sample): Fault | undefined {
  const own = subject.create(input.side, input.config)
  const reader = new MessageReader(own, input.side)
  for (const message of accepted(reader, input.bytes)) {
    const writer = subject.writer(input)
    written((out) => writer.encode(message, Mutation.none, out))
    patchCopy(writer, message)
    refuse(own, input, message)
    answerHeartbeat(own, input, message)
  }
  return undefined
}

function accepted(reader: MessageReader, bytes: Buffer): readonly Metadata[] {
  try {
    return reader.push(Buffer.from(bytes))
  } catch (error: unknown) {
    // what comes before a message that is refused has its own input
    if (error instanceof CodecThrew || error instanceof BrokenContract) return []
    throw error
  }
}
