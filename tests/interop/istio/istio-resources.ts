/** What users of Istio write for services of our protocols, and for a Meltemi that has its configuration from Istio. */

/** Of all workloads and resources of these tests. */
export const NAMESPACE = 'shop'
const API = 'networking.istio.io/v1'
const META_PROTOCOL = 'aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy'
/** Label of the workload that the tests' proxy is. */
const APP = 'web'
/** No workload has this address: Istio would take the proxy for one of its service. */
const NOWHERE = '192.0.2.10'

export interface MeshService {
  readonly host: string
  /** As clients know it: `240.240.0.1`. */
  readonly address: string
  readonly port: number
  /** As in the name of its codec. */
  readonly protocol: string
  /** Port of a workload on loopback → its version. */
  readonly workloads: Readonly<Record<number, string>>
  /** Label of its workloads besides their version. Istio believes it, and not what a node says, where it knows the address. */
  readonly app?: string
}

/** A node of Istio, as Envoy says it: the sidecar of a workload. */
export function istioNode(id: string, interception: 'REDIRECT' | 'NONE', { address = NOWHERE, app = APP } = {}) {
  return {
    id: `sidecar~${address}~${id}.${NAMESPACE}~${NAMESPACE}.svc.cluster.local`,
    cluster: `${app}.${NAMESPACE}`,
    metadata: {
      NAMESPACE,
      CLUSTER_ID: 'Kubernetes',
      ISTIO_VERSION: '1.28.0',
      INTERCEPTION_MODE: interception,
      LABELS: { app },
    },
  }
}

/** A gateway of Istio. */
export function gatewayNode(address: string): object {
  const { id, metadata } = istioNode('gateway', 'NONE', { address })
  const labels = { istio: 'ingressgateway' }
  return { id: id.replace('sidecar', 'router'), cluster: 'gateway', metadata: { ...metadata, LABELS: labels } }
}

/** The service, and its versions as subsets. */
export function serviceResources(service: MeshService): readonly object[] {
  const { host, address, port, protocol, workloads, app } = service
  const name = `tcp-metaprotocol-${protocol}`
  const endpoints = Object.entries(workloads).map(([each, version]) => ({
    address: '127.0.0.1',
    ports: { [name]: Number(each) },
    labels: { version, ...(app === undefined ? {} : { app }) },
  }))
  const ports = [{ number: port, name, protocol: 'TCP' }]
  const subsets = [...new Set(Object.values(workloads))].map((version) => ({ name: version, labels: { version } }))
  const metadata = { name: host, namespace: NAMESPACE }
  const spec = { hosts: [host], addresses: [address], location: 'MESH_INTERNAL', resolution: 'STATIC' }
  return [
    { apiVersion: API, kind: 'ServiceEntry', metadata, spec: { ...spec, ports, endpoints } },
    { apiVersion: API, kind: 'DestinationRule', metadata, spec: { host, subsets } },
  ]
}

/** Puts our filter in the place of TcpProxy in this listener, as the reference does it; routes come by RDS. */
export function envoyFilter(listener: string, service: MeshService): object {
  const filter = { name: 'envoy.filters.network.tcp_proxy' }
  const match = { listener: { name: listener, filterChain: { filter } } }
  const patch = { operation: 'REPLACE', value: metaProtocolFilter(service) }
  const metadata = {
    name: `aeraki-outbound-${service.host}-${listener.replace('_', '-')}`,
    namespace: 'istio-system',
    labels: { manager: 'Aeraki' },
  }
  return envoyFilterOf(metadata, { configPatches: [{ applyTo: 'NETWORK_FILTER', match, patch }] })
}

export function metaProtocolFilter({ host, port, protocol }: MeshService) {
  const grpcServices = [{ envoyGrpc: { clusterName: 'aeraki-xds' } }]
  const apiConfigSource = { apiType: 'GRPC', transportApiVersion: 'V3', grpcServices }
  return typedStruct({
    statPrefix: `outbound|${port}||${host}`,
    applicationProtocol: protocol,
    codec: { name: `aeraki.meta_protocol.codec.${protocol}` },
    rds: { routeConfigName: `${host}_${port}`, configSource: { resourceApiVersion: 'V3', apiConfigSource } },
    metaProtocolFilters: [{ name: 'aeraki.meta_protocol.filters.router' }],
  })
}

function typedStruct(value: object) {
  return {
    name: 'envoy.filters.network.meta_protocol_proxy',
    typed_config: {
      '@type': 'type.googleapis.com/udpa.type.v1.TypedStruct',
      type_url: `type.googleapis.com/${META_PROTOCOL}`,
      value,
    },
  }
}

/** The same before its workloads, with the reference's rate limit. */
export function inboundEnvoyFilter({ host, port, protocol, app = '' }: MeshService): object {
  const filter = { name: 'envoy.filters.network.tcp_proxy' }
  const match = { listener: { name: 'virtualInbound', filterChain: { destinationPort: port, filter } } }
  const metadata = {
    name: `aeraki-inbound-${host}-${port}`,
    namespace: 'istio-system',
    labels: { manager: 'Aeraki' },
  }
  const name = `inbound|${port}||`
  const value = {
    statPrefix: name,
    applicationProtocol: protocol,
    codec: { name: `aeraki.meta_protocol.codec.${protocol}` },
    routeConfig: { name, routes: [{ route: { cluster: name } }] },
    metaProtocolFilters: [
      ownFilter('local_ratelimit', 'local_ratelimit.v1alpha.LocalRateLimit', {
        statPrefix: host,
        tokenBucket: { maxTokens: 5, tokensPerFill: 5, fillInterval: '60s' },
      }),
      { name: 'aeraki.meta_protocol.filters.metadata_exchange' },
      ownFilter('istio_stats', 'istio_stats.v1alpha.IstioStats', { destinationService: host }),
      { name: 'aeraki.meta_protocol.filters.router' },
    ],
  }
  const patch = { operation: 'REPLACE', value: typedStruct(value) }
  const workloadSelector = { labels: { app } }
  return envoyFilterOf(metadata, { workloadSelector, configPatches: [{ applyTo: 'NETWORK_FILTER', match, patch }] })
}

function ownFilter(name: string, type: string, config: object): object {
  const typeUrl = `type.googleapis.com/aeraki.meta_protocol_proxy.filters.${type}`
  return { name: `aeraki.meta_protocol.filters.${name}`, config: { '@type': typeUrl, ...config } }
}

/** The proxy listens itself, on loopback, at the ports of these services; nothing leads connections elsewhere. */
export function sidecar(services: readonly MeshService[]): object {
  const egress = services.map(({ host, port, protocol }) => ({
    port: { number: port, name: `tcp-${protocol}`, protocol: 'TCP' },
    bind: '127.0.0.1',
    captureMode: 'NONE',
    hosts: [`./${host}`],
  }))
  const workloadSelector = { labels: { app: APP } }
  const metadata = { name: APP, namespace: NAMESPACE }
  return { apiVersion: API, kind: 'Sidecar', metadata, spec: { workloadSelector, egress } }
}

/** Clusters for connections that were led elsewhere by iptables: without it there are none, and we have no such clusters. */
export function withoutPassthrough(): object {
  const removed = [
    ['SIDECAR_OUTBOUND', 'PassthroughCluster'],
    ['SIDECAR_INBOUND', 'InboundPassthroughCluster'],
  ] as const
  const configPatches = removed.map(([context, name]) => ({
    applyTo: 'CLUSTER',
    match: { context, cluster: { name } },
    patch: { operation: 'REMOVE' },
  }))
  const metadata = { name: 'without-passthrough', namespace: NAMESPACE }
  return envoyFilterOf(metadata, { workloadSelector: { labels: { app: APP } }, configPatches })
}

function envoyFilterOf(metadata: object, spec: object): object {
  return { apiVersion: 'networking.istio.io/v1alpha3', kind: 'EnvoyFilter', metadata, spec }
}
