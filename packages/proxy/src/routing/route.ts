import type {
  DirectResponse,
  FilterOverride,
  MirrorPolicy,
  PropertyChange,
  RouteConfig,
  WeightedCluster,
} from '@meltemi/api'
import type { Metadata } from '@meltemi/sdk'
import type { Hash64 } from '../util/hash.ts'
import { CompiledMatcher } from './match.ts'
import { criteriaOf, type MetadataCriteria } from './metadata-criteria.ts'
import { RetryPolicy } from './retry-policy.ts'

const REQUEST_BUFFER_BYTES = 1024 * 1024

/** One route, ready for use: what the request path needs to know of it. */
export class CompiledRoute {
  readonly name: string
  readonly matchers: readonly CompiledMatcher[]
  /** Names to choose from by `chooseCluster`; empty with a direct response. */
  readonly clusters: readonly string[]
  /** What each of them is asked for, by the same index; null: nothing. */
  readonly criteria: readonly (MetadataCriteria | null)[]
  /** 0: none; undefined: the listener's. */
  readonly timeoutMs: number | undefined
  /** null: each request is tried once. */
  readonly retry: RetryPolicy | null
  /** Of each try, in milliseconds; 0: it has none. */
  readonly tryTimeoutMs: number
  readonly requestChanges: readonly PropertyChange[]
  readonly responseChanges: readonly PropertyChange[]
  readonly mirrors: readonly MirrorPolicy[]
  readonly hashKeys: readonly string[]
  /** What it says to filters of its listener. */
  readonly overrides: readonly FilterOverride[]
  /** Lower case: the key whose value is the cluster's name; null: `clusters` has it. */
  readonly clusterKey: string | null
  /** null: a service answers. */
  readonly directResponse: DirectResponse | null
  readonly #weightSums: readonly number[]
  readonly #hashValues: string[] = []

  /** Throws for a pattern that is not RE2, and for weights that add up to nothing. */
  constructor(config: RouteConfig) {
    this.name = config.name
    this.matchers = config.match.metadata.map((matcher) => new CompiledMatcher(matcher))
    this.clusters = config.clusters.map(({ cluster }) => cluster)
    this.criteria = config.clusters.map(({ metadataMatch }) => criteriaOf(metadataMatch))
    this.timeoutMs = config.timeoutMs
    this.retry = retryOf(config)
    this.tryTimeoutMs = config.retry?.perTryTimeoutMs ?? 0
    this.requestChanges = config.requestMutation
    this.responseChanges = config.responseMutation
    this.mirrors = config.mirrors
    this.hashKeys = config.hashPolicy
    this.overrides = config.overrides ?? []
    this.clusterKey = config.clusterKey?.toLowerCase() ?? null
    this.directResponse = config.directResponse ?? null
    this.#weightSums = config.directResponse === undefined ? sumWeights(config) : []
  }

  matches(metadata: Metadata): boolean {
    const matchers = this.matchers
    for (let at = 0; at < matchers.length; at++) if (!(matchers[at] as CompiledMatcher).matches(metadata)) return false
    return true
  }

  /** An index in `clusters`, by weight. `random01` lies in [0, 1); ask once per exchange and keep the answer. */
  chooseCluster(random01: number): number {
    const sums = this.#weightSums
    const last = sums.length - 1
    if (last === 0) return 0
    const point = random01 * (sums[last] as number)
    let index = 0
    while (index < last && point >= (sums[index] as number)) index++
    return index
  }

  /**
   * Leaves in `hash` the hash of the values under the hash policy's keys, sorted and chained. False, and no hash,
   * when the message has none of them: keys that are missing do not count.
   */
  hashOf(metadata: Metadata, hash: Hash64): boolean {
    const keys = this.hashKeys
    if (keys.length === 0) return false
    const values = this.#hashValues
    values.length = 0
    for (let at = 0; at < keys.length; at++) {
      const value = metadata.get(keys[at] as string)
      if (value !== undefined) values.push(value)
    }
    if (values.length === 0) return false
    if (values.length > 1) values.sort()
    hash.reset()
    for (let at = 0; at < values.length; at++) hash.update(values[at] as string)
    return true
  }
}

function retryOf({ retry, hedge, requestBufferLimitBytes = REQUEST_BUFFER_BYTES }: RouteConfig): RetryPolicy | null {
  return retry === undefined ? null : new RetryPolicy(retry, hedge, requestBufferLimitBytes)
}

function sumWeights({ name, clusters }: RouteConfig): readonly number[] {
  const sums = runningSums(clusters)
  if (!((sums[sums.length - 1] ?? 0) > 0)) throw new RangeError(`the cluster weights of route '${name}' add up to 0`)
  return sums
}

function runningSums(clusters: readonly WeightedCluster[]): readonly number[] {
  let sum = 0
  return clusters.map(({ weight }) => {
    sum += weight
    return sum
  })
}
