/** Replays what fuzzing has found in this codec, so that it stays mended. */

import { replayFindings } from '@meltemi/sdk/testing'
import { dubbo } from '../index.ts'

replayFindings(dubbo, new URL('.', import.meta.url))
