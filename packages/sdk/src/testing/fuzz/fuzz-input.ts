import type { Side } from '../../codec.ts'
import type { Sample } from '../sample.ts'
import { type Layout, NO_LAYOUT } from './layout.ts'

/** What one connection is fed with, whole messages or not. */
export interface FuzzInput {
  /** Who sends it. */
  readonly side: Side
  /** The codec's options. */
  readonly config: unknown
  /** All that comes, in the order in which it comes. */
  readonly bytes: Buffer
  /** Whether a Mutation can be applied, as far as the sample that it comes from says. */
  readonly isMutable: boolean
  /** Properties that a Mutation can change, as that sample says. */
  readonly changeable: readonly string[]
  /** Known of samples; of what was made from them a good guess. */
  readonly layout: Layout
}

export function inputOf({ side, config, bytes, mutable = true, changeable = [] }: Sample): FuzzInput {
  return { side, config, bytes, isMutable: mutable, changeable, layout: NO_LAYOUT }
}

/** Of longer inputs these many bytes count. */
const HASHED_BYTES = 2048

/** A number that depends on the bytes alone (FNV-1a), for choices that must be the same when they are tried again. */
export function hashOf(bytes: Buffer): number {
  let hash = 0x811c9dc5 ^ bytes.length
  const end = Math.min(bytes.length, HASHED_BYTES)
  for (let n = 0; n < end; n++) hash = Math.imul(hash ^ (bytes[n] as number), 0x01000193)
  return hash >>> 0
}
