/** What must hold for all that a codec writes about messages that it has decoded itself. Each check throws a Fault. */

import type { Codec, Side } from '../../codec.ts'
import { type ByteWriter, type MessageId, type Metadata, Mutation } from '../../index.ts'
import { differenceOfAll, LENGTHS } from '../judge/compare-messages.ts'
import { written } from '../sample.ts'
import { calling, Fault, type FaultRule } from './fault.ts'
import { type Reading, readConnection } from './read-connection.ts'
import type { Trial } from './trial.ts'

/** Bounds of the ids that the proxy gives out, and one between them. */
const UPSTREAM_IDS = [1, 0x7fffffff, 0x00c0ffee]
const CANARY = Buffer.alloc(64, 0xc5)
/** Other ids change these, besides LENGTHS. */
const IDS: readonly (keyof Metadata)[] = ['requestId', 'streamId']

/** What was decoded can be encoded, reads the same then, and encoding that again changes no byte. */
export function checkEncode(trial: Trial): void {
  const once = encodeAll(trial, trial.messages)
  for (const message of trial.messages) checkStateless(trial, message)
  const again = readBack(trial, once, { rule: 'encode', what: 'what encode wrote' })
  expectSame(again, trial.messages, { rule: 'encode', what: 'encode has changed the message' })
  if (encodeAll(trial, again).equals(once)) return
  throw new Fault('encode', 'encode changes what it has written itself', once.toString('hex'))
}

/** `encode` writes the same in the codec that has decoded a connection and in a new one. */
function checkStateless({ definition, input, codec }: Trial, message: Metadata): void {
  const own = writing('encode', (out) => codec.encode(message, Mutation.none, out))
  const fresh = definition.create(input.side, input.config)
  if (own.equals(writing('encode', (out) => fresh.encode(message, Mutation.none, out)))) return
  throw new Fault('state', 'encode depends on what its codec has decoded before', own.toString('hex'))
}

/** Ids are replaced by `encode` and by `patchIds`, nothing else changes, and they can be put back. */
export function checkIds(trial: Trial): void {
  const { definition, messages, random } = trial
  if (definition.correlation !== 'id' || messages.some((message) => hasNoId(trial, message))) return
  const others = messages.map(({ streamId }): Ids => {
    const id = UPSTREAM_IDS[random.below(UPSTREAM_IDS.length)] as number
    return [id, streamId === 0 ? 0 : id]
  })
  const own = messages.map(({ requestId, streamId }): Ids => [requestId, streamId])
  for (const [write, name] of [
    [encode, 'encode'],
    [patch, 'patchIds'],
  ] as const) {
    if (write === patch && createWriter(trial).patchIds === undefined) continue
    const away = writeAll(trial, messages, others, write)
    const there = readBack(trial, away, { rule: 'ids', what: `other ids by ${name}` })
    for (const [n, message] of there.entries()) checkIdsAre(message, others[n] as Ids, name)
    expectSame(there, messages, { rule: 'ids', what: `${name} has changed more than ids`, except: IDS })
    const back = readBack(trial, writeAll(trial, there, own, write), { rule: 'ids', what: `own ids by ${name}` })
    expectSame(back, messages, { rule: 'ids', what: `${name} does not put ids back` })
  }
}

/** `encode` writes the timeout as it is now. */
export function checkTimeout(trial: Trial): void {
  const [message, ...more] = trial.messages
  if (message === undefined || more.length > 0 || message.timeoutMs <= 1) return
  const own = message.timeoutMs
  message.timeoutMs = 1
  const bytes = encode(trial, message)
  message.timeoutMs = own
  const [there] = readBack(trial, bytes, { rule: 'timeout', what: 'a lowered timeout' })
  if (there?.timeoutMs !== 1) throw new Fault('timeout', 'encode does not write metadata.timeoutMs', `1, was ${own}`)
}

/** Every message has a dialect, if the codec knows such. */
export function checkDialect({ definition, messages }: Trial): void {
  if (definition.dialect === undefined) return
  for (const message of messages) {
    const dialect = calling('dialect', () => definition.dialect?.(message))
    if (typeof dialect !== 'string') throw new Fault('facts', 'dialect returned no text', String(dialect))
  }
}

export type Ids = readonly [requestId: MessageId, streamId: number]
type Write = (trial: Trial, message: Metadata) => Buffer

/** What comes of written bytes on a new connection of this side: whole messages and nothing else. */
export function readBack(
  trial: Pick<Trial, 'definition' | 'input'>,
  bytes: Buffer,
  { rule, what, side = trial.input.side }: { rule: FaultRule; what: string; side?: Side },
): readonly Metadata[] {
  const { config } = trial.input
  const about = (): string => `${what}: ${bytes.toString('hex')}`
  const reading = adding(about, () => readConnection(trial.definition, { side, config }, [Buffer.from(bytes)]))
  const problem = problemOf(reading)
  if (problem !== undefined) throw new Fault(rule, `${what} does not decode`, `${problem}: ${bytes.toString('hex')}`)
  return reading.messages
}

/** The codec of the connection on which messages of this input go on: it has decoded nothing. */
export function createWriter({ definition, input }: Trial): Codec {
  return definition.create(input.side === 'downstream' ? 'upstream' : 'downstream', input.config)
}

/** Says in a fault of `action` what it was about. */
function adding<T>(about: () => string, action: () => T): T {
  try {
    return action()
  } catch (error: unknown) {
    if (!(error instanceof Fault)) throw error
    throw new Fault(error.rule, error.message, `${about()}\n${error.detail}`.trim())
  }
}

function problemOf({ refusal, left }: Reading): string | undefined {
  if (refusal !== undefined) return refusal
  return left > 0 ? `${left} bytes are left over` : undefined
}

/** Throws a Fault of this rule for any difference but of bytes, their lengths, and the facts in `except`. */
export function expectSame(
  actual: readonly Metadata[],
  expected: readonly Metadata[],
  { rule, what, except = [] }: { rule: FaultRule; what: string; except?: readonly (keyof Metadata)[] },
): void {
  const difference = differenceOfAll(expected, actual, [...LENGTHS, ...except])
  if (difference !== undefined) throw new Fault(rule, what, difference)
}

export function encode(trial: Trial, message: Metadata, mutation: Mutation = Mutation.none): Buffer {
  return writing('encode', (out) => createWriter(trial).encode(message, mutation, out))
}

function encodeAll(trial: Trial, messages: readonly Metadata[]): Buffer {
  return Buffer.concat(messages.map((message) => encode(trial, message)))
}

function writeAll(trial: Trial, messages: readonly Metadata[], ids: readonly Ids[], write: Write): Buffer {
  return Buffer.concat(messages.map((message, n) => withIds(message, ids[n] as Ids, () => write(trial, message))))
}

/** By `patchIds` in a private copy of the header, which is what it may touch; by `encode` where it returns false. */
function patch(trial: Trial, message: Metadata): Buffer {
  const { headerSize, requestId, streamId } = message
  const head = message.message.subarray(0, headerSize)
  const copy = Buffer.concat([CANARY, head, CANARY])
  const start = CANARY.length
  const end = start + headerSize
  const isDone = calling('patchIds', () => createWriter(trial).patchIds?.(copy, start, requestId, streamId))
  if (!copy.subarray(0, start).equals(CANARY) || !copy.subarray(end).equals(CANARY)) {
    throw new Fault('ids', 'patchIds wrote outside of the header', `a header of ${headerSize} bytes`)
  }
  if (isDone) return Buffer.concat([copy.subarray(start, end), message.message.subarray(headerSize)])
  if (!copy.subarray(start, end).equals(head)) throw new Fault('ids', 'patchIds returned false but wrote')
  return encode(trial, message)
}

/** Whether the codec writes the same whatever the id is; only believed when the samples know such messages. */
export function hasNoId(trial: Trial, message: Metadata): boolean {
  if (!trial.hasIdless) return false
  const [one, two] = [1, 2].map((id) => withIds(message, [id, message.streamId], () => encode(trial, message)))
  return (one as Buffer).equals(two as Buffer)
}

function checkIdsAre(message: Metadata, [requestId, streamId]: Ids, name: string): void {
  if (message.requestId === requestId && message.streamId === streamId) return
  const detail = `${message.requestId} and ${message.streamId} instead of ${requestId} and ${streamId}`
  throw new Fault('ids', `${name} does not write the ids it is given`, detail)
}

function withIds<T>(message: Metadata, [requestId, streamId]: Ids, action: () => T): T {
  const own: Ids = [message.requestId, message.streamId]
  message.requestId = requestId
  message.streamId = streamId
  try {
    return action()
  } finally {
    message.requestId = own[0]
    message.streamId = own[1]
  }
}

/** The bytes that a piece of the codec writes. */
export function writing(what: string, write: (out: ByteWriter) => void): Buffer {
  return calling(what, () => written(write))
}
