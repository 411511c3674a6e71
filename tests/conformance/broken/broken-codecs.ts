import type { BrokenCodec } from './broken-codec.ts'
import { brokenDecoding } from './broken-decoding.ts'
import { brokenDefinitions } from './broken-definitions.ts'
import { brokenEncoding } from './broken-encoding.ts'
import { brokenReplies } from './broken-replies.ts'
import { brokenStates } from './broken-states.ts'

/** At least one for each rule. */
export const brokenCodecs: readonly BrokenCodec[] = [
  ...brokenDefinitions,
  ...brokenDecoding,
  ...brokenEncoding,
  ...brokenReplies,
  ...brokenStates,
]
