import { LATENCY_BOUNDS_MS, MAX_SERIES } from '@meltemi/api/xds'
import { type MetricReader, type MetricValue, readLabels } from '@meltemi/runtime'

const REQUESTS = 'meltemi.requests_total'
const DURATION = 'meltemi.request_duration_milliseconds'
/** What a label says where nothing is known; a report leaves it empty. */
const UNKNOWN = 'unknown'
const FAILURES: ReadonlySet<string | undefined> = new Set(['error', 'local'])
/** Of the series of a report so many are for what does not fit, one for each service. */
const MAX_OTHERS = 100

export interface TrafficCount {
  readonly service: string
  readonly version: string
  readonly method: string
  requests: number
  errors: number
  latencyCounts: number[]
}

/** What has been counted since the last time, from the stats of requests by service, version and method. */
export class TrafficCounts {
  readonly #metrics: MetricReader
  /** Stat → what it was. */
  #before: ReadonlyMap<string, number | readonly number[]> = new Map()

  constructor(metrics: MetricReader) {
    this.#metrics = metrics
  }

  /** Those with requests, at most as many as a report may have. */
  take(): readonly TrafficCount[] {
    const counts = new Map<string, TrafficCount>()
    const now = new Map<string, number | readonly number[]>()
    for (const metric of this.#metrics.read((name) => name.startsWith(REQUESTS) || name.startsWith(DURATION))) {
      const { labels } = readLabels(metric.name) ?? {}
      if (labels === undefined) continue
      const before = this.#before.get(metric.name)
      const count = countOf(labels, counts)
      now.set(
        metric.name,
        metric.kind === 'histogram' ? addDurations(count, metric, before) : addRequests(count, metric, before, labels),
      )
    }
    this.#before = now
    return limited([...counts.values()].filter(({ requests }) => requests > 0))
  }
}

function countOf(labels: ReadonlyMap<string, string>, counts: Map<string, TrafficCount>): TrafficCount {
  const [service = '', version = '', method = ''] = ['service', 'version', 'method'].map((key) => {
    const value = labels.get(key) ?? ''
    return value === UNKNOWN ? '' : value
  })
  const key = [service, version, method].join('\0')
  const count = counts.get(key) ?? { service, version, method, requests: 0, errors: 0, latencyCounts: [] }
  counts.set(key, count)
  return count
}

type Before = number | readonly number[] | undefined

function addRequests(
  count: TrafficCount,
  metric: Exclude<MetricValue, { readonly kind: 'histogram' }>,
  before: Before,
  labels: ReadonlyMap<string, string>,
): number {
  const { value } = metric
  // a stat that went and came again begins at 0
  const requests = typeof before === 'number' && before <= value ? value - before : value
  count.requests += requests
  if (FAILURES.has(labels.get('response'))) count.errors += requests
  return value
}

/** Returns how many took at most as long as each bound, and how many there were. */
function addDurations(
  count: TrafficCount,
  { histogram }: Extract<MetricValue, { readonly kind: 'histogram' }>,
  before: Before,
): readonly number[] {
  const known = typeof before === 'object' && (before.at(-1) ?? 0) <= histogram.count ? before : undefined
  // most have nothing new
  if (known?.at(-1) === histogram.count) return known
  const now = [...histogram.countsAtMost(LATENCY_BOUNDS_MS), histogram.count]
  const since = now.map((value, index) => value - (known?.[index] ?? 0))
  const buckets = since.map((value, index) => value - (index === 0 ? 0 : (since[index - 1] ?? 0)))
  const last = buckets.findLastIndex((value) => value > 0)
  count.latencyCounts = buckets.slice(0, last + 1)
  return now
}

/** The busiest as they are; others together, by service. */
function limited(counts: readonly TrafficCount[]): readonly TrafficCount[] {
  if (counts.length <= MAX_SERIES) return counts
  const sorted = counts.toSorted((a, b) => b.requests - a.requests)
  const others = new Map<string, TrafficCount>()
  for (const { service, requests, errors, latencyCounts } of sorted.slice(MAX_SERIES - MAX_OTHERS)) {
    const sum = others.get(service) ?? { service, version: '', method: '', requests: 0, errors: 0, latencyCounts: [] }
    others.set(service, sum)
    sum.requests += requests
    sum.errors += errors
    sum.latencyCounts = latencyCounts
      .map((value, index) => value + (sum.latencyCounts[index] ?? 0))
      .concat(sum.latencyCounts.slice(latencyCounts.length))
  }
  return [...sorted.slice(0, MAX_SERIES - MAX_OTHERS), ...[...others.values()].slice(0, MAX_OTHERS)]
}
