import { Random } from './random.ts'

/** Up to this length all pairs of cuts are tried: 160 bytes are 12,880 ways. */
const ALL_PAIRS_BYTES = 160
const RANDOM_PAIRS = 3000
/** In longer messages cuts are tried at this many positions from either end. */
const EDGE_BYTES = 512
/** Very long ones are cut less often: not more than this is copied. */
const MAX_COPIED_BYTES = 512 * 1024 * 1024
/** They drip in larger drops. */
const MAX_DROPS = 64 * 1024

/** Bytes in pieces. */
export interface Split {
  /** Where they were cut: positions from the start, in order. */
  readonly cuts: readonly number[]
  /** The pieces, each a copy. */
  readonly chunks: Buffer[]
}

/** The ways in which a network may cut these bytes: all in two and in three pieces; of long ones a good choice. */
export function* splits(bytes: Buffer): Generator<Split> {
  const length = bytes.length
  for (const at of edgePositions(length)) yield cut(bytes, [at])
  if (length <= ALL_PAIRS_BYTES) {
    for (let a = 1; a < length; a++) for (let b = a + 1; b < length; b++) yield cut(bytes, [a, b])
    return
  }
  const random = new Random(length)
  for (let n = 0; n < RANDOM_PAIRS && n * length < MAX_COPIED_BYTES; n++) {
    const first = 1 + random.below(Math.min(length - 2, EDGE_BYTES))
    yield cut(bytes, [first, first + 1 + random.below(length - first - 1)])
  }
}

/** The positions within so many bytes: all, or of many those near either end. */
export function* edgePositions(length: number): Generator<number> {
  const edge = Math.min(EDGE_BYTES, Math.ceil(MAX_COPIED_BYTES / length / 2))
  for (let at = 1; at < length; at++) {
    if (at === edge + 1) at = Math.max(at, length - edge)
    yield at
  }
}

/** Copies of the pieces between the cuts, as a socket would hand them over. */
export function cut(bytes: Buffer, cuts: readonly number[]): Split {
  const ends = [...cuts, bytes.length]
  return { cuts, chunks: ends.map((end, n) => Buffer.from(bytes.subarray(n === 0 ? 0 : ends[n - 1], end))) }
}

/** Each byte alone. */
export function singleBytes(bytes: Buffer): Buffer[] {
  return Array.from(bytes, (byte) => Buffer.of(byte))
}

/** Each byte alone; very long messages in larger drops. */
export function drops(bytes: Buffer): Buffer[] {
  const size = Math.ceil(bytes.length / MAX_DROPS)
  if (size === 1) return singleBytes(bytes)
  const count = Math.ceil(bytes.length / size)
  return Array.from({ length: count }, (_, n) => Buffer.from(bytes.subarray(n * size, (n + 1) * size)))
}
