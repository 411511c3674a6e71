/** Small real codecs, one for each thing that the contract must be able to express. Load with `--module`. */

import type { CodecDefinition } from '@meltemi/sdk'
import { checksummed } from './checksummed.ts'
import { mutable } from './mutable.ts'
import { optioned } from './optioned.ts'
import { ordered } from './ordered.ts'
import { session, transaction } from './session.ts'
import { streaming } from './streaming.ts'
import { uuid } from './uuid.ts'

export const codecs: readonly CodecDefinition[] = [
  uuid,
  checksummed,
  ordered,
  streaming,
  session,
  transaction,
  optioned,
  mutable,
]

export { checksummed, checksummedFrame } from './checksummed.ts'
export { mutable, mutableFrame } from './mutable.ts'
export { type OptionedOptions, optioned, optionedFrame } from './optioned.ts'
export { ordered } from './ordered.ts'
export { session, sessionFrame, transaction } from './session.ts'
export { StreamingFlag, streaming, streamingFrame } from './streaming.ts'
export { uuid, uuidFrame } from './uuid.ts'
