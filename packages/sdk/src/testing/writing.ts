/** What every codec's `encode`, `patchIds`, `onError` and hooks must hold. */

import type { CodecDefinition } from '../codec.ts'
import {
  ErrorType,
  type Failure,
  type MessageId,
  MessageType,
  type Metadata,
  Mutation,
  ResponseStatus,
} from '../index.ts'
import { assertSame, complain, decodeSample, explain, type Facts, factsOf, type Sample, written } from './sample.ts'

/** Bounds of the ids that the proxy gives out. */
const UPSTREAM_IDS = [1, 2, 0x1234, 0x7fffffff]
const CANARY = Buffer.alloc(64, 0xc5)

/** What was decoded and not changed is encoded to the same bytes, by a codec that has seen nothing else. */
export function assertEncodesWhatItDecoded(definition: CodecDefinition, samples: readonly Sample[]): void {
  for (const sample of samples) {
    const messages = decodeSample(definition, sample)
    const bytes = Buffer.concat(messages.map((message) => encoded(definition, sample, message)))
    if (!bytes.equals(sample.bytes)) complain(definition, sample, `encode changed it to ${bytes.toString('hex')}`)
  }
}

/**
 * Ids can be replaced, by `patchIds` and by `encode`, and put back: the bytes are then as they were. `patchIds` stays
 * within the header, and changes nothing when it returns false.
 */
export function assertRewritesIds(definition: CodecDefinition, samples: readonly Sample[]): void {
  if (definition.correlation !== 'id') return
  for (const sample of samples) {
    if (sample.ids === false) continue
    for (const rewrite of [encoded, patched]) for (const id of UPSTREAM_IDS) tryIds(definition, { sample, rewrite, id })
  }
}

/** A Mutation adds, changes and removes properties of every message that the definition says it can change. */
export function assertMutates(definition: CodecDefinition, samples: readonly Sample[]): void {
  for (const sample of samples) {
    if (!canMutate(definition, sample)) continue
    for (let n = 0; n < (sample.messages ?? 1); n++) {
      if (!isMutable(decodeSample(definition, sample)[n] as Metadata)) continue
      const added = mutated(definition, { sample, n, key: 'x-added', value: 'wörld €' })
      const changed = mutated(definition, { sample: added, n, key: 'x-added', value: 'x'.repeat(300) })
      mutated(definition, { sample: changed, n, key: 'x-added', value: undefined })
      for (const key of sample.changeable ?? []) {
        mutated(definition, { sample, n, key, value: 'changed' })
        mutated(definition, { sample, n, key, value: undefined })
      }
    }
  }
}

/** Every request can be refused: one whole message that its client understands as an error with its own id. */
export function assertErrorReplies(definition: CodecDefinition, samples: readonly Sample[]): void {
  for (const sample of samples) {
    if (sample.side !== 'downstream') continue
    for (const request of decodeSample(definition, sample)) {
      if (request.type !== MessageType.Request) continue
      for (const type of [...Object.values(ErrorType), 99 as ErrorType]) tryError(definition, sample, { request, type })
    }
  }
}

/** Heartbeat replies, health checks and go-aways are messages that the other side can read. */
export function assertHooks(definition: CodecDefinition, samples: readonly Sample[]): void {
  for (const sample of samples) {
    const codec = definition.create(sample.side, sample.config)
    for (const message of decodeSample(definition, sample)) {
      if (message.type !== MessageType.Heartbeat || sample.side === 'upstream') continue
      if (!codec.heartbeatReply) continue
      const bytes = written((out) => codec.heartbeatReply?.(message, out))
      const [reply] = decodeSample(definition, {
        ...answerTo(sample),
        name: `heartbeat reply to ${sample.name}`,
        bytes,
      })
      if (reply?.requestId !== message.requestId) complain(definition, sample, 'the heartbeat reply has another id')
    }
    if (codec.healthCheck) {
      const bytes = written((out) => codec.healthCheck?.(77, out))
      const check: Sample = { name: 'health check', side: 'downstream', config: sample.config, bytes }
      const [request] = decodeSample(definition, check)
      if (definition.correlation === 'id' && request?.requestId !== 77) complain(definition, check, 'the id is not 77')
    }
    if (codec.goAway) {
      const bytes = written((out) => codec.goAway?.(out))
      decodeSample(definition, { ...answerTo(sample), name: 'go away', bytes })
    }
  }
}

interface IdTrial {
  readonly sample: Sample
  readonly rewrite: Rewrite
  readonly id: number
}
type Rewrite = (definition: CodecDefinition, sample: Sample, message: Metadata) => Buffer

function tryIds(definition: CodecDefinition, { sample, rewrite, id }: IdTrial): void {
  const before = decodeSample(definition, sample)
  const expected = before.map((message) => withoutLengths(message, id, message.streamId === 0 ? 0 : id))
  const original = before.map((message): [MessageId, number] => [message.requestId, message.streamId])
  const away = before.map((message) => {
    message.requestId = id
    if (message.streamId !== 0) message.streamId = id
    return rewrite(definition, sample, message)
  })
  const other: Sample = {
    ...sample,
    name: `${sample.name} with id ${id} by ${rewrite.name}`,
    bytes: Buffer.concat(away),
  }
  const there = decodeSample(definition, other)
  assertSame(definition, other, {
    where: 'new ids',
    actual: there.map((message) => withoutLengths(message, message.requestId, message.streamId)),
    expected,
  })
  const back = there.map((message, n) => {
    ;[message.requestId, message.streamId] = original[n] as [MessageId, number]
    return rewrite(definition, other, message)
  })
  const bytes = Buffer.concat(back)
  if (!bytes.equals(sample.bytes)) complain(definition, other, `putting the ids back gives ${bytes.toString('hex')}`)
}

/** Facts without what a change of an id may change: bytes and sizes. */
function withoutLengths(
  message: Metadata,
  requestId: MessageId,
  streamId: number,
): Omit<Facts, 'headerSize' | 'bodySize' | 'message'> {
  const { headerSize: _h, bodySize: _b, message: _m, ...rest } = factsOf(message)
  return { ...rest, requestId, streamId }
}

/** By `encode` of a new codec; the message that was decoded must stay as it was. */
function encoded(definition: CodecDefinition, sample: Sample, message: Metadata, mutation = Mutation.none): Buffer {
  const codec = definition.create(sample.side, sample.config)
  const before = Buffer.from(message.message)
  const bytes = explain(definition, sample, 'encode', () => written((out) => codec.encode(message, mutation, out)))
  if (!message.message.equals(before)) complain(definition, sample, 'encode has changed metadata.message')
  return bytes
}

/** By `patchIds` in a private copy of the header, which is what it may touch; by `encode` where that is not offered. */
function patched(definition: CodecDefinition, sample: Sample, message: Metadata): Buffer {
  const codec = definition.create(sample.side, sample.config)
  const { headerSize, requestId, streamId } = message
  const head = message.message.subarray(0, headerSize)
  const copy = Buffer.concat([CANARY, head, CANARY])
  const start = CANARY.length
  const isDone =
    explain(definition, sample, 'patchIds', () => codec.patchIds?.(copy, start, requestId, streamId)) ?? false
  const end = start + headerSize
  if (!copy.subarray(0, start).equals(CANARY) || !copy.subarray(end).equals(CANARY)) {
    complain(definition, sample, `patchIds wrote outside the ${headerSize} bytes of the header`)
  }
  if (isDone) return Buffer.concat([copy.subarray(start, end), message.message.subarray(headerSize)])
  if (!copy.subarray(start, end).equals(head)) complain(definition, sample, 'patchIds returned false but wrote')
  return encoded(definition, sample, message)
}

function canMutate(definition: CodecDefinition, sample: Sample): boolean {
  if (definition.mutation === undefined || sample.mutable === false) return false
  return definition.mutation === 'both' || (definition.mutation === 'request') === (sample.side === 'downstream')
}

function isMutable({ type }: Metadata): boolean {
  return type === MessageType.Request || type === MessageType.Oneway || type === MessageType.Response
}

/** The sample with message `n` mutated, after checking that just this has changed. */
function mutated(
  definition: CodecDefinition,
  change: { sample: Sample; n: number; key: string; value: string | undefined },
): Sample {
  const { sample, n, key, value } = change
  const messages = decodeSample(definition, sample)
  const expected = messages.map((message) => withoutLengths(message, message.requestId, message.streamId))
  const properties: Record<string, string> = { ...expected[n]?.properties }
  delete properties[key]
  if (value !== undefined) properties[key] = value
  const mutation = new Mutation()
  mutation.set(key, value)
  const bytes = messages.map((message, at) => encoded(definition, sample, message, at === n ? mutation : Mutation.none))
  const name = `${sample.name} with ${key} ${value === undefined ? 'removed' : 'set'}`
  const result: Sample = { ...sample, name, bytes: Buffer.concat(bytes) }
  const actual = decodeSample(definition, result).map((message) =>
    sorted(withoutLengths(message, message.requestId, message.streamId)),
  )
  expected[n] = { ...(expected[n] as (typeof expected)[number]), properties }
  assertSame(definition, result, { where: 'mutation', actual, expected: expected.map(sorted) })
  return result
}

/** A mutation may move properties. */
function sorted<T extends { properties: Readonly<Record<string, string>> }>(facts: T): T {
  const properties = Object.entries(facts.properties).sort(([a], [b]) => (a < b ? -1 : 1))
  return { ...facts, properties: Object.fromEntries(properties) }
}

function tryError(definition: CodecDefinition, sample: Sample, given: { request: Metadata; type: ErrorType }): void {
  const { request, type } = given
  const codec = definition.create('downstream', sample.config)
  const failure: Failure = { code: 'test', type, message: 'no route for "ü"', source: 'proxy', retriable: 'no' }
  const refuse = () =>
    explain(definition, sample, `onError ${type}`, () => written((out) => codec.onError(request, failure, out)))
  const bytes = refuse()
  const whole = request.message
  request.message = Buffer.concat([whole.subarray(0, request.headerSize)])
  const fromHeader = refuse()
  request.message = whole
  if (!fromHeader.equals(bytes)) complain(definition, sample, 'onError has read more than headerSize bytes')
  const [reply] = decodeSample(definition, { ...answerTo(sample), name: `error ${type} to ${sample.name}`, bytes })
  if (reply === undefined) return
  if (reply.status !== ResponseStatus.Error && reply.type !== MessageType.Error) {
    complain(definition, sample, `the reply to error ${type} is no error: ${bytes.toString('hex')}`)
  }
  if (definition.correlation !== 'id') return
  if (reply.requestId !== request.requestId) complain(definition, sample, `the reply to error ${type} has another id`)
}

/** What comes back, for a client with the same options. */
function answerTo(sample: Sample): Sample {
  return { name: '', side: 'upstream', config: sample.config, bytes: Buffer.alloc(0) }
}
