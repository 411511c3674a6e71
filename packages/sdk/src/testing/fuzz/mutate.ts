/** Makes new inputs of old ones. */

import type { Random } from '../random.ts'
import { borderNumbers, type Dictionary } from './dictionary.ts'
import { Draft } from './draft.ts'
import type { FuzzInput } from './fuzz-input.ts'
import type { NumberField, Range } from './layout.ts'

/** Longer ones cost time and show nothing new. */
const MAX_INPUT_BYTES = 8 * 1024
const MAX_STEPS = 6
const MAX_INSERTED_BYTES = 24
const MAX_COPIES = 4
const MAX_GROWTH_BITS = 12

export interface Material {
  readonly random: Random
  readonly dictionary: Dictionary
  /** Another input for the same side and options. */
  readonly other: FuzzInput
}

type Step = (draft: Draft, material: Material) => void

/** How often each is chosen, in parts of all. */
const STEPS: readonly (readonly [weight: number, step: Step])[] = [
  [10, changeNumber],
  [6, changeLength],
  [5, flipBit],
  [3, changeByte],
  [4, changeText],
  [3, changeDigits],
  [4, insertBytes],
  [4, removeBytes],
  [2, truncate],
  [3, repeatMessage],
  [2, dropMessage],
  [4, spliceMessage],
  [3, spliceBytes],
  [2, insertWord],
  [1, growText],
]
const ALL_STEPS: readonly Step[] = STEPS.flatMap(([weight, step]) => new Array<Step>(weight).fill(step))

/** One to a few changes, each in a random place. */
export function mutate(origin: FuzzInput, material: Material): FuzzInput {
  const draft = new Draft(origin)
  const { random } = material
  const most = Math.max(MAX_INPUT_BYTES, origin.bytes.length)
  for (let left = 1 + random.below(random.below(MAX_STEPS) + 1); left > 0; left--) {
    pick(ALL_STEPS, random)?.(draft, material)
    if (draft.bytes.length > most) draft.replace({ start: most, end: draft.bytes.length }, NOTHING, false)
  }
  if (draft.bytes.length === 0) draft.replace({ start: 0, end: 0 }, random.bytes(1), false)
  return draft.input
}

const NOTHING = Buffer.alloc(0)

function changeNumber(draft: Draft, { random, dictionary }: Material): void {
  const field = pick(draft.layout.numbers, random)
  // what is fixed is refused when it changes; refusals are soon known
  if (field === undefined || (field.role === 'fixed' && random.below(8) > 0)) return
  draft.set(field, otherValue(draft, field, { random, dictionary }))
}

function otherValue(
  draft: Draft,
  field: NumberField,
  { random, dictionary }: Pick<Material, 'random' | 'dictionary'>,
): bigint {
  const now = draft.get(field)
  const kind = random.below(8)
  if (kind < 3) return pick(borderNumbers(field.bytes), random) ?? 0n
  if (kind < 5) return pick(dictionary.numbers, random) ?? ~now
  if (kind === 5) return now + BigInt(random.below(9) - 4)
  if (kind === 6) return now ^ (1n << BigInt(random.below(8 * field.bytes)))
  return BigInt(random.below(256))
}

/** A length that is wrong by little, nothing at all, what is left, or far too much. */
function changeLength(draft: Draft, { random }: Material): void {
  const field = pick(
    draft.layout.numbers.filter(({ role }) => role === 'length'),
    random,
  )
  if (field === undefined) return
  const left = BigInt(draft.bytes.length - field.at)
  const now = draft.get(field)
  const most = (1n << BigInt(8 * field.bytes)) - 1n
  draft.set(
    field,
    pick(
      [now + 1n, now - 1n, now + 2n, now - 2n, 0n, 1n, left, left - BigInt(field.bytes), most, most / 2n, 2n * now],
      random,
    ) ?? 0n,
  )
}

function flipBit(draft: Draft, { random }: Material): void {
  const at = random.below(Math.max(draft.bytes.length, 1))
  draft.setByte(at, (draft.bytes[at] ?? 0) ^ (1 << random.below(8)))
}

function changeByte(draft: Draft, { random, dictionary }: Material): void {
  const word = random.below(2) === 0 ? pick(dictionary.numbers, random) : undefined
  draft.setByte(random.below(Math.max(draft.bytes.length, 1)), Number((word ?? BigInt(random.below(256))) & 0xffn))
}

/** Another text in the place of one, of another length too, with all lengths right. */
function changeText(draft: Draft, { random, dictionary, other }: Material): void {
  const text = pick(draft.layout.texts, random)
  if (text === undefined) return
  const theirs = pick(other.layout.texts, random)
  const kind = random.below(4)
  if (kind === 0) draft.replace(text, NOTHING, true)
  else if (kind === 1 && theirs !== undefined) draft.replace(text, other.bytes.subarray(theirs.start, theirs.end), true)
  else if (kind === 2) draft.replace(text, pick(dictionary.texts, random) ?? NOTHING, true)
  else draft.replace(text, random.bytes(random.below(2 * (text.end - text.start) + 2)), true)
}

/** A number that is written as text. */
function changeDigits(draft: Draft, { random, dictionary }: Material): void {
  const runs = [...draft.bytes.toString('latin1', 0, 1024).matchAll(/\d+/g)]
  const run = pick(runs, random)
  if (run === undefined) return
  const value = random.below(3) === 0 ? pick(dictionary.numbers, random) : pick(borderNumbers(4), random)
  const text = random.below(4) === 0 ? String(Number(run[0]) + random.below(5) - 2) : String(value ?? '')
  draft.replace({ start: run.index, end: run.index + run[0].length }, Buffer.from(text), random.below(4) > 0)
}

function insertBytes(draft: Draft, { random }: Material): void {
  const at = placeOf(draft, random)
  draft.replace({ start: at, end: at }, random.bytes(1 + random.below(MAX_INSERTED_BYTES)), random.below(3) > 0)
}

function removeBytes(draft: Draft, { random }: Material): void {
  const start = placeOf(draft, random)
  const end = Math.min(draft.bytes.length, start + 1 + random.below(MAX_INSERTED_BYTES))
  if (start < end) draft.replace({ start, end }, NOTHING, random.below(3) > 0)
}

function truncate(draft: Draft, { random }: Material): void {
  draft.replace({ start: placeOf(draft, random), end: draft.bytes.length }, NOTHING, random.below(3) === 0)
}

function repeatMessage(draft: Draft, { random }: Material): void {
  const message = pick(draft.layout.messages, random)
  if (message === undefined) return
  const bytes = Buffer.from(draft.bytes.subarray(message.start, message.end))
  const copies = new Array<Buffer>(1 + random.below(MAX_COPIES)).fill(bytes)
  draft.replace({ start: message.end, end: message.end }, Buffer.concat(copies), false)
}

function dropMessage(draft: Draft, { random }: Material): void {
  const message = pick(draft.layout.messages, random)
  if (message !== undefined && draft.layout.messages.length > 1) draft.replace(message, NOTHING, false)
}

/** A message of another input before, after or instead of one of these. */
function spliceMessage(draft: Draft, { random, other }: Material): void {
  const theirs = pick(other.layout.messages, random)
  const own = pick(draft.layout.messages, random) ?? { start: draft.bytes.length, end: draft.bytes.length }
  if (theirs === undefined) return
  const start = random.below(2) === 0 ? own.start : own.end
  draft.replace(
    { start, end: random.below(4) === 0 ? own.end : start },
    other.bytes.subarray(theirs.start, theirs.end),
    false,
  )
}

function spliceBytes(draft: Draft, { random, other }: Material): void {
  const from = random.below(other.bytes.length)
  const part = other.bytes.subarray(from, from + 1 + random.below(MAX_INSERTED_BYTES))
  const start = placeOf(draft, random)
  const end = random.below(2) === 0 ? start : Math.min(draft.bytes.length, start + part.length)
  draft.replace({ start, end }, part, random.below(3) > 0)
}

function insertWord(draft: Draft, { random, dictionary }: Material): void {
  const at = placeOf(draft, random)
  draft.replace({ start: at, end: at }, pick(dictionary.texts, random) ?? NOTHING, random.below(3) > 0)
}

/** One byte many times, for what only happens above some length. */
function growText(draft: Draft, { random }: Material): void {
  const { end } = pick([...draft.layout.texts, ...draft.layout.messages], random) ?? { end: draft.bytes.length }
  const length = 1 + random.below(2 ** (1 + random.below(MAX_GROWTH_BITS)))
  draft.replace({ start: end, end }, Buffer.alloc(length, random.below(256)), true)
}

/** A position, more often than not at the border of something. */
function placeOf(draft: Draft, random: Random): number {
  const { numbers, texts } = draft.layout
  const kind = random.below(4)
  const text: Range | undefined = kind === 0 ? pick(texts, random) : undefined
  if (text !== undefined) return text.start + random.below(text.end - text.start + 1)
  const field = kind === 1 ? pick(numbers, random) : undefined
  if (field !== undefined)
    return random.below(2) === 0 ? field.at : Math.min(field.at + field.bytes, draft.bytes.length)
  return random.below(draft.bytes.length + 1)
}

function pick<T>(list: readonly T[], random: Random): T | undefined {
  return list.length === 0 ? undefined : list[random.below(list.length)]
}
