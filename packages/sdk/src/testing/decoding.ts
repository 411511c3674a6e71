/** What every codec's `decode` must hold. Each function fails with the codec, the sample, the place and the bytes. */

import type { Codec, CodecDefinition, Side } from '../codec.ts'
import { ErrorType, type Failure, MessageType, type Metadata, Mutation } from '../index.ts'
import { MessageReader } from './message-reader.ts'
import { Random } from './random.ts'
import {
  assertSame,
  complain,
  decodeSample,
  explain,
  factsOf,
  isProtocolError,
  readerOf,
  type Sample,
  written,
} from './sample.ts'
import { singleBytes, splits } from './splits.ts'

/** Linear is 8, quadratic 64. */
const MAX_GROWTH = 16

/** The messages that come out of these chunks on a new connection. */
export function feed(definition: CodecDefinition, sample: Sample, chunks: readonly Buffer[]): Metadata[] {
  const reader = readerOf(definition, sample)
  return chunks.flatMap((chunk) => reader.push(chunk))
}

/** The same messages come out however the bytes are cut in two and in three, and one by one. */
export function assertSurvivesEverySplit(definition: CodecDefinition, samples: readonly Sample[]): void {
  for (const sample of samples) {
    const expected = decodeSample(definition, sample).map(factsOf)
    for (const { cuts, chunks } of splits(sample.bytes)) {
      const where = `cut at ${cuts.join(' and ')}`
      const found = explain(definition, sample, where, () => feed(definition, sample, chunks))
      assertSame(definition, sample, { where, actual: found.map(factsOf), expected })
    }
    const where = 'byte by byte'
    const found = explain(definition, sample, where, () => feed(definition, sample, singleBytes(sample.bytes)))
    assertSame(definition, sample, { where, actual: found.map(factsOf), expected })
  }
}

/** A beginning of a message is waited for: no message, no exception, nothing consumed. */
export function assertWaitsForTheRest(definition: CodecDefinition, samples: readonly Sample[]): void {
  for (const sample of samples) {
    const expected = decodeSample(definition, sample)
    for (let length = 0; length < sample.bytes.length; length++) {
      const where = `the first ${length} bytes`
      const reader = readerOf(definition, sample)
      const found = explain(definition, sample, where, () => reader.push(Buffer.from(sample.bytes.subarray(0, length))))
      const whole = expected.slice(0, found.length)
      const used = whole.reduce((sum, message) => sum + message.message.length, 0)
      const next = expected[found.length]
      if (reader.buffer.length !== length - used)
        complain(definition, sample, `${where}: consumed of what is not whole`)
      if (next && used + next.message.length <= length) complain(definition, sample, `${where}: a message is held back`)
      assertSame(definition, sample, { where, actual: found.map(factsOf), expected: whole.map(factsOf) })
    }
  }
}

/** A message one byte above the listener's limit is refused, before more than the limit has been gathered. */
export function assertRefusesOversize(definition: CodecDefinition, samples: readonly Sample[]): void {
  for (const sample of samples) {
    const longest = Math.max(...decodeSample(definition, sample).map((message) => message.message.length))
    for (const pieces of [[Buffer.from(sample.bytes)], singleBytes(sample.bytes)]) {
      const reader = readerOf(definition, sample, longest - 1)
      const refusal = pieces.map((chunk) => refusalOf(() => reader.push(chunk))).find((error) => error !== undefined)
      if (refusal === undefined) complain(definition, sample, `not refused although the limit is ${longest - 1} bytes`)
      if (!isProtocolError(refusal)) complain(definition, sample, `refused by ${refusal}, not by a ProtocolError`)
    }
    const reader = readerOf(definition, sample, longest)
    explain(definition, sample, `limit of exactly ${longest} bytes`, () => reader.push(Buffer.from(sample.bytes)))
  }
}

/** Messages sent without waiting come out each once and in order, in large chunks that cut them anywhere. */
export function assertPipelines(definition: CodecDefinition, samples: readonly Sample[], count = 1000): void {
  for (const sample of samples) {
    if (sample.once) continue
    const once = decodeSample(definition, sample).map(factsOf)
    const all = Buffer.concat(new Array<Buffer>(count).fill(sample.bytes))
    const reader = readerOf(definition, sample)
    let seen = 0
    for (let at = 0; at < all.length; at += 8191) {
      const where = `${count} times, byte ${at}`
      const found = explain(definition, sample, where, () => reader.push(Buffer.from(all.subarray(at, at + 8191))))
      const expected = found.map((_, n) => once[(seen + n) % once.length])
      assertSame(definition, sample, { where, actual: found.map(factsOf), expected })
      seen += found.length
    }
    if (seen !== count * once.length)
      complain(definition, sample, `${seen} messages of ${count * once.length} came out`)
  }
}

/**
 * Random bytes and damaged samples end in messages, in waiting or in a ProtocolError; and whatever was decoded can
 * be encoded and refused.
 */
export function assertSurvivesGarbage(
  definition: CodecDefinition,
  samples: readonly Sample[],
  options: { seed?: number; inputs?: number } = {},
): void {
  const { seed = 1, inputs = 2000 } = options
  const random = new Random(seed)
  for (let n = 0; n < inputs; n++) {
    const origin = samples[random.below(samples.length)] as Sample
    const bytes = random.below(3) === 0 ? random.bytes(1 + random.below(64)) : damaged(origin.bytes, random)
    const side: Side = random.below(8) === 0 ? (origin.side === 'downstream' ? 'upstream' : 'downstream') : origin.side
    const sample: Sample = { ...origin, name: `${origin.name}, damaged, seed ${seed} input ${n}`, side, bytes }
    explain(definition, sample, 'garbage', () => tryGarbage(definition, sample, random.below(bytes.length + 1)))
  }
}

/** Eight times the bytes, one at a time, cost about eight times the CPU. */
export function assertDecodesInLinearTime(
  definition: CodecDefinition,
  sampleOf: (bytes: number) => Sample,
  bytes = 32 * 1024,
): void {
  const small = sampleOf(bytes)
  const large = sampleOf(8 * bytes)
  dripMs(definition, small)
  let ratio = Number.POSITIVE_INFINITY
  // other work on the machine can spoil one measurement, and hardly three
  for (let n = 0; n < 3 && ratio >= MAX_GROWTH; n++) {
    const fewMs = Math.min(dripMs(definition, small), dripMs(definition, small))
    const growth = dripMs(definition, large) / Math.max(fewMs, 1)
    ratio = Math.min(ratio, (growth * 8 * small.bytes.length) / large.bytes.length)
  }
  if (ratio < MAX_GROWTH) return
  complain(definition, large, `eight times the bytes, one at a time, cost ${ratio.toFixed(1)} times the CPU`)
}

function refusalOf(action: () => unknown): unknown {
  try {
    action()
  } catch (error: unknown) {
    return error
  }
  return undefined
}

function damaged(bytes: Buffer, random: Random): Buffer {
  const copy = Buffer.from(bytes)
  for (let n = random.below(4); n >= 0; n--) copy[random.below(copy.length)] = random.below(256)
  const kind = random.below(4)
  if (kind === 0) return copy.subarray(0, 1 + random.below(copy.length))
  if (kind === 1) return copy.subarray(random.below(copy.length))
  if (kind === 2) return Buffer.concat([copy, random.bytes(random.below(20)), bytes])
  return copy
}

function tryGarbage(definition: CodecDefinition, sample: Sample, at: number): void {
  const codec = definition.create(sample.side, sample.config)
  const reader = new MessageReader(codec, sample.side, 1024 * 1024)
  try {
    for (const chunk of [sample.bytes.subarray(0, at), sample.bytes.subarray(at)]) {
      for (const message of reader.push(Buffer.from(chunk))) exercise(codec, sample.side, message)
    }
  } catch (error: unknown) {
    if (!isProtocolError(error)) throw error
  }
}

/** Whatever the framework may do with a message. */
function exercise(codec: Codec, side: Side, message: Metadata): void {
  for (let n = 0; n < message.size; n++) message.value(n)
  written((out) => codec.encode(message, Mutation.none, out))
  const head = Buffer.from(message.message.subarray(0, message.headerSize))
  codec.patchIds?.(head, 0, 0x7fffffff, message.streamId === 0 ? 0 : 0x7fffffff)
  if (side === 'upstream') return
  if (message.type === MessageType.Request) written((out) => codec.onError(message, TIMEOUT, out))
  if (message.type === MessageType.Heartbeat) written((out) => codec.heartbeatReply?.(message, out))
}

const TIMEOUT: Failure = {
  code: 'test',
  type: ErrorType.Timeout,
  message: 'too late',
  source: 'proxy',
  retriable: 'no',
}

/** CPU milliseconds to decode a sample that comes byte by byte. */
function dripMs(definition: CodecDefinition, sample: Sample): number {
  const reader = readerOf(definition, sample)
  const before = process.cpuUsage()
  let messages = 0
  for (const byte of sample.bytes) messages += reader.push(Buffer.of(byte)).length
  const { user, system } = process.cpuUsage(before)
  if (messages !== (sample.messages ?? 1)) complain(definition, sample, `${messages} messages came out byte by byte`)
  return (user + system) / 1000
}
