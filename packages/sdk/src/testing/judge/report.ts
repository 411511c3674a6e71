import type { Side } from '../../codec.ts'
import type { CodePlace } from './code-place.ts'

/** What came of one rule. */
export type Outcome = RuleName &
  (
    | { readonly kind: 'pass' }
    | { readonly kind: 'fail'; readonly failure: RuleFailure }
    /** There is nothing that it could be about. */
    | { readonly kind: 'not-applicable'; readonly reason: string }
    /** A rule that it rests on has failed. */
    | { readonly kind: 'not-run'; readonly reason: string }
  )

export interface RuleName {
  readonly id: string
  readonly title: string
}

/** How a codec breaks a rule. */
export interface RuleFailure {
  /** What is wrong, in one line or several. */
  readonly message: string
  /** The sample that the input was made from, and whose bytes they are; undefined for rules without an input. */
  readonly sample: string | undefined
  /** Who sends the input; undefined for rules without one. */
  readonly side: Side | undefined
  /** The codec's options, of the sample. */
  readonly config: unknown
  /** The shortest bytes with which the rule fails, in hex, a text for each piece in which they came. */
  readonly input: readonly string[]
  /** Where in the source of the codec. */
  readonly place: CodePlace | undefined
}

/** What came of all rules that were tried. */
export interface Report {
  /** Name of the codec. */
  readonly codec: string
  /** In the order of the rules. */
  readonly outcomes: readonly Outcome[]
}

/** In which ways a rule can end. */
export type OutcomeKind = Outcome['kind']

/** How many rules came to this. */
export function countOutcomes({ outcomes }: Report, kind: OutcomeKind): number {
  return outcomes.filter((outcome) => outcome.kind === kind).length
}
