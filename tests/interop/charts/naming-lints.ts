/** What promtool has to say against names that stand in the reference, in Envoy or in the text of a promise. */
export const NAMING_LINTS: readonly string[] = [
  'counter metrics should have "_total" suffix',
  'non-counter metrics should not have "_total" suffix',
  'metric names should not contain abbreviated units',
  'use base unit "seconds" instead of "milliseconds"',
]
