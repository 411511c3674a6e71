import { isDeepStrictEqual } from 'node:util'
import type { ClusterConfig, UpstreamTlsConfig } from '@meltemi/api/model'
import type { MetricRegistry } from '@meltemi/runtime'
import type { Network } from '../net/network.ts'
import { ClientTls } from '../net/tls/client-tls.ts'
import { tlsNetwork } from '../net/tls/tls-network.ts'
import { tlsStats } from '../net/tls/tls-stats.ts'
import type { Cluster } from './cluster.ts'
import type { ThreadContext } from './context.ts'
import { GrpcTls } from './grpc/grpc-tls.ts'

/** How a cluster's connections are made; `choice` must be told the cluster. */
export interface ClusterNetwork {
  readonly network: Network
  readonly choice: { cluster: Cluster | undefined }
  /** For what the proxy itself asks there in gRPC; undefined: plain. */
  readonly grpcTls?: GrpcTls | undefined
}

/** Plain, over TLS, or what the metadata of the endpoint says. */
export function clusterNetwork(config: ClusterConfig, thread: ThreadContext, metrics: MetricRegistry): ClusterNetwork {
  const choice: ClusterNetwork['choice'] = { cluster: undefined }
  const { tls, transportMatches = [] } = config
  if (thread.tls === undefined || (tls === undefined && transportMatches.length === 0))
    return { network: thread.network, choice }
  const stats = tlsStats(metrics, `cluster.${config.statName}.`, 'client')
  const { tls: tlsThread } = thread
  const make = (each: UpstreamTlsConfig | undefined) =>
    each === undefined ? undefined : new ClientTls(each, tlsThread, stats)
  const byDefault = make(tls)
  const grpcTls = tls === undefined ? undefined : new GrpcTls(tls, tlsThread, stats)
  if (transportMatches.length === 0) return { network: tlsNetwork(thread.network, () => byDefault), choice, grpcTls }
  const matches = transportMatches.map(({ match, tls: each }) => ({ wanted: Object.entries(match), tls: make(each) }))
  const choose = (host: string, port: number) => {
    const endpoint = choice.cluster?.endpoints.find((each) => each.host === host && each.port === port)
    const metadata = endpoint?.transportMetadata ?? {}
    const found = matches.find(({ wanted }) => wanted.every(([key, value]) => isDeepStrictEqual(metadata[key], value)))
    return found === undefined ? byDefault : found.tls
  }
  return { network: tlsNetwork(thread.network, choose), choice, grpcTls }
}
