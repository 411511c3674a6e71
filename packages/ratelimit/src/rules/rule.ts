/** What the configuration says, as requests are compared with it. */

import type { Unit } from '../window.ts'
import type { Wildcard } from './wildcard.ts'

/** The `rate_limit` of one descriptor. */
export interface Limit {
  /** `domain.key_value.key`: names the limit in stats and on the page of rules. */
  readonly fullKey: string
  readonly requestsPerUnit: number
  /** UNKNOWN where it is unlimited. */
  readonly unit: Unit
  readonly isUnlimited: boolean
  /** Empty: it has none. */
  readonly name: string
  /** Names of limits that are left out where this one applies. */
  readonly replaces: readonly string[]
  /** Counted, never refused. */
  readonly isShadow: boolean
  /** Refuses only together with all other quotas of a request. */
  readonly isQuota: boolean
  /** Stats are named after the values of the request. */
  readonly hasDetailedMetric: boolean
}

/** One descriptor of the configuration, or a domain. */
export interface RuleNode {
  readonly limit: Limit | undefined
  /** By `key`, or `key_value` where the rule has a value. */
  readonly children: ReadonlyMap<string, RuleNode>
  /** Children whose value has a `*`, in the order of the file; the first that matches counts. */
  readonly wildcards: readonly WildcardRule[]
  readonly hasValueInMetric: boolean
  /** All values that match its pattern share one counter. */
  readonly isShared: boolean
}

export interface WildcardRule {
  /** Compared with `key_value`. */
  readonly wildcard: Wildcard
  readonly node: RuleNode
}

/** A limit that a descriptor of a request has met. */
export interface AppliedLimit {
  readonly limit: Limit
  /** Under which name its stats count; begins with the domain. */
  readonly statsKey: string
  /** By the entry's index: what stands in the counter's key instead of the value; undefined: every value itself. */
  readonly sharedValues: readonly (string | undefined)[] | undefined
}
