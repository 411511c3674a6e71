import { knowsClients } from '@meltemi/api/model'
import type { Counter } from '@meltemi/runtime'
import { type FilterDefinition, ResponseStatus } from '@meltemi/sdk'
import { responseFlags } from '../../observe/response-flags.ts'
import { sharedMetadata } from '../metadata-exchange/node-metadata.ts'
import type { PeerCache } from '../metadata-exchange/peer-cache.ts'
import { UNKNOWN, workloadOf } from '../metadata-exchange/workload.ts'
import type { EndedExchange, ProxyFilter, ProxyFilterHost } from '../proxy-filter.ts'
import { Outcome } from './istio-labels.ts'
import { IstioSeries } from './istio-series.ts'

interface Config {
  /** On inbound listeners: the service that is behind them; empty: unknown. */
  readonly destinationService: string
}

/** Istio's standard metrics: requests by who sends them and who answers. */
export const istioStats: FilterDefinition<Config> = {
  name: 'aeraki.meta_protocol.filters.istio_stats',
  typeUrl: 'type.googleapis.com/aeraki.meta_protocol_proxy.filters.istio_stats.v1alpha.IstioStats',
  parse(json) {
    const { destinationService = '' } = json as { readonly destinationService?: string }
    return { destinationService }
  },
  create: (config, host: ProxyFilterHost): ProxyFilter => new IstioStats(config, host),
}

class IstioStats implements ProxyFilter {
  readonly #isInbound: boolean
  readonly #peers: PeerCache
  readonly #series: IstioSeries
  readonly #invalid: Counter
  #users = 0

  constructor({ destinationService }: Config, host: ProxyFilterHost) {
    const { node, listener, config, registry, mesh } = host
    this.#isInbound = listener.direction === 'inbound'
    this.#peers = mesh.peers
    this.#invalid = host.counter('peer_metadata_invalid')
    this.#series = new IstioSeries({
      reporter: this.#isInbound ? 'destination' : 'source',
      isMutual: knowsClients(listener),
      local: workloadOf(sharedMetadata(node.metadata)),
      protocol: config.applicationProtocol,
      service: this.#isInbound ? destinationService || UNKNOWN : undefined,
      registry,
      budget: mesh.seriesBudget,
      overflow: host.counter('istio_stats_untold'),
    })
  }

  retain(): void {
    if (this.#users++ === 0) this.#series.retain()
  }

  release(): void {
    if (--this.#users === 0) this.#series.release()
  }

  onEnd(exchange: EndedExchange): void {
    const { request, reply, route } = exchange
    // what stands for a client that has not spoken yet
    if (request.message.length === 0) return
    const told = this.#isInbound ? request : reply
    const peer = told === null ? this.#peers.nobody : this.#peers.of(told, exchange.endedMs)
    if (peer.isBad) this.#invalid.add(1)
    // inbound, the cluster makes no difference
    const cluster = this.#isInbound || route === null ? '' : route.cluster
    const series = this.#series.find(cluster, peer, outcomeOf(exchange), exchange.endedMs)
    series.requests.add(1)
    series.durationMs.record(exchange.durationMs)
    series.requestBytes.record(exchange.bytesReceived)
    series.responseBytes.record(exchange.bytesSent)
  }
}

function outcomeOf(exchange: EndedExchange): string {
  const { reply, isComplete } = exchange
  const flags = responseFlags(exchange)
  if (flags !== '') return flags
  const isSuccess = exchange.failure === null && (reply === null ? isComplete : reply.status === ResponseStatus.Ok)
  return isSuccess ? Outcome.Success : Outcome.Failure
}
