import { parseTrafficName } from '@meltemi/api/model'
import { type Counter, type GroupedRegistry, type HeldMetrics, type Histogram, labelledName } from '@meltemi/runtime'
import type { SeriesBudget, SeriesOwner } from '../../observe/series-budget.ts'
import type { Peer } from '../metadata-exchange/peer-cache.ts'
import { UNKNOWN, type Workload } from '../metadata-exchange/workload.ts'
import { istioLabels, Outcome, type Reported, type RequestLabels } from './istio-labels.ts'

/** Stats of this namespace have their own names for Prometheus: no prefix. */
const NAMESPACE = 'wasmcustom'
/** Stands for peers and services that are too many to have series of their own. */
const OTHER = '_other'
const OTHER_WORKLOAD: Workload = {
  workload: OTHER,
  workload_namespace: OTHER,
  cluster: OTHER,
  app: OTHER,
  version: OTHER,
  canonical_service: OTHER,
  canonical_revision: OTHER,
}

/** What is told of the requests that have all labels in common. */
export interface Series {
  readonly requests: Counter
  readonly durationMs: Histogram
  readonly requestBytes: Histogram
  readonly responseBytes: Histogram
}

/** Of one peer and cluster; `metrics` goes with it. */
interface PeerSeries {
  readonly metrics: HeldMetrics
  readonly outcomes: Map<string, Series>
  /** There was a request since ages were last looked at. */
  isRecent: boolean
}

interface ClusterSeries {
  readonly service: string
  /** By the key of the peer. */
  readonly peers: Map<string, PeerSeries>
}

export interface IstioSeriesParts extends Reported {
  readonly registry: GroupedRegistry
  readonly budget: SeriesBudget
  /** Requests that are told under `_other`. */
  readonly overflow: Counter
  /** undefined: what the name of the cluster says. */
  readonly service: string | undefined
}

/**
 * The series of one listener: looked up by what is at hand, and made, with all their labels, when a combination comes for
 * the first time. Bounded by the budget, which all listeners of a thread share; when it is used up, peers without requests
 * for long make room.
 *
 *   cluster ──► peer ──► outcome ──► series
 */
export class IstioSeries implements SeriesOwner {
  readonly #parts: IstioSeriesParts
  readonly #clusters = new Map<string, ClusterSeries>()
  /** By outcome, without the flags. */
  readonly #other = new Map<string, Series>()
  #otherMetrics: HeldMetrics | null = null
  /** Often the next request is for the same: then there is little to look up. */
  #lastCluster = ''
  #lastPeer = ''
  #last: PeerSeries | null = null

  constructor(parts: IstioSeriesParts) {
    this.#parts = parts
  }

  /** Somebody uses it, and will release it. */
  retain(): void {
    this.#parts.budget.owners.add(this)
  }

  /** `cluster` empty: none was chosen. */
  find(cluster: string, { key, workload }: Peer, outcome: string, nowMs: number): Series {
    const isLast = this.#last !== null && cluster === this.#lastCluster && key === this.#lastPeer
    const peer = isLast ? this.#last : this.#findPeer(cluster, key)
    if (peer !== null) {
      peer.isRecent = true
      const known = peer.outcomes.get(outcome)
      if (known !== undefined) return known
    }
    if (this.#parts.budget.tryTake(nowMs)) return this.#add(cluster, key, { peer: workload, outcome })
    this.#parts.overflow.add(1)
    return this.#findOther(outcome)
  }

  /** Its part of the budget is free again. */
  release(): void {
    for (const cluster of [...this.#clusters.keys()]) this.forget(cluster)
    this.#parts.budget.owners.delete(this)
    this.#otherMetrics?.release()
  }

  forget(cluster: string): void {
    const series = this.#clusters.get(cluster)
    if (series === undefined) return
    this.#clusters.delete(cluster)
    for (const peer of series.peers.values()) this.#drop(peer)
  }

  age(): void {
    for (const [cluster, { peers }] of this.#clusters) {
      for (const [key, peer] of peers) {
        if (peer.isRecent) peer.isRecent = false
        else if (peers.delete(key)) this.#drop(peer)
      }
      if (peers.size === 0) this.#clusters.delete(cluster)
    }
  }

  #drop({ metrics, outcomes }: PeerSeries): void {
    this.#parts.budget.giveBack(outcomes.size)
    metrics.release()
    this.#last = null
  }

  #findPeer(cluster: string, key: string): PeerSeries | null {
    const peer = this.#clusters.get(cluster)?.peers.get(key)
    if (peer === undefined) return null
    this.#lastCluster = cluster
    this.#lastPeer = key
    this.#last = peer
    return peer
  }

  #add(cluster: string, key: string, labels: Omit<RequestLabels, 'service'>): Series {
    const { service, peers } = this.#clusterSeries(cluster)
    const known = peers.get(key)
    const peer = known ?? { metrics: this.#hold(`${service}.${key}`), outcomes: new Map(), isRecent: true }
    if (known === undefined) peers.set(key, peer)
    const series = this.#newSeries(peer.metrics, { ...labels, service })
    peer.outcomes.set(labels.outcome, series)
    return series
  }

  #clusterSeries(cluster: string): ClusterSeries {
    const known = this.#clusters.get(cluster)
    if (known !== undefined) return known
    const service = this.#parts.service ?? serviceOf(cluster)
    const series = { service, peers: new Map<string, PeerSeries>() }
    this.#clusters.set(cluster, series)
    return series
  }

  #findOther(outcome: string): Series {
    const flags = outcome === Outcome.Success || outcome === Outcome.Failure ? outcome : OTHER
    const known = this.#other.get(flags)
    if (known !== undefined) return known
    this.#otherMetrics ??= this.#hold(OTHER)
    const series = this.#newSeries(this.#otherMetrics, { peer: OTHER_WORKLOAD, service: OTHER, outcome: flags })
    this.#other.set(flags, series)
    return series
  }

  /** What has the same labels is in the same group, whichever listener counts it. */
  #hold(group: string): HeldMetrics {
    const { registry, reporter, isMutual = false } = this.#parts
    return registry.hold(`${NAMESPACE}.${reporter}${isMutual ? '.mtls' : ''}.${group}`)
  }

  #newSeries(metrics: HeldMetrics, request: RequestLabels): Series {
    const labels = istioLabels(this.#parts, request)
    const name = (stat: string) => labelledName(`${NAMESPACE}.istio_${stat}`, labels)
    return {
      requests: metrics.counter(name('requests_total')),
      durationMs: metrics.histogram(name('request_duration_milliseconds')),
      requestBytes: metrics.histogram(name('request_bytes')),
      responseBytes: metrics.histogram(name('response_bytes')),
    }
  }
}

/** The host in `outbound|9090|v1|host`; of a cluster that is named otherwise its name. */
function serviceOf(cluster: string): string {
  const name = parseTrafficName(cluster)
  return (name === undefined ? cluster : name.host) || UNKNOWN
}
