/** How a value of a message's metadata is compared. Semantics are Envoy's HeaderMatcher; the path of a request compiles it. */

export type StringMatch =
  | { readonly kind: 'exact' | 'prefix' | 'suffix' | 'contains'; readonly text: string; readonly ignoreCase: boolean }
  /** RE2 syntax, full match. */
  | { readonly kind: 'regex'; readonly pattern: string }

export interface MetadataMatcher {
  /** Compared without case. */
  readonly name: string
  readonly test:
    | StringMatch
    /** start ≤ value < end, base-10 int64. */
    | { readonly kind: 'range'; readonly start: bigint; readonly end: bigint }
    | { readonly kind: 'present'; readonly present: boolean }
  readonly invert: boolean
  readonly treatMissingAsEmpty: boolean
}

/** All must hold; none at all matches everything. */
export interface MatchConfig {
  readonly metadata: readonly MetadataMatcher[]
}
