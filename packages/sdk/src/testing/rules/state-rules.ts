/** S: what a codec may remember. */

import type { Codec, Side } from '../../codec.ts'
import { type ByteWriter, ErrorType, MessageType, type Metadata, Mutation } from '../../index.ts'
import { differenceOf, differenceOfAll, printBytes } from '../judge/compare-messages.ts'
import type { CodecMethod } from '../judge/guard-codec.ts'
import { measureGrowth } from '../judge/held-memory.ts'
import type { Fault, Rule } from '../judge/rule.ts'
import { isSameConfig, opposite, type Subject } from '../judge/subject.ts'
import { MessageReader } from '../message-reader.ts'
import { type Sample, written } from '../sample.ts'
import { failureOf } from './failures.ts'

/** Samples that are tried in all pairs; the shortest of more. */
const PAIRED_SAMPLES = 24
/** Into so many pieces messages are cut to be mixed with those of another connection. */
const PIECES = 8
/** Of the messages of a connection, and the memory that they may leave behind: noise, and a few bytes for each. */
const MANY = { bytes: 8 * 1024 * 1024, chunkBytes: 64 * 1024, heldBytes: 256 * 1024 } as const

export const stateRules: readonly Rule[] = [
  {
    id: 'S1',
    title: 'A message means the same whatever came before it',
    about:
      'Two samples one after the other on one connection are the messages that they are alone, unless they say that ' +
      'they may come only once, or have different dialects.',
    needs: ['D8', 'F4'],
    inputs: (subject) => {
      const all = pairs(subject)
      return all.length > 0 ? all : 'no two samples may follow each other on one connection'
    },
    check: sequenceFault,
  },
  {
    id: 'S2',
    title: 'Connections do not know of each other',
    about:
      'Two connections whose bytes arrive in turns read the messages that they read alone: `create` makes a codec for ' +
      'each of them, and what decode keeps lies in there.',
    needs: ['D7'],
    inputs: ({ samples }) => samples,
    check: interleavedFault,
  },
  {
    id: 'S3',
    title: 'Only decode keeps state',
    about:
      'encode, onError and heartbeatReply write the same whether their codec is new or has decoded other messages: on ' +
      'a shared connection the last message that was decoded is hardly ever the one that is written.',
    needs: ['E1', 'R1', 'H1', 'S2'],
    inputs: ({ samples }) => samples,
    check: busyFault,
  },
  {
    id: 'S4',
    title: 'Messages leave nothing behind',
    about: 'A connection lives for days: after very many messages its codec takes as much memory as after a few.',
    needs: ['D12'],
    inputs: ({ samples }) => {
      const repeatable = (['downstream', 'upstream'] as const).flatMap(
        (side) => samples.find((sample) => sample.side === side && sample.once !== true) ?? [],
      )
      return repeatable.length > 0 ? repeatable : 'no sample may come twice on one connection'
    },
    check: leakFault,
  },
]

/** Every two samples that may follow each other, as one sample. */
function pairs(subject: Subject): readonly Sample[] {
  const samples = subject.samples.filter(({ once }) => once !== true).slice(0, PAIRED_SAMPLES)
  const all = samples.flatMap((first) =>
    samples.filter((second) => isSameConversation(subject, first, second)).map((second) => joined(first, second)),
  )
  return all.toSorted((a, b) => a.bytes.length - b.bytes.length)
}

function isSameConversation(subject: Subject, first: Sample, second: Sample): boolean {
  if (first.side !== second.side || !isSameConfig(first.config, second.config)) return false
  const [one, other] = [first, second].map((sample) => dialectOf(subject, sample))
  return one === other
}

function dialectOf(subject: Subject, sample: Sample): string | undefined {
  const [message] = subject.decode(sample) as [Metadata]
  return subject.run('dialect', () => subject.definition.dialect?.(message))
}

function joined(first: Sample, second: Sample): Sample {
  const messages = (first.messages ?? 1) + (second.messages ?? 1)
  const bytes = Buffer.concat([first.bytes, second.bytes])
  return { ...first, name: `${first.name}, then ${second.name}`, bytes, messages }
}

function sequenceFault(subject: Subject, input: Sample): Fault | undefined {
  for (const [n, message] of subject.decode(input).entries()) {
    const alone = subject.tryDecode({ ...input, bytes: message.message })
    if (typeof alone === 'string' || alone.length !== 1) continue
    const difference = differenceOf(alone[0] as Metadata, message)
    if (difference !== undefined) return { method: 'decode', message: `behind ${n} others ${difference}` }
  }
  return undefined
}

function interleavedFault(subject: Subject, input: Sample): Fault | undefined {
  const expected = subject.decode(input)
  for (const other of [input, ...subject.samples]) {
    const mine = subject.reader(input)
    const its = subject.reader(other)
    const found: Metadata[] = []
    for (let n = 0; n < PIECES; n++) {
      found.push(...mine.push(piece(input.bytes, n)))
      its.push(piece(other.bytes, n))
    }
    const difference = differenceOfAll(expected, found)
    if (difference === undefined) continue
    return { method: 'decode', message: `while another connection reads "${other.name}": ${difference}` }
  }
  return undefined
}

function piece(bytes: Buffer, n: number): Buffer {
  const size = Math.ceil(bytes.length / PIECES)
  return Buffer.from(bytes.subarray(n * size, (n + 1) * size))
}

function busyFault(subject: Subject, input: Sample): Fault | undefined {
  for (const message of subject.decode(input)) {
    for (const { method, side, write } of writings(input, message)) {
      const expected = bytesBy(subject.create(side, input.config), write)
      for (const other of subject.samples) {
        if (other.side !== side || !isSameConfig(other.config, input.config)) continue
        const actual = bytesBy(busyCodec(subject, other), write)
        if (actual.equals(expected)) continue
        const what = `after decoding "${other.name}" ${method} wrote ${printBytes(actual)}`
        return { method, message: `${what} instead of ${printBytes(expected)}` }
      }
    }
  }
  return undefined
}

interface Writing {
  readonly method: CodecMethod
  /** Of the codec that writes. */
  readonly side: Side
  readonly write: (codec: Codec, out: ByteWriter) => void
}

function writings({ side }: Sample, message: Metadata): readonly Writing[] {
  const encode: Writing = {
    method: 'encode',
    side: opposite(side),
    write: (codec, out) => codec.encode(message, Mutation.none, out),
  }
  const onError: Writing = {
    method: 'onError',
    side,
    write: (codec, out) => codec.onError(message, failureOf(ErrorType.Timeout), out),
  }
  const heartbeatReply: Writing = {
    method: 'heartbeatReply',
    side,
    write: (codec, out) => codec.heartbeatReply?.(message, out),
  }
  if (side === 'upstream') return [encode]
  if (message.type === MessageType.Heartbeat) return [encode, heartbeatReply]
  return message.type === MessageType.Request ? [encode, onError] : [encode]
}

function bytesBy(codec: Codec, write: Writing['write']): Buffer {
  return written((out) => write(codec, out))
}

/** A codec that has decoded this sample. */
function busyCodec(subject: Subject, sample: Sample): Codec {
  const codec = subject.create(sample.side, sample.config)
  new MessageReader(codec, sample.side).push(Buffer.from(sample.bytes))
  return codec
}

function leakFault(subject: Subject, input: Sample): Fault | undefined {
  const copies = Math.max(1, Math.floor(MANY.chunkBytes / input.bytes.length))
  const chunk = Buffer.concat(new Array<Buffer>(copies).fill(input.bytes))
  const chunks = Math.ceil(Math.min(subject.effort.messages / copies, MANY.bytes / chunk.length))
  const held = measureGrowth(MANY.heldBytes, () => {
    const codec = subject.create(input.side, input.config)
    const reader = new MessageReader(codec, input.side)
    for (let n = 0; n < chunks; n++) reader.push(Buffer.from(chunk))
    return codec
  })
  if (held < MANY.heldBytes) return undefined
  return { method: 'decode', message: `${chunks * copies} times in a row it leaves ${held} bytes behind` }
}
