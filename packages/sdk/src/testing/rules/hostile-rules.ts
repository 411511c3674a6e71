/** D9 to D13: bytes that want to do harm, by what they say or by how they come. */

import type { Side } from '../../codec.ts'
import type { Metadata } from '../../index.ts'
import { countReads } from '../judge/count-reads.ts'
import { garbage, headGarbage } from '../judge/garbage.ts'
import { CodecThrew } from '../judge/guard-codec.ts'
import { measureGrowth } from '../judge/held-memory.ts'
import { type Fault, faultOf, type Rule } from '../judge/rule.ts'
import { findLengthFields, grow, type LengthField, withField } from '../judge/sample-structure.ts'
import type { Subject } from '../judge/subject.ts'
import { BrokenContract, MessageReader } from '../message-reader.ts'
import { Random } from '../random.ts'
import type { Sample } from '../sample.ts'
import { cut, drops, singleBytes } from '../splits.ts'

/** A 32-bit length below 0 is above this when it is read without its sign: it must be refused either way. */
const HOSTILE_BYTES = 4
/** Beginnings with a wrong length are tried up to this size. */
const PREFIX_BYTES = 256
const LINEAR = { small: 512, times: 8, mostTimes: 16, longest: 64 * 1024 } as const
/** A message that does not end: what was sent of it, and the memory beside the buffer that it may cost. */
const ENDLESS = { bytes: 1024 * 1024, chunkBytes: 1024, heldBytes: 256 * 1024 } as const

export const hostileRules: readonly Rule[] = [
  {
    id: 'D9',
    title: 'A message above the limit is refused before it is gathered',
    about:
      'The listener bounds messages by `buffer.maxMessageBytes`. A longer one is refused by a ProtocolError, however it ' +
      'arrives, before more bytes than the limit have come; one of exactly the limit is let through.',
    needs: ['D6'],
    inputs: ({ samples }) => samples,
    check: oversizeFault,
  },
  {
    id: 'D10',
    title: 'Negative and absurd lengths are refused',
    about:
      'A length of −1, of the least number, of 0 or of the message negated ends in a message, in waiting or in a ' +
      'ProtocolError; −1 in a field of 32 bits or more, which nobody can mean, in a ProtocolError at the limit.',
    needs: ['D9'],
    inputs: (subject) => {
      const found = subject.samples.filter((sample) => findLengthFields(subject, sample).length > 0)
      return found.length > 0 ? found : 'no sample has a binary length'
    },
    check: lengthFault,
  },
  {
    id: 'D11',
    title: 'Garbage ends in messages, in waiting or in a ProtocolError',
    about:
      'Random bytes and damaged samples, from either side, and every value of every byte of a head, make `decode` throw ' +
      'nothing else: any other exception counts as a defect of the codec and not of the peer.',
    needs: ['D10'],
    takesAnyBytes: true,
    inputs: garbageInputs,
    check: garbageFault,
  },
  {
    id: 'D12',
    title: 'The cost of decoding grows with the bytes, not with their square',
    about:
      'Every byte is looked at a bounded number of times, also of a long message that drips in byte by byte, and of ' +
      'many that arrive at once: else one client takes the whole thread. Reads are counted, time is not measured.',
    needs: ['D8'],
    inputs: (subject) => {
      const chosen = subject.samples.filter(
        (sample) => sample.once !== true || longMessage(subject, sample) !== undefined,
      )
      return chosen.length > 0 ? chosen : `no sample may come twice, can be made longer or has ${LINEAR.small} bytes`
    },
    check: linearFault,
  },
  {
    id: 'D13',
    title: 'A message that never ends costs bounded memory',
    about:
      'While a message is not whole its bytes are kept by the buffer alone, which refuses it at the limit. A codec that ' +
      'keeps them once more, or keeps something for every call, takes memory without a limit.',
    needs: ['D9', 'D12'],
    inputs: (subject) => {
      const endless = (['downstream', 'upstream'] as const).flatMap((side) => endlessOf(subject, side) ?? [])
      return endless.length > 0 ? endless : 'no sample can be made long enough'
    },
    check: endlessFault,
  },
]

function oversizeFault(subject: Subject, input: Sample): Fault | undefined {
  const [first] = subject.decode(input) as [Metadata]
  const { length } = first.message
  const bytes = input.bytes.subarray(0, length)
  const message: Sample = { ...input, bytes }
  for (const limit of new Set([length - 1, length >> 1, 2, 1])) {
    if (limit < 1 || limit >= length) continue
    for (const chunks of [[bytes], drops(bytes.subarray(0, limit))]) {
      const fault = limitFault(subject, message, { limit, chunks })
      if (fault !== undefined) return fault
    }
  }
  const refusal = refusalOf(subject, message, { limit: length, chunks: [bytes] })
  return refusal && { ...faultOf(refusal), message: `refused at a limit of just its size: ${refusal.message}` }
}

interface Limited {
  readonly limit: number
  readonly chunks: readonly Buffer[]
}

function limitFault(subject: Subject, message: Sample, limited: Limited): Fault | undefined {
  const { limit, chunks } = limited
  const refusal = refusalOf(subject, message, limited)
  if (refusal?.isProtocolError) return undefined
  const what = `a message of ${message.bytes.length} bytes where ${limit} are allowed is`
  if (refusal !== undefined)
    return { ...faultOf(refusal, chunks), message: `${what} no ProtocolError: ${refusal.message}` }
  return { method: 'decode', message: `${what} not refused in time`, chunks }
}

function refusalOf(subject: Subject, sample: Sample, { limit, chunks }: Limited): CodecThrew | undefined {
  const reader = subject.reader(sample, limit)
  try {
    for (const chunk of chunks) reader.push(Buffer.from(chunk))
  } catch (error: unknown) {
    if (error instanceof CodecThrew) return error
    throw error
  }
  return undefined
}

function lengthFault(subject: Subject, input: Sample): Fault | undefined {
  for (const field of findLengthFields(subject, input)) {
    for (const value of [-1n, 0n, -BigInt(input.bytes.length), 1n << BigInt(8 * field.bytes - 1)]) {
      const bytes = withField(input.bytes, field, value)
      const fault = wrongLengthFault(subject, { ...input, bytes }, { field, value })
      if (fault !== undefined) return fault
    }
  }
  return undefined
}

interface WrongLength {
  readonly field: LengthField
  readonly value: bigint
}

function wrongLengthFault(subject: Subject, input: Sample, { field, value }: WrongLength): Fault | undefined {
  const { bytes } = input
  const what = `with ${value} in the ${8 * field.bytes}-bit length at byte ${field.at}`
  for (let length = 1; length <= bytes.length; length++) {
    if (length > PREFIX_BYTES && length < bytes.length) continue
    const chunks = [bytes.subarray(0, length)]
    const error = errorOf(subject, input, chunks)
    if (isRefusal(error)) return undefined
    if (error !== undefined) return { ...faultOf(error, chunks), message: `${what} ${error.message}` }
  }
  if (value !== -1n || field.bytes < HOSTILE_BYTES || isRefusedAtLimit(subject, input)) return undefined
  return { method: 'decode', message: `${what} it is not refused`, chunks: [bytes] }
}

/** Whether it is refused when as many more bytes come as are allowed. */
function isRefusedAtLimit(subject: Subject, input: Sample): boolean {
  const limit = 2 * input.bytes.length
  const chunks = [Buffer.concat([input.bytes, Buffer.alloc(input.bytes.length)])]
  return refusalOf(subject, input, { limit, chunks })?.isProtocolError === true
}

function errorOf(subject: Subject, input: Sample, chunks: readonly Buffer[]): CodecThrew | BrokenContract | undefined {
  try {
    subject.feed(input, chunks)
  } catch (error: unknown) {
    if (error instanceof CodecThrew || error instanceof BrokenContract) return error
    throw error
  }
  return undefined
}

function isRefusal(error: CodecThrew | BrokenContract | undefined): boolean {
  return error instanceof CodecThrew && error.isProtocolError
}

function* garbageInputs({ samples, effort }: Subject): Generator<Sample> {
  yield* headGarbage(samples)
  yield* garbage(samples, new Random(effort.seed), effort.garbageInputs)
}

/** In two pieces: the first is looked at alone, then both. */
function garbageFault(subject: Subject, input: Sample): Fault | undefined {
  const { bytes } = input
  const { chunks } = cut(bytes, bytes.length > 1 ? [bytes.length >> 1] : [])
  const error = errorOf(subject, input, chunks)
  return error === undefined || isRefusal(error) ? undefined : faultOf(error, [bytes])
}

/** A message of many bytes, and of an eighth of them: the latter is its beginning where it cannot be made to order. */
function longMessage(subject: Subject, sample: Sample): { large: Buffer; small: Buffer } | undefined {
  if ((sample.messages ?? 1) > 1) return undefined
  const large = grow(subject, sample, LINEAR.small * LINEAR.times)
  const small = grow(subject, sample, LINEAR.small)
  if (large !== undefined && small !== undefined) return { large, small }
  const bytes = sample.bytes.subarray(0, LINEAR.longest)
  return bytes.length < LINEAR.small
    ? undefined
    : { large: bytes, small: bytes.subarray(0, bytes.length / LINEAR.times) }
}

function linearFault(subject: Subject, input: Sample): Fault | undefined {
  const long = longMessage(subject, input)
  const dripped =
    long && growthFault(subject, input, { small: singleBytes(long.small), large: singleBytes(long.large) })
  if (dripped !== undefined) return { ...dripped, message: `made longer and byte by byte, ${dripped.message}` }
  if (input.once === true) return undefined
  const copies = Math.ceil(LINEAR.small / input.bytes.length)
  const times = (count: number): Buffer[] => [Buffer.concat(new Array<Buffer>(count).fill(input.bytes))]
  const many = growthFault(subject, input, { small: times(copies), large: times(copies * LINEAR.times) })
  return many && { ...many, message: `many times at once, ${many.message}` }
}

function growthFault(
  subject: Subject,
  input: Sample,
  { small, large }: { small: readonly Buffer[]; large: readonly Buffer[] },
): Fault | undefined {
  const few = readsOf(subject, input, small)
  const many = readsOf(subject, input, large)
  if (many < LINEAR.mostTimes * few) return undefined
  const [least, most] = [small, large].map((chunks) => chunks.reduce((sum, chunk) => sum + chunk.length, 0))
  return { method: 'decode', message: `${least} bytes cost ${few} reads, ${most} bytes ${many}: that is no line` }
}

/** How much decode reads, and how often it is called, while these pieces come. */
function readsOf(subject: Subject, sample: Sample, chunks: readonly Buffer[]): number {
  const reader = subject.reader(sample)
  const count = countReads(reader.buffer)
  for (const chunk of chunks) reader.push(chunk)
  return count.reads + reader.decodeCalls
}

/** One is enough for a side. */
function endlessOf(subject: Subject, side: Side): Sample | undefined {
  return subject.samples.find((sample) => sample.side === side && grow(subject, sample, ENDLESS.bytes) !== undefined)
}

function endlessFault(subject: Subject, input: Sample): Fault | undefined {
  const endless = grow(subject, input, ENDLESS.bytes)
  if (endless === undefined) return undefined
  const held = measureGrowth(ENDLESS.heldBytes, () => {
    const codec = subject.create(input.side, input.config)
    const reader = new MessageReader(codec, input.side)
    for (let at = 0; at + ENDLESS.chunkBytes < endless.length; at += ENDLESS.chunkBytes) {
      reader.push(Buffer.from(endless.subarray(at, at + ENDLESS.chunkBytes)))
    }
    reader.buffer.clear()
    return codec
  })
  if (held < ENDLESS.heldBytes) return undefined
  const message = `made longer and cut off after ${ENDLESS.bytes} bytes, it leaves ${held} bytes with the codec`
  return { method: 'decode', message }
}
