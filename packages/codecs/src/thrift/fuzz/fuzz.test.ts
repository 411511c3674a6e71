/** Replays what fuzzing has found in this codec, so that it stays mended. */

import { replayFindings } from '@meltemi/sdk/testing'
import { thrift } from '../index.ts'

replayFindings(thrift, new URL('.', import.meta.url))
