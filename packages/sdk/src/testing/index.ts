/** The judge of codecs, for the tests of anybody's codec. */

export { conformance } from './conformance.ts'
export {
  assertDecodesInLinearTime,
  assertPipelines,
  assertRefusesOversize,
  assertSurvivesEverySplit,
  assertSurvivesGarbage,
  assertWaitsForTheRest,
  feed,
} from './decoding.ts'
export { loadSamples } from './load-samples.ts'
export { MessageReader } from './message-reader.ts'
export { Random } from './random.ts'
export { decodeSample, type Facts, factsOf, type Sample } from './sample.ts'
export { formatSampleText } from './sample-text.ts'
export { cut, type Split, singleBytes, splits } from './splits.ts'
export {
  assertEncodesWhatItDecoded,
  assertErrorReplies,
  assertHooks,
  assertMutates,
  assertRewritesIds,
} from './writing.ts'
