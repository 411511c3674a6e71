/** What can be found out about the frame of a sample without knowing its protocol. */

import { BrokenContract } from '../message-reader.ts'
import type { Sample } from '../sample.ts'
import { CodecThrew } from './guard-codec.ts'
import type { Subject } from './subject.ts'

/** A number that says how long the message is, with whatever else counted in. */
export interface LengthField {
  readonly at: number
  readonly bytes: number
  readonly isLittle: boolean
}

/** Lengths lie at the beginning; further on looking for them costs more than it brings. */
const SEARCHED_BYTES = 64
/** The widest first: the last two bytes of a 32-bit length look like a 16-bit one. */
const WIDTHS = [8, 4, 3, 2, 1]
const PROBED_BYTES = 3
/** More than 1: a codec may always ask for one byte more than it has. */
const LONGER = 2n

/** The numbers in a sample of one message that make it so many bytes longer when they are so much more. */
export function findLengthFields(subject: Subject, sample: Sample): readonly LengthField[] {
  return subject.know(sample, 'length fields', () => searchLengthFields(subject, sample))
}

function searchLengthFields(subject: Subject, sample: Sample): readonly LengthField[] {
  const found: LengthField[] = []
  const most = Math.min(sample.bytes.length, SEARCHED_BYTES)
  for (const bytes of WIDTHS) {
    for (let at = 0; at + bytes <= most; at++) {
      for (const isLittle of bytes === 1 ? [false] : [false, true]) {
        const field: LengthField = { at, bytes, isLittle }
        const isKnown = found.some((other) => lowestByteOf(other) === lowestByteOf(field))
        if (!isKnown && isLengthField(subject, sample, field)) found.push(field)
      }
    }
  }
  return found
}

/** The bytes with `by` added to this number; undefined when it has no room for that. */
export function withLength(bytes: Buffer, field: LengthField, by: bigint): Buffer | undefined {
  const value = readField(bytes, field) + by
  if (value < 0n || value >= 1n << BigInt(8 * field.bytes)) return undefined
  return withField(bytes, field, value)
}

/** The bytes with this number replaced by the low bits of `value`. */
export function withField(bytes: Buffer, field: LengthField, value: bigint): Buffer {
  const copy = Buffer.from(bytes)
  let rest = BigInt.asUintN(8 * field.bytes, value)
  for (let n = 0; n < field.bytes; n++) {
    copy[placeOf(field, n)] = Number(rest & 0xffn)
    rest >>= 8n
  }
  return copy
}

/**
 * One message of so many bytes, made from a sample of one message by putting more of the same into its body;
 * undefined when there is no such place or the length has no room for it.
 */
export function grow(subject: Subject, sample: Sample, bytes: number): Buffer | undefined {
  for (const seam of subject.know(sample, 'seams', () => findSeams(subject, sample))) {
    const grown = stretched(sample.bytes, seam, bytes - sample.bytes.length)
    if (isMessage(subject, sample, grown)) return grown
  }
  return undefined
}

/** Where a message can be made longer: behind this byte, which is repeated, while this length grows. */
interface Seam {
  readonly at: number
  readonly field: LengthField | undefined
}

/** One for each length, and one where no length need be changed. */
function findSeams(subject: Subject, sample: Sample): readonly Seam[] {
  const { length } = sample.bytes
  return [undefined, ...findLengthFields(subject, sample)].flatMap((field) => {
    for (let at = length; at > 0 && at > length - SEARCHED_BYTES; at--) {
      if (isMessage(subject, sample, stretched(sample.bytes, { field, at }, PROBED_BYTES))) return [{ field, at }]
    }
    return []
  })
}

function stretched(bytes: Buffer, { field, at }: Seam, by: number): Buffer | undefined {
  const longer = field === undefined ? bytes : withLength(bytes, field, BigInt(by))
  if (longer === undefined || by < 0) return undefined
  return Buffer.concat([longer.subarray(0, at), Buffer.alloc(by, longer.subarray(at - 1, at)), longer.subarray(at)])
}

function isMessage(subject: Subject, sample: Sample, bytes: Buffer | undefined): boolean {
  if (bytes === undefined) return false
  const found = subject.tryDecode({ ...sample, bytes })
  return typeof found !== 'string' && found.length === 1
}

/** Whether the lowest and the highest byte both move the end of the message. */
function isLengthField(subject: Subject, sample: Sample, field: LengthField): boolean {
  const { bytes } = sample
  // digits of a text would be large numbers
  if (readField(bytes, field) > bytes.length) return false
  const longer = withLength(bytes, field, LONGER)
  if (longer === undefined || !needsMore(subject, sample, longer)) return false
  const much = field.bytes === 1 ? longer : withLength(bytes, field, 1n << BigInt(8 * (field.bytes - 1)))
  return much !== undefined && !isMessage(subject, sample, much)
}

/** Whether the codec asks for just the bytes that are said to follow, or takes them when they do. */
function needsMore(subject: Subject, sample: Sample, bytes: Buffer): boolean {
  if (awaits(subject, { ...sample, bytes }, bytes.length + Number(LONGER))) return true
  const whole = Buffer.concat([bytes, Buffer.alloc(Number(LONGER))])
  return isMessage(subject, sample, whole) && !isMessage(subject, sample, bytes)
}

/** Whether the last that the codec asks for is just so many bytes. */
function awaits(subject: Subject, sample: Sample, length: number): boolean {
  const reader = subject.reader(sample)
  const has = reader.buffer.has.bind(reader.buffer)
  let wish = 0
  reader.buffer.has = (n) => {
    wish = n
    return has(n)
  }
  try {
    return reader.push(Buffer.from(sample.bytes)).length === 0 && wish === length
  } catch (error: unknown) {
    if (error instanceof CodecThrew || error instanceof BrokenContract) return false
    throw error
  }
}

function readField(bytes: Buffer, field: LengthField): bigint {
  let value = 0n
  for (let n = field.bytes - 1; n >= 0; n--) value = (value << 8n) | BigInt(bytes[placeOf(field, n)] ?? 0)
  return value
}

function lowestByteOf(field: LengthField): number {
  return placeOf(field, 0)
}

/** Where byte `n` lies, counted from the least significant one. */
function placeOf({ at, bytes, isLittle }: LengthField, n: number): number {
  return isLittle ? at + n : at + bytes - 1 - n
}
