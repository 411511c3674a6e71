/** Istio's EnvoyFilter, as far as Aeraki writes it: it puts a filter in the place of TcpProxy, or before it, in sidecars and gateways. */

export interface EnvoyFilter {
  readonly apiVersion: 'networking.istio.io/v1alpha3'
  readonly kind: 'EnvoyFilter'
  readonly metadata: {
    readonly name: string
    readonly namespace: string
    readonly labels: Readonly<Record<string, string>>
  }
  readonly spec: EnvoyFilterSpec
}

export interface EnvoyFilterSpec {
  /** Of the namespace of the filter, or in the root namespace of all; default: every workload. */
  readonly workloadSelector?: { readonly labels: Readonly<Record<string, string>> }
  readonly configPatches: readonly ConfigPatch[]
}

export type ConfigPatch = FilterPatch | ClusterPatch

export interface FilterPatch {
  readonly applyTo: 'NETWORK_FILTER'
  readonly match: { readonly listener: ListenerMatch }
  readonly patch: { readonly operation: Operation; readonly value: NetworkFilter }
}

type Operation = 'REPLACE' | 'INSERT_BEFORE'

export interface ClusterPatch {
  readonly applyTo: 'CLUSTER'
  readonly match?: { readonly cluster: { readonly name: string } }
  readonly patch: { readonly operation: 'REMOVE' } | { readonly operation: 'ADD'; readonly value: ClusterValue }
}

/** A cluster of Envoy's in proto3 JSON. */
export interface ClusterValue {
  readonly name: string
  readonly [field: string]: unknown
}

export interface ListenerMatch {
  readonly name: string
  readonly filterChain: {
    readonly destinationPort?: number
    readonly filter: { readonly name: string }
  }
}

/** A network filter with its configuration in proto3 JSON: without what is zero, false or empty. */
export interface NetworkFilter {
  readonly name: string
  readonly typed_config: {
    readonly '@type': string
    readonly type_url: string
    readonly value: Readonly<Record<string, unknown>>
  }
}

/** Of all that Aeraki makes, and of nothing else. */
export const MANAGER_LABELS: Readonly<Record<string, string>> = { manager: 'Aeraki' }

/** Those that are made here. */
export type FilterKind = 'metaprotocol' | 'kafka' | 'zookeeper' | 'dubbo' | 'thrift' | 'redis'

interface KindOfFilter {
  readonly name: string
  readonly type: string
  readonly operation: Operation
}

const ENVOYS = 'envoy.extensions.filters.network'
const KINDS: Readonly<Record<FilterKind, KindOfFilter>> = {
  metaprotocol: {
    name: 'envoy.filters.network.meta_protocol_proxy',
    type: 'aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy',
    operation: 'REPLACE',
  },
  kafka: {
    name: 'envoy.filters.network.kafka_broker',
    type: `${ENVOYS}.kafka_broker.v3.KafkaBroker`,
    operation: 'INSERT_BEFORE',
  },
  zookeeper: {
    name: 'envoy.filters.network.zookeeper_proxy',
    type: `${ENVOYS}.zookeeper_proxy.v3.ZooKeeperProxy`,
    operation: 'INSERT_BEFORE',
  },
  redis: {
    name: 'envoy.filters.network.redis_proxy',
    type: `${ENVOYS}.redis_proxy.v3.RedisProxy`,
    operation: 'REPLACE',
  },
  dubbo: {
    name: 'envoy.filters.network.dubbo_proxy',
    type: `${ENVOYS}.dubbo_proxy.v3.DubboProxy`,
    operation: 'REPLACE',
  },
  thrift: {
    name: 'envoy.filters.network.thrift_proxy',
    type: `${ENVOYS}.thrift_proxy.v3.ThriftProxy`,
    operation: 'REPLACE',
  },
}
/** The only one at gateways. */
export const META_PROTOCOL_FILTER = KINDS.metaprotocol.name
/** By which filters of these kinds are known. */
export const FILTER_NAMES: ReadonlySet<unknown> = new Set(Object.values(KINDS).map(({ name }) => name))

const TCP_PROXY = 'envoy.filters.network.tcp_proxy'
const TYPED_STRUCT = 'type.googleapis.com/udpa.type.v1.TypedStruct'

/** Where a filter chain of a listener has a TcpProxy. */
export interface PatchPlace {
  readonly listener: string
  /** Of the filter chain; undefined: any. */
  readonly destinationPort?: number
}

/** A filter of a kind, with its configuration. */
export function patchTcpProxy(
  kind: FilterKind,
  { listener, ...port }: PatchPlace,
  value: NetworkFilter['typed_config']['value'],
): FilterPatch {
  const { name, type, operation } = KINDS[kind]
  const typed_config = { '@type': TYPED_STRUCT, type_url: `type.googleapis.com/${type}`, value }
  return {
    applyTo: 'NETWORK_FILTER',
    match: { listener: { name: listener, filterChain: { ...port, filter: { name: TCP_PROXY } } } },
    patch: { operation, value: { name, typed_config } },
  }
}

/** A cluster in the place of that of the same name. */
export function replaceCluster(value: ClusterValue): readonly ClusterPatch[] {
  return [
    { applyTo: 'CLUSTER', match: { cluster: { name: value.name } }, patch: { operation: 'REMOVE' } },
    { applyTo: 'CLUSTER', patch: { operation: 'ADD', value } },
  ]
}

/** As it comes back from an API server, so that what is the same compares as the same. */
export function envoyFilterOf(name: string, namespace: string, spec: EnvoyFilterSpec): EnvoyFilter {
  const metadata = { name, namespace, labels: MANAGER_LABELS }
  const plain = JSON.parse(JSON.stringify(spec)) as EnvoyFilterSpec
  return { apiVersion: 'networking.istio.io/v1alpha3', kind: 'EnvoyFilter', metadata, spec: plain }
}
