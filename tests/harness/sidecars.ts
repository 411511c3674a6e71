/** A call as in a mesh: through the proxy beside the client, then through the one beside the service. */

import type { FilterConfig, NodeConfig } from '@meltemi/api'
import { istioStats, metadataExchange } from '@meltemi/proxy/filters'
import { type HistogramSnapshot, readLabels } from '@meltemi/runtime'
import type { CodecDefinition, FilterDefinition } from '@meltemi/sdk'
import { type EchoServer, type EchoServerOptions, startEchoServer } from './echo-server.ts'
import { connectClient, type RawClient } from './raw-client.ts'
import { startTestProxy, type TestProxy, type TestProxyOptions, testCluster, testRoute } from './test-proxy.ts'

export const SHOP_HOST = 'org.example.shop.stock.svc.cluster.local'
/** Clusters as Istio names them. */
export const OUTBOUND_CLUSTER = `outbound|20880||${SHOP_HOST}`
export const INBOUND_CLUSTER = 'inbound|20880||'

/** Of the proxy beside the client. */
export const WEB: NodeConfig = node('web', 'market', '10.0.0.1')
/** Of the proxy beside the service. */
export const SHOP: NodeConfig = node('shop', 'stock', '10.0.0.2')

function node(app: string, namespace: string, address: string): NodeConfig {
  return {
    id: `sidecar~${address}~${app}-v1-0.${namespace}~${namespace}.svc.cluster.local`,
    cluster: `${app}.${namespace}`,
    metadata: {
      NAME: `${app}-v1-0`,
      NAMESPACE: namespace,
      OWNER: `kubernetes://apis/apps/v1/namespaces/${namespace}/deployments/${app}-v1`,
      WORKLOAD_NAME: `${app}-v1`,
      ISTIO_VERSION: '1.14.5',
      MESH_ID: 'cluster.local',
      CLUSTER_ID: 'Kubernetes',
      LABELS: {
        app,
        version: 'v1',
        'service.istio.io/canonical-name': app,
        'service.istio.io/canonical-revision': 'v1',
      },
      APP_CONTAINERS: app,
      INSTANCE_IPS: address,
      SERVICE_ACCOUNT: app,
    },
  }
}

/** The labels that tell of one side. */
export function workloadLabels(side: 'source' | 'destination', { metadata }: NodeConfig): Record<string, string> {
  const labels = (metadata['LABELS'] ?? {}) as Readonly<Record<string, string>>
  const text = (key: string) => (metadata[key] as string | undefined) ?? 'unknown'
  return {
    [`${side}_workload`]: text('WORKLOAD_NAME'),
    [`${side}_workload_namespace`]: text('NAMESPACE'),
    [`${side}_cluster`]: text('CLUSTER_ID'),
    [`${side}_app`]: labels['app'] ?? 'unknown',
    [`${side}_version`]: labels['version'] ?? 'unknown',
    [`${side}_canonical_service`]: labels['app'] ?? 'unknown',
    [`${side}_canonical_revision`]: labels['version'] ?? 'latest',
    [`${side}_principal`]: 'unknown',
  }
}

/** The filters of a sidecar, as configuration has them. */
export function sidecarFilters(destinationService?: string, keepPeerMetadata?: boolean): readonly FilterConfig[] {
  const { name, typeUrl } = istioStats
  const config = destinationService === undefined ? undefined : { destinationService }
  return [
    {
      name: metadataExchange.name,
      typeUrl: metadataExchange.typeUrl,
      config: keepPeerMetadata === undefined ? undefined : { keepPeerMetadata },
    },
    { name, typeUrl, config },
  ]
}

export interface SidecarsOptions {
  readonly codec: CodecDefinition
  readonly multiplexing?: boolean
  readonly server?: Partial<EchoServerOptions>
  /** In front of the others. */
  readonly outboundFilter?: FilterDefinition
  readonly inboundFilter?: FilterDefinition
  readonly keepPeerMetadata?: boolean
  readonly outbound?: Partial<TestProxyOptions>
  readonly inbound?: Partial<TestProxyOptions>
}

export interface Sidecars extends AsyncDisposable {
  readonly server: EchoServer
  readonly inbound: TestProxy
  readonly outbound: TestProxy
  readonly client: RawClient
}

export async function startSidecars(options: SidecarsOptions): Promise<Sidecars> {
  const { codec, multiplexing = true, outboundFilter, inboundFilter, keepPeerMetadata } = options
  const server = await startEchoServer({ codec, ...options.server })
  const inbound = await startTestProxy({
    codec,
    multiplexing,
    node: SHOP,
    listener: { direction: 'inbound' },
    clusters: [testCluster(INBOUND_CLUSTER, [server.port])],
    routes: [testRoute(INBOUND_CLUSTER)],
    ...withFilters(inboundFilter, sidecarFilters(SHOP_HOST, keepPeerMetadata), options.inbound),
  })
  const outbound = await startTestProxy({
    codec,
    multiplexing,
    node: WEB,
    listener: { direction: 'outbound' },
    clusters: [testCluster(OUTBOUND_CLUSTER, [inbound.port])],
    routes: [testRoute(OUTBOUND_CLUSTER)],
    ...withFilters(outboundFilter, sidecarFilters(undefined, keepPeerMetadata), options.outbound),
  })
  const client = await connectClient({ port: outbound.port, codec })
  return {
    server,
    inbound,
    outbound,
    client,
    async [Symbol.asyncDispose]() {
      await client.close()
      await outbound[Symbol.asyncDispose]()
      await inbound[Symbol.asyncDispose]()
      await server.close()
    },
  }
}

function withFilters(
  first: FilterDefinition | undefined,
  filters: readonly FilterConfig[],
  changes: Partial<TestProxyOptions> = {},
): Partial<TestProxyOptions> {
  const own = first === undefined ? [] : [first]
  const entries = own.map(({ name, typeUrl }) => ({ name, typeUrl, config: undefined }))
  return {
    ...changes,
    filters: [...own, metadataExchange, istioStats],
    filter: { filters: [...entries, ...filters], ...changes.filter },
  }
}

/** One line of `istio_requests_total`. */
export interface IstioRequests {
  readonly labels: Readonly<Record<string, string>>
  readonly count: number
}

export function istioRequests({ metrics }: TestProxy): readonly IstioRequests[] {
  return metrics
    .read((name) => name.startsWith('wasmcustom.istio_requests_total{'))
    .flatMap((metric) => {
      if (metric.kind !== 'counter') return []
      return [{ labels: Object.fromEntries(readLabels(metric.name)?.labels ?? []), count: metric.value }]
    })
}

/** `response_code response_flags` and how many. */
export function istioOutcomes(proxy: TestProxy): Readonly<Record<string, number>> {
  const outcomes: Record<string, number> = {}
  for (const { labels, count } of istioRequests(proxy)) {
    const outcome = `${labels['response_code']} ${labels['response_flags']}`
    outcomes[outcome] = (outcomes[outcome] ?? 0) + count
  }
  return outcomes
}

/** All that a histogram of Istio has recorded. */
export function istioHistogram({ metrics }: TestProxy, stat: string): HistogramSnapshot | undefined {
  let sum: HistogramSnapshot | undefined
  for (const metric of metrics.read((name) => name.startsWith(`wasmcustom.istio_${stat}{`))) {
    if (metric.kind === 'histogram') sum = sum === undefined ? metric.histogram : sum.plus(metric.histogram)
  }
  return sum
}
