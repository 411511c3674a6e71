/** A mesh in which every address is fixed, so that what istiod sends is the same each time: see tests/fixtures/istio. */

import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { ROOT } from '../../../scripts/workspace.ts'
import {
  envoyFilter,
  inboundEnvoyFilter,
  istioNode,
  type MeshService,
  NAMESPACE,
  serviceResources,
  sidecar,
  withoutPassthrough,
} from './istio-resources.ts'
import { packetPath } from './packet-path.ts'

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
}

/** Two sidecars whose connections iptables leads to them, and a proxy that has to listen itself. */
export const NODES = {
  client: istioNode('client', 'REDIRECT', { address: '10.244.0.5', app: 'client' }),
  provider: istioNode('provider', 'REDIRECT', { address: PROVIDER_ADDRESS, app: PROVIDER }),
  plain: istioNode('plain', 'NONE'),
} as const

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
    inboundEnvoyFilter(DUBBO, PROVIDER),
    sidecar([DUBBO]),
    withoutPassthrough(),
    service('greeter', '10.96.0.10'),
    ...front(),
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

/** What the page says, and what a cluster with nodes would make of it. */
function front(): readonly object[] {
  const page = parseAllDocuments(packetPath('front-resources.yaml', {})).map((document) => document.toJS())
  const template = page.find(({ kind }) => kind === 'Deployment')?.spec.template
  const named = { name: FRONT, namespace: NAMESPACE }
  const endpoint = { addresses: [FRONT_ADDRESS], conditions: { ready: true }, targetRef: { kind: 'Pod', ...named } }
  const labels = { 'kubernetes.io/service-name': FRONT }
  return [
    ...page.map((each) =>
      each.kind === 'Service' ? { ...each, spec: { ...each.spec, clusterIP: '10.96.0.11' } } : each,
    ),
    { apiVersion: 'v1', kind: 'Pod', metadata: { ...template.metadata, ...named }, spec: template.spec },
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
