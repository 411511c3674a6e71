/**
 * Requests by service, version and method: how many, with what result, and how long they took. Rate, errors and
 * percentiles of a dashboard are made of these.
 *
 *   cluster ──► method ──► series: a counter for each kind of response, a histogram
 */
import { parseTrafficName } from '@meltemi/api/model'
import { type Counter, type GroupedRegistry, type HeldMetrics, type Histogram, labelledName } from '@meltemi/runtime'
import type { Metadata } from '@meltemi/sdk'
import type { SeriesBudget, SeriesOwner } from './series-budget.ts'

/** What the client of a request got. */
export const ResponseKind = {
  Success: 0,
  /** A reply of the service that says failure. */
  Error: 1,
  /** A local reply: the proxy itself had to answer. */
  Local: 2,
  /** Nothing: it is one-way, opens a stream, or the client has left. */
  None: 3,
} as const
export type ResponseKind = (typeof ResponseKind)[keyof typeof ResponseKind]

const RESPONSES = ['success', 'error', 'local', 'none'] as const
const COUNTER = 'meltemi.requests_total'
const HISTOGRAM = 'meltemi.request_duration_milliseconds'
const UNKNOWN = 'unknown'
/** Stands for what is too much, or too long, to have a series of its own. */
const OTHER = '_other'
const MAX_METHODS = 200
const MAX_METHOD_LENGTH = 128

interface Series {
  /** By ResponseKind. */
  readonly responses: readonly Counter[]
  readonly durationMs: Histogram
}

/** Of one cluster; `metrics` goes with it. */
interface ClusterSeries {
  readonly metrics: HeldMetrics
  readonly methods: Map<string, Series>
}

/** Those of the clients of one listener. Bounded: 200 methods, and as many series as `budget` has for all listeners. */
export class RequestMetrics implements SeriesOwner {
  readonly #registry: GroupedRegistry
  readonly #metrics: HeldMetrics
  readonly #service: string
  readonly #budget: SeriesBudget
  readonly #clusters = new Map<string, ClusterSeries>()
  readonly #methods = new Set<string>()
  readonly #other: Series
  readonly #overflow: Counter
  /** Often the next request is for the same: then there is nothing to look up. */
  #lastCluster = ''
  #lastMethod: string | null = null
  #last: Series

  /** `overflow` counts requests whose method, or version, is not told. */
  constructor(registry: GroupedRegistry, statPrefix: string, budget: SeriesBudget, overflow: Counter) {
    this.#service = parseTrafficName(statPrefix)?.host || statPrefix
    // listeners of one service share its series
    this.#registry = registry
    this.#metrics = registry.hold(`meltemi.requests.${this.#service}`)
    this.#budget = budget
    this.#overflow = overflow
    this.#other = this.#newSeries(this.#metrics, OTHER, OTHER)
    budget.owners.add(this)
    this.#last = this.#other
  }

  /** `cluster` empty: none was chosen. */
  record(request: Metadata, cluster: string, response: ResponseKind, durationMs: number): void {
    // what stands for a client that has not spoken yet
    if (request.message.length === 0) return
    const method = request.get('method') ?? request.operation
    const series =
      cluster === this.#lastCluster && method === this.#lastMethod ? this.#last : this.#find(cluster, method)
    ;(series.responses[response] as Counter).add(1)
    if (response !== ResponseKind.None) series.durationMs.record(durationMs)
  }

  /** Its part of the budget is free again. */
  release(): void {
    for (const cluster of [...this.#clusters.keys()]) this.forget(cluster)
    this.#budget.owners.delete(this)
    this.#metrics.release()
  }

  forget(cluster: string): void {
    const series = this.#clusters.get(cluster)
    if (series === undefined) return
    this.#clusters.delete(cluster)
    this.#budget.giveBack(series.methods.size)
    series.metrics.release()
    if (this.#lastCluster === cluster) this.#lastMethod = null
  }

  #find(cluster: string, method: string): Series {
    const series = this.#clusters.get(cluster)?.methods.get(method)
    if (series === undefined) return this.#findSeries(cluster, method)
    this.#lastCluster = cluster
    this.#lastMethod = method
    this.#last = series
    return series
  }

  #findSeries(cluster: string, method: string): Series {
    const series = this.#isTold(method) ? this.#addSeries(cluster, method) : null
    if (series !== null) return series
    this.#overflow.add(1)
    return this.#clusters.get(cluster)?.methods.get(OTHER) ?? this.#addSeries(cluster, OTHER) ?? this.#other
  }

  #isTold(method: string): boolean {
    return this.#methods.has(method) || (this.#methods.size < MAX_METHODS && method.length <= MAX_METHOD_LENGTH)
  }

  /** null when there are too many. */
  #addSeries(cluster: string, method: string): Series | null {
    if (!this.#budget.tryTake()) return null
    // a copy of its own: a part of a text would keep all of it in memory
    const own = Buffer.from(method, 'utf16le').toString('utf16le')
    const { metrics, methods } = this.#clusterSeries(cluster)
    const series = this.#newSeries(metrics, versionOf(cluster), own === '' ? UNKNOWN : own)
    if (own !== OTHER) this.#methods.add(own)
    methods.set(own, series)
    return series
  }

  /** Clusters of one version, as those of several ports, share its series. */
  #clusterSeries(cluster: string): ClusterSeries {
    const known = this.#clusters.get(cluster)
    if (known !== undefined) return known
    const metrics = this.#registry.hold(`meltemi.requests.${this.#service}|${versionOf(cluster)}`)
    const series = { metrics, methods: new Map<string, Series>() }
    this.#clusters.set(cluster, series)
    return series
  }

  #newSeries(metrics: HeldMetrics, version: string, method: string): Series {
    const labels = { service: this.#service, version, method }
    return {
      responses: RESPONSES.map((response) => metrics.counter(labelledName(COUNTER, { ...labels, response }))),
      durationMs: metrics.histogram(labelledName(HISTOGRAM, labels)),
    }
  }
}

/** The subset, where the control plane has named the cluster; else its name. */
function versionOf(cluster: string): string {
  const name = parseTrafficName(cluster)
  return (name === undefined ? cluster : name.subset) || UNKNOWN
}
