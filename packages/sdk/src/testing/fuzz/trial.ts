import type { Codec, CodecDefinition } from '../../codec.ts'
import type { Metadata } from '../../index.ts'
import type { Random } from '../random.ts'
import type { Sample } from '../sample.ts'
import type { FuzzInput } from './fuzz-input.ts'
import type { Reading } from './read-connection.ts'

/** What the samples say of a codec as a whole. */
export interface CodecTraits {
  readonly definition: CodecDefinition
  /** No message of the samples depends on those before it. */
  readonly isStateless: boolean
  /** Some messages have no place for an id. */
  readonly hasIdless: boolean
  /** What a service says first, where it does: nothing else is understood before. */
  readonly greetings: readonly Sample[]
}

/** An input that has been read once in one piece, and what the checks need. */
export interface Trial extends CodecTraits {
  readonly input: FuzzInput
  readonly reading: Reading
  /** The codec that has read it. */
  readonly codec: Codec
  /** Right bytes of this or another side, for a connection beside this one. */
  readonly other: FuzzInput | undefined
  /** The first messages of the reading: as many as are tried in every way. */
  readonly messages: readonly Metadata[]
  /** Depends on the input alone, so that a second trial does the same. */
  readonly random: Random
}
