import { Draft } from './draft.ts'
import type { FuzzInput } from './fuzz-input.ts'
import type { Range } from './layout.ts'

const NOTHING = Buffer.alloc(0)

/**
 * Looks for a shorter and plainer input that fails as this one does: yields what is to be tried next and is told
 * whether it fails, until nothing more can be left out. It stops when the caller stops asking.
 */
export function* shrinking(input: FuzzInput): Generator<FuzzInput, FuzzInput, boolean> {
  let best = input
  for (let isBetter = true; isBetter; ) {
    const before = best
    best = yield* withoutRanges(best, ({ layout }) => layout.messages)
    best = yield* withoutRanges(best, ({ layout }) => layout.texts)
    best = yield* withoutParts(best)
    best = yield* withPlainBytes(best)
    isBetter = best.bytes.length < before.bytes.length
  }
  return best
}

/** Leaves out whole messages or texts. */
function* withoutRanges(
  input: FuzzInput,
  rangesOf: (input: FuzzInput) => readonly Range[],
): Generator<FuzzInput, FuzzInput, boolean> {
  let best = input
  for (let n = rangesOf(best).length - 1; n >= 0; n--) {
    const range = rangesOf(best)[n]
    if (range === undefined || range.start === range.end) continue
    best = (yield* firstThatFails([without(best, range, true), without(best, range, false)])) ?? best
  }
  return best
}

/** Leaves out ever smaller parts, with lengths that follow and without. */
function* withoutParts(input: FuzzInput): Generator<FuzzInput, FuzzInput, boolean> {
  let best = input
  for (let size = input.bytes.length; size >= 1; size = Math.floor(size / 2)) {
    // from the end, where bytes are most often of no matter
    for (let start = best.bytes.length - size; start >= 0; ) {
      const range = { start, end: start + size }
      const shorter = yield* firstThatFails([without(best, range, true), without(best, range, false)])
      if (shorter !== undefined) best = shorter
      start -= shorter === undefined ? Math.max(1, Math.floor(size / 2)) : size
    }
  }
  return best
}

/** Makes bytes 0, or at least clears their bits, the highest first. */
function* withPlainBytes(input: FuzzInput): Generator<FuzzInput, FuzzInput, boolean> {
  let best = input
  for (let at = 0; at < best.bytes.length; at++) {
    for (const cleared of [0xff, 0x80, 0x40, 0x20, 0x10, 0x08, 0x04, 0x02, 0x01]) {
      const value = best.bytes[at] as number
      if ((value & cleared) === 0) continue
      best = (yield* firstThatFails([withByte(best, at, value & ~cleared)])) ?? best
    }
  }
  return best
}

function* firstThatFails(candidates: readonly FuzzInput[]): Generator<FuzzInput, FuzzInput | undefined, boolean> {
  for (const candidate of candidates) if (yield candidate) return candidate
  return undefined
}

function without(input: FuzzInput, range: Range, adjusts: boolean): FuzzInput {
  const draft = new Draft(input)
  draft.replace(range, NOTHING, adjusts)
  return draft.input
}

function withByte(input: FuzzInput, at: number, value: number): FuzzInput {
  const draft = new Draft(input)
  draft.setByte(at, value)
  return draft.input
}
