/** Istio's EnvoyFilter, as far as Aeraki writes it: it puts our filter in the place of TcpProxy in listeners of sidecars. */

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

export interface ConfigPatch {
  readonly applyTo: 'NETWORK_FILTER'
  readonly match: { readonly listener: ListenerMatch }
  readonly patch: { readonly operation: 'REPLACE'; readonly value: NetworkFilter }
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
export const META_PROTOCOL_PROXY = 'envoy.filters.network.meta_protocol_proxy'

const TCP_PROXY = 'envoy.filters.network.tcp_proxy'
const TYPED_STRUCT = 'type.googleapis.com/udpa.type.v1.TypedStruct'
const TYPE_URL = 'type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy'

/** Where a filter chain of a listener has a TcpProxy, the MetaProtocolProxy stands instead. */
export function replaceTcpProxy(
  listener: string,
  value: NetworkFilter['typed_config']['value'],
  destinationPort?: number,
): ConfigPatch {
  const port = destinationPort === undefined ? {} : { destinationPort }
  const filterChain = { ...port, filter: { name: TCP_PROXY } }
  const typed_config = { '@type': TYPED_STRUCT, type_url: TYPE_URL, value }
  return {
    applyTo: 'NETWORK_FILTER',
    match: { listener: { name: listener, filterChain } },
    patch: { operation: 'REPLACE', value: { name: META_PROTOCOL_PROXY, typed_config } },
  }
}
