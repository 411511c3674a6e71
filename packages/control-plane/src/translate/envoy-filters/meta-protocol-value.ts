import type { FilterConfig } from '@meltemi/api'
import type { ProtocolView, ServiceView } from '../../store/world.ts'
import { peerFilters, rateLimitFilters } from '../filters.ts'
import { routesName, statPrefix } from '../names.ts'
import type { NetworkFilter } from './envoy-filter.ts'
import { type MeshSettings, meshFields } from './mesh-settings.ts'

type Value = NetworkFilter['typed_config']['value']

/** Whose port it is, and what every filter of the mesh has. */
export interface ValueContext {
  readonly view: ServiceView
  readonly port: number
  readonly protocol: ProtocolView
  readonly mesh: MeshSettings
}

const ROUTER = { name: 'aeraki.meta_protocol.filters.router' }
/** Of the cluster that the bootstrap ConfigMap brings. */
const XDS_CLUSTER = 'aeraki-xds'

/** A MetaProtocolProxy in front of clients: it asks us for its routes. */
export function outboundValue(context: ValueContext): Value {
  const { view, port } = context
  const apiConfigSource = {
    apiType: 'GRPC',
    transportApiVersion: 'V3',
    grpcServices: [{ envoyGrpc: { clusterName: XDS_CLUSTER } }],
  }
  const configSource = { resourceApiVersion: 'V3', apiConfigSource }
  return {
    statPrefix: statPrefix(view.host, port),
    ...protocolFields(context),
    rds: { routeConfigName: routesName(view.host, port), configSource },
    metaProtocolFilters: [...peerFilters(view).map(filterJson), ROUTER],
    ...meshFields(context.mesh),
  }
}

/** A MetaProtocolProxy in front of a workload, which listens at `workloadPort`: there the router's limits are kept to. */
export function inboundValue(context: ValueContext, workloadPort: number): Value {
  const { view, port } = context
  const name = inboundStatPrefix(port)
  const cluster = `inbound|${workloadPort}||`
  return {
    statPrefix: name,
    ...protocolFields(context),
    routeConfig: { name, routes: [{ route: { cluster } }] },
    metaProtocolFilters: [...rateLimitFilters(view), ...peerFilters(view)].map(filterJson).concat(ROUTER),
    ...meshFields(context.mesh),
  }
}

/** By the port of the service. */
export function inboundStatPrefix(port: number): string {
  return `inbound|${port}||`
}

function protocolFields({ protocol }: ValueContext): Value {
  return { applicationProtocol: protocol.name, codec: { name: protocol.codec } }
}

function filterJson({ name, typeUrl, config }: FilterConfig): { readonly name: string } {
  return config === undefined
    ? { name }
    : ({ name, config: { '@type': typeUrl, ...(config as object) } } as object & { readonly name: string })
}
