import { type HistogramBucketsConfig, labelOfTag, type StatsConfig, type StatTagConfig } from '@meltemi/api/model'
import {
  type Clock,
  type MetricValue,
  type NamePart,
  type PrometheusName,
  type PrometheusOptions,
  type StatNaming,
  systemClock,
  toPrometheusName,
} from '@meltemi/runtime'
import { compileStringMatch, type ValueTest } from '../routing/match.ts'
import { compileSearch } from '../routing/match-search.ts'

/** Twice as many as there can be at one time: the others are names of the past. */
const MAX_KEPT = 200_000
/** How long work on names may hold the thread before others have their turn. */
const TURN_MS = 5

export interface StatsViewParts {
  /** Counts the names that were known and are not any more. */
  readonly forgotten: { add(count: number): void }
  /** Default: the machine's. */
  readonly clock?: Clock
  /** Names that are kept; default 200,000. */
  readonly maxKept?: number
}

/** What was found out about one stat, from its name alone. */
interface Facts {
  readonly prometheus: PrometheusName
  readonly bounds: readonly number[] | undefined
}

/**
 * The stats as `stats_config` wants them seen: which, by what name and labels, in which buckets. Patterns are RE2 and run
 * once for each name.
 */
export class StatsView implements PrometheusOptions {
  readonly #naming: StatNaming
  readonly #isShown: ValueTest
  readonly #buckets: readonly { readonly isMatch: ValueTest; readonly bounds: readonly number[] }[]
  readonly #clock: Clock
  readonly #forgotten: StatsViewParts['forgotten']
  readonly #maxKept: number
  readonly #shown = new Map<string, boolean>()
  readonly #facts = new Map<string, Facts>()

  constructor(config: StatsConfig, { forgotten, clock = systemClock, maxKept = MAX_KEPT }: StatsViewParts) {
    this.#naming = createNaming(config.tags, config.useDefaultTags)
    this.#isShown = createMatcher(config.matcher)
    this.#buckets = config.histogramBuckets.map(compileBuckets)
    this.#clock = clock
    this.#forgotten = forgotten
    this.#maxKept = maxKept
  }

  /**
   * Those that are to be shown. Thousands of new names take their time, and more with `withNames`, for Prometheus: other work
   * has its turn in between.
   */
  async select(metrics: readonly MetricValue[], withNames: boolean): Promise<MetricValue[]> {
    const shown: MetricValue[] = []
    let turnEndMs = this.#clock.now() + TURN_MS
    for (const metric of metrics) {
      if (this.#kept(this.#shown, metric.name, this.#isShown)) {
        shown.push(metric)
        if (withNames) this.#of(metric.name)
      }
      if (this.#clock.now() < turnEndMs) continue
      await new Promise<void>((resolve) => this.#clock.setImmediate(resolve))
      turnEndMs = this.#clock.now() + TURN_MS
    }
    return shown
  }

  nameOf(statName: string): PrometheusName {
    return this.#of(statName).prometheus
  }

  boundsOf(statName: string): readonly number[] | undefined {
    return this.#of(statName).bounds
  }

  #of(statName: string): Facts {
    return this.#kept(this.#facts, statName, (name) => ({
      prometheus: toPrometheusName(name, this.#naming),
      bounds: this.#buckets.find(({ isMatch }) => isMatch(name))?.bounds,
    }))
  }

  /** From the map, or else made and put there. */
  #kept<T>(map: Map<string, T>, name: string, make: (name: string) => T): T {
    const known = map.get(name)
    if (known !== undefined) return known
    if (map.size >= this.#maxKept) {
      this.#forgotten.add(map.size)
      map.clear()
    }
    const value = make(name)
    map.set(name, value)
    return value
  }
}

function createMatcher(config: StatsConfig['matcher']): ValueTest {
  if (config === undefined) return () => true
  const tests = config.patterns.map(compileStringMatch)
  const isIncluded = config.kind === 'include'
  return (name) => tests.some((test) => test(name)) === isIncluded
}

function compileBuckets({ match, bounds }: HistogramBucketsConfig) {
  return { isMatch: compileStringMatch(match), bounds }
}

function createNaming(tags: readonly StatTagConfig[], useDefaultTags: boolean): StatNaming {
  const searches = tags.flatMap((tag) => (tag.kind === 'regex' ? [createSearch(tag)] : []))
  const wanted = new Set(tags.flatMap((tag) => (tag.kind === 'default' ? [labelOfTag(tag.name)] : [])))
  const fixed = tags.flatMap((tag) => (tag.kind === 'fixed' ? [[labelOfTag(tag.name), tag.value] as const] : []))
  return {
    parts: (statName) => findParts(statName, searches),
    usesDefault: (label) => useDefaultTags || wanted.has(label),
    fixed: [...new Map(fixed)],
  }
}

type Search = (statName: string) => NamePart | undefined

function createSearch({ name, pattern }: StatTagConfig & { readonly kind: 'regex' }): Search {
  const search = compileSearch(pattern)
  const label = labelOfTag(name)
  return (statName) => {
    const found = search(statName)
    if (found === undefined) return undefined
    const value = found.second ?? found.first
    return { ...found.first, label, value: statName.slice(value.start, value.end) }
  }
}

/** Each label once: the first that is found. */
function findParts(statName: string, searches: readonly Search[]): readonly NamePart[] {
  const parts: NamePart[] = []
  for (const search of searches) {
    const part = search(statName)
    if (part !== undefined && !parts.some(({ label }) => label === part.label)) parts.push(part)
  }
  return parts
}
