/** A mesh in which every address is fixed, so that what istiod sends is the same each time: see tests/fixtures/istio. */

import { join } from 'node:path'
import { ROOT } from '../../../scripts/workspace.ts'
import {
  envoyFilter,
  gatewayNode,
  inboundEnvoyFilter,
  istioNode,
  type MeshService,
  NAMESPACE,
  serviceResources,
} from './istio-resources.ts'
import { type PathResource, packetPathResources } from './packet-path.ts'

export const RECORDED: string = join(ROOT, 'tests/fixtures/istio')

const PROVIDER = 'dubbo-provider'
export const PROVIDER_ADDRESS = '10.244.0.30'
export const FRONT = 'meltemi-front'
export const FRONT_ADDRESS = '10.244.0.10'

const DUBBO: MeshService = {
  host: 'dubbo.shop',
  address: '240.240.0.2',
  port: 20_880,
  protocol: 'dubbo',
  workloads: { 20880: 'v1' },
  app: PROVIDER,
}

export interface RecordedNode {
  readonly node: object
  /** Of what it is sent only this is recorded; undefined: all. */
  readonly only?: RegExp
}

/** Sidecars whose connections iptables leads to them, a proxy that has to listen itself, and a gateway. */
export const NODES: Readonly<Record<string, RecordedNode>> = {
  client: { node: istioNode('client', 'REDIRECT', { address: '10.244.0.5', app: 'client' }) },
  provider: { node: istioNode('provider', 'REDIRECT', { address: PROVIDER_ADDRESS, app: PROVIDER }) },
  served: {
    node: istioNode('served', 'REDIRECT', { address: '10.244.0.20', app: 'greeter' }),
    only: /^(?:inbound\||virtualIn)/,
  },
  plain: { node: istioNode('plain', 'NONE') },
  gateway: { node: gatewayNode('10.244.0.40'), only: /_9090$|meltemi-front/ },
}

/** Of their endpoints. */
export const SERVICES: readonly string[] = [
  'outbound|9090||meltemi-front.shop.svc.cluster.local',
  'outbound|20880|v1|dubbo.shop',
]

export function recordedMesh(): readonly object[] {
  return [
    ...serviceResources(DUBBO).map(atProvider),
    envoyFilter('240.240.0.2_20880', DUBBO),
    envoyFilter('127.0.0.1_20880', DUBBO),
    inboundEnvoyFilter(DUBBO),
    ...packetPathResources('outbound-resources.yaml'),
    service('greeter', '10.96.0.10'),
    ...front(),
    ...packetPathResources('gateway-resources.yaml'),
    ...packetPathResources('sidecar-resources.yaml'),
  ]
}

/** The address of its workload instead of loopback. */
function atProvider(resource: object): object {
  return JSON.parse(JSON.stringify(resource).replaceAll('"127.0.0.1"', JSON.stringify(PROVIDER_ADDRESS)))
}

function service(name: string, clusterIP: string): object {
  const ports = [{ name: 'tcp-metaprotocol-dubbo', port: 9090 }]
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: NAMESPACE }, spec: { clusterIP, ports } }
}

/** The front's resources, and what a cluster with nodes would make of it. */
function front(): readonly object[] {
  const page = packetPathResources('front-resources.yaml')
  const deployment = page.find(({ kind }) => kind === 'Deployment') as PathResource
  const { metadata, spec } = deployment.spec['template'] as { readonly metadata: object; readonly spec: object }
  const named = { name: FRONT, namespace: NAMESPACE }
  const endpoint = { addresses: [FRONT_ADDRESS], conditions: { ready: true }, targetRef: { kind: 'Pod', ...named } }
  const labels = { 'kubernetes.io/service-name': FRONT }
  return [
    ...page.map((each) =>
      each.kind === 'Service' ? { ...each, spec: { ...each.spec, clusterIP: '10.96.0.11' } } : each,
    ),
    { apiVersion: 'v1', kind: 'Pod', metadata: { ...metadata, ...named }, spec },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...named, labels },
      addressType: 'IPv4',
      ports: [{ name: 'tcp-greeter', port: 9090, protocol: 'TCP' }],
      endpoints: [endpoint],
    },
  ]
}
