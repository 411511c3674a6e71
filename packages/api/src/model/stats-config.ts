import type { StringMatch } from './match.ts'

/** What is shown of the stats, and how: Envoy's `stats_config`. */
export interface StatsConfig {
  /** Of those with one name the first that finds something counts; a fixed one when none does. */
  readonly tags: readonly StatTagConfig[]
  /** Whether parts of names that Envoy knows, such as `envoy.cluster_name`, become labels; default true. */
  readonly useDefaultTags: boolean
  /** undefined: every stat is shown. */
  readonly matcher: StatsMatcherConfig | undefined
  /** The first one that matches the name of a histogram holds for it. */
  readonly histogramBuckets: readonly HistogramBucketsConfig[]
}

/** A label that stats get for Prometheus. */
export type StatTagConfig =
  /** RE2 syntax, found anywhere in the name. The first group is taken out of the name, the second, or else the first, is the value. */
  | { readonly kind: 'regex'; readonly name: string; readonly pattern: string }
  /** The same for every stat. */
  | { readonly kind: 'fixed'; readonly name: string; readonly value: string }
  /** One of Envoy's own, also where `useDefaultTags` is false. */
  | { readonly kind: 'default'; readonly name: string }

export interface StatsMatcherConfig {
  /** exclude: those that match none of the patterns. `reject_all` is an include without any. */
  readonly kind: 'include' | 'exclude'
  readonly patterns: readonly StringMatch[]
}

export interface HistogramBucketsConfig {
  readonly match: StringMatch
  /** Upper bounds, ascending, in the unit of the histogram. */
  readonly bounds: readonly number[]
}

/** A tag's name as Prometheus allows it: whatever else is in it becomes an underscore. */
export function labelOfTag(name: string): string {
  const plain = name.replaceAll(/[^A-Za-z0-9_]/g, '_')
  return /^[0-9]/.test(plain) ? `_${plain}` : plain
}
