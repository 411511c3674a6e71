import { protocolOfPort } from '@meltemi/api'
import type { ServiceView } from '../../store/world.ts'
import { listenerName } from '../names.ts'
import { type EnvoyFilter, envoyFilterOf, patchTcpProxy } from './envoy-filter.ts'
import { type GatewayPort, gatewayName } from './filter-names.ts'
import { refusedPorts } from './filter-ports.ts'
import type { MeshSettings } from './mesh-settings.ts'
import { outboundValue } from './meta-protocol-value.ts'
import type { FilterNote } from './translate-envoy-filters.ts'
import { type VirtualService, virtualServiceOf } from './virtual-service.ts'

/** Istio's Gateway, as far as it is looked at. */
export interface Gateway {
  readonly metadata: { readonly name: string; readonly namespace?: string }
  readonly spec?: {
    /** Labels of the proxies that it is for. */
    readonly selector?: Readonly<Record<string, string>>
    readonly servers?: readonly { readonly port?: { readonly number?: number; readonly name?: string } }[]
  }
}

export interface GatewayInputs {
  readonly gateways: readonly Gateway[]
  /** Of several for the same port of a gateway the first one gets it. */
  readonly services: readonly ServiceView[]
  readonly mesh: MeshSettings
}

/** What gateways have in a mesh. */
export interface GatewayObjects {
  readonly filters: readonly EnvoyFilter[]
  readonly virtualServices: readonly VirtualService[]
  readonly notes: readonly FilterNote[]
}

/**
 * Pure. A port of a gateway that is of a MetaProtocol has a filter and a VirtualService, where a router that names the
 * gateway sends something to the same port of a service. Throws never.
 */
export function translateGateways({ gateways, services, mesh }: GatewayInputs): GatewayObjects {
  const named = servicesByGateway(services)
  const results = gateways.flatMap((gateway) => {
    const { name, namespace = '' } = gateway.metadata
    const views = named.get(`${namespace}/${name}`) ?? []
    named.delete(`${namespace}/${name}`)
    return views.length === 0
      ? []
      : serverPorts(gateway).map((port) => translatePort(gateway, { name, namespace, port }, views, mesh))
  })
  const missing = [...named].flatMap(([key, views]) =>
    views.map(({ host }) => note(host, `there is no gateway ${key}`)),
  )
  return {
    filters: results.flatMap(({ filters }) => filters),
    virtualServices: results.flatMap(({ virtualServices }) => virtualServices),
    notes: [...results.flatMap(({ notes }) => notes), ...missing],
  }
}

/** By `namespace/name`. */
function servicesByGateway(services: readonly ServiceView[]): Map<string, ServiceView[]> {
  const named = new Map<string, ServiceView[]>()
  for (const view of services) {
    for (const key of gatewaysOf(view)) {
      const views = named.get(key) ?? []
      views.push(view)
      named.set(key, views)
    }
  }
  return named
}

function gatewaysOf({ router }: ServiceView): ReadonlySet<string> {
  const { namespace = '' } = router?.metadata ?? {}
  return new Set(router?.spec.gateways?.map((name) => (name.includes('/') ? name : `${namespace}/${name}`)))
}

/** Each once. */
function serverPorts({ spec }: Gateway): readonly number[] {
  const ports = (spec?.servers ?? []).flatMap(({ port: { number, name = '' } = {} }) =>
    number === undefined || protocolOfPort(name, new Set()).kind === 'none' ? [] : [number],
  )
  return [...new Set(ports)]
}

function translatePort(
  gateway: Gateway,
  at: GatewayPort,
  views: readonly ServiceView[],
  mesh: MeshSettings,
): GatewayObjects {
  const [view, ...others] = views.filter((each) => sendsTo(each, at.port))
  if (view === undefined) return { filters: [], virtualServices: [], notes: [] }
  const taken = others.map(({ host }) => note(host, `${describe(at)} is that of ${view.host}`))
  try {
    const filters = [filterOf(gateway, at, view, mesh)]
    return { filters, virtualServices: [virtualServiceOf(at, view.host)], notes: taken }
  } catch (error: unknown) {
    const reason = `${describe(at)}: ${error instanceof Error ? error.message : String(error)}`
    const failed = { ...note(view.host, reason), keepsOld: refusedPorts(view).includes(at.port) }
    return { filters: [], virtualServices: [], notes: [...taken, failed] }
  }
}

/** Without that a router has nothing for a port of a gateway, as in the reference. */
function sendsTo({ router }: ServiceView, port: number): boolean {
  const destinations = router?.spec.routes?.flatMap(({ route = [] }) => route) ?? []
  return destinations.some(({ destination }) => destination.port?.number === port)
}

/** Throws where there can be none. */
function filterOf({ spec }: Gateway, at: GatewayPort, view: ServiceView, mesh: MeshSettings): EnvoyFilter {
  const labels = spec?.selector ?? {}
  // the filter would be for every proxy
  if (Object.keys(labels).length === 0) throw new TypeError('the gateway has no selector')
  const protocol = view.ports.find(({ number }) => number === at.port)?.protocol
  if (protocol === undefined) throw new TypeError('the service has no such port of a MetaProtocol')
  const value = outboundValue({ view, port: at.port, protocol, mesh })
  const patch = patchTcpProxy('metaprotocol', { listener: listenerName(ANY_ADDRESS, at.port) }, value)
  return envoyFilterOf(gatewayName(at), at.namespace, { workloadSelector: { labels }, configPatches: [patch] })
}

/** At which gateways listen. */
const ANY_ADDRESS = '0.0.0.0'

function describe({ namespace, name, port }: GatewayPort): string {
  return `port ${port} of gateway ${namespace}/${name}`
}

function note(host: string, message: string): FilterNote {
  return { host, message, keepsOld: false }
}
