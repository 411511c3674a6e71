import { describe, test } from 'node:test'
import type { CodecDefinition } from '../codec.ts'
import * as decoding from './decoding.ts'
import type { Sample } from './sample.ts'
import * as writing from './writing.ts'

/** Registers the whole judgement of a codec as tests. Give samples of both sides and of every message type. */
export function conformance(definition: CodecDefinition, samples: readonly Sample[]): void {
  const rules: readonly [string, (definition: CodecDefinition, samples: readonly Sample[]) => void][] = [
    ['decodes the same messages however the bytes are split', decoding.assertSurvivesEverySplit],
    ['waits for the rest of every truncated message', decoding.assertWaitsForTheRest],
    ['refuses messages above the limit', decoding.assertRefusesOversize],
    ['decodes pipelined messages once each and in order', decoding.assertPipelines],
    ['survives random and damaged bytes', decoding.assertSurvivesGarbage],
    ['encodes what it decoded to the same bytes', writing.assertEncodesWhatItDecoded],
    ['replaces ids and puts them back', writing.assertRewritesIds],
    ['applies mutations where it says it can', writing.assertMutates],
    ['refuses every request with an error its client can read', writing.assertErrorReplies],
    ['writes heartbeat replies, health checks and go-aways that decode', writing.assertHooks],
  ]
  describe(`${definition.name} conforms`, () => {
    for (const [title, rule] of rules) test(title, () => rule(definition, samples))
  })
}
