import type { Sample } from '../sample.ts'
import { findLengthFields, type LengthField, withLength } from './sample-structure.ts'
import type { Subject } from './subject.ts'

/** So many inputs are tried; twice as many hardly ever find a shorter one. */
const MAX_TRIES = 2000

export interface Search {
  readonly input: Sample
  /** What the codec makes of an input may be used to find shorter ones: it will return. */
  readonly mayDecode: boolean
  /** Whether this shorter input will do: then it is searched on from here. */
  accepts(input: Sample): boolean
}

/** Searches for the shortest input that is accepted, for as many tries as there are. */
export function shrink(subject: Subject, search: Search): void {
  let { input } = search
  let tries = 0
  let hasImproved = true
  while (hasImproved) {
    hasImproved = false
    for (const candidate of candidates(subject, input, search.mayDecode)) {
      if (tries++ >= MAX_TRIES) return
      hasImproved = search.accepts(candidate)
      if (!hasImproved) continue
      input = candidate
      break
    }
  }
}

/** Inputs that are shorter by one change, those that are much shorter first. */
function* candidates(subject: Subject, input: Sample, mayDecode: boolean): Generator<Sample> {
  const parts = mayDecode ? partsOf(subject, input) : [input.bytes]
  for (const n of parts.keys()) if (parts.length > 1) yield joined(input, parts.slice(n, n + 1))
  for (const n of parts.keys()) if (parts.length > 1) yield joined(input, parts.toSpliced(n, 1))
  for (const [n, bytes] of parts.entries()) {
    const part: Sample = parts.length === 1 ? input : { ...input, bytes, messages: 1 }
    const fields = mayDecode ? findLengthFields(subject, part) : []
    for (const shorter of shortened(bytes, fields)) yield joined(input, parts.toSpliced(n, 1, shorter))
  }
}

/** Its messages, if it is nothing else. */
function partsOf(subject: Subject, input: Sample): readonly Buffer[] {
  const found = subject.tryDecode(input)
  return typeof found === 'string' || found.length === 0 ? [input.bytes] : found.map(({ message }) => message)
}

function joined(input: Sample, parts: readonly Buffer[]): Sample {
  return { ...input, bytes: Buffer.concat(parts), messages: parts.length }
}

function* shortened(bytes: Buffer, fields: readonly LengthField[]): Generator<Buffer> {
  for (let size = bytes.length >> 1; size > 0; size >>= 1) {
    for (let end = bytes.length; end >= size; end -= size) yield* without(bytes, { start: end - size, end }, fields)
  }
}

interface Range {
  readonly start: number
  readonly end: number
}

/** Without these bytes; and with each length less by so many. */
function* without(bytes: Buffer, { start, end }: Range, fields: readonly LengthField[]): Generator<Buffer> {
  const cutOut = (from: Buffer): Buffer => Buffer.concat([from.subarray(0, start), from.subarray(end)])
  yield cutOut(bytes)
  for (const field of fields) {
    const isTouched = field.at < end && field.at + field.bytes > start
    const shorter = isTouched ? undefined : withLength(bytes, field, BigInt(start - end))
    if (shorter !== undefined) yield cutOut(shorter)
  }
}
