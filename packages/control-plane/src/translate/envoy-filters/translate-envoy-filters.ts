import type { ServiceView } from '../../store/world.ts'
import { listenerName } from '../names.ts'
import {
  type ConfigPatch,
  type EnvoyFilter,
  type EnvoyFilterSpec,
  envoyFilterOf,
  patchTcpProxy,
  replaceCluster,
} from './envoy-filter.ts'
import { inboundName, outboundName } from './filter-names.ts'
import { type FilterPort, type FilterPortsOptions, filterPorts, refusedPorts } from './filter-ports.ts'
import { policyNotes } from './policy-notes.ts'
import { selectorOf, workloadPorts } from './workloads.ts'

export interface EnvoyFiltersOptions extends FilterPortsOptions {
  /** Where a filter is for the whole mesh: `istio-system`. */
  readonly rootNamespace: string
  /** Filters stand beside their services, not in the root namespace, unless a router says where. */
  readonly isNamespaced: boolean
}

/** The EnvoyFilters of one service. */
export interface ServiceFilters {
  readonly filters: readonly EnvoyFilter[]
  readonly notes: readonly FilterNote[]
}

/** Something that the filters of a service do not say. */
export interface FilterNote {
  readonly host: string
  /** undefined: all of them. */
  readonly port?: number
  readonly message: string
  /** The filters of before stay, as nobody knows better ones. */
  readonly keepsOld: boolean
}

const INBOUND_LISTENER = 'virtualInbound'

/**
 * Pure: one service and the options decide everything. For each port of a protocol, one filter for each address of the
 * service, in front of its clients, and one in front of its workloads where these are known. Throws never.
 */
export function translateEnvoyFilters(view: ServiceView, options: EnvoyFiltersOptions): ServiceFilters {
  const { host, resolution } = view
  const refused = refusedPorts(view).map((port) =>
    note(host, port, 'the port cannot be served, see the status of the service'),
  )
  const ports = filterPorts(view, options)
  if (resolution === 'none' && ports.length > 0)
    return { filters: [], notes: [...refused, { host, message: 'resolution NONE is not supported', keepsOld: true }] }
  const results = ports.map((port) => translatePort(view, port, options))
  const filters = results.flatMap((result) => result.filters)
  const unsaid = policyNotes(view, ports, filters).map((message) => ({ host, message, keepsOld: false }))
  return { filters, notes: [...refused, ...results.flatMap(({ notes }) => notes), ...unsaid] }
}

interface NamedSpec {
  readonly name: string
  readonly spec: EnvoyFilterSpec
}

function translatePort(view: ServiceView, port: FilterPort, options: EnvoyFiltersOptions): ServiceFilters {
  const outbounds = view.addresses.map((address, index) => () => outbound(view, port, address, index === 0))
  const makers = [...outbounds, () => inbound(view, port)]
  const results = makers.map((make) => tryMake(make, view.host, port.number))
  const namespaces = namespacesOf(view, options)
  const specs = results.flatMap(({ made }) => made)
  const unsaid = (port.notes ?? []).map((message) => ({
    host: view.host,
    port: port.number,
    message,
    keepsOld: false,
  }))
  return {
    filters: namespaces.flatMap((namespace) => specs.map(({ name, spec }) => envoyFilterOf(name, namespace, spec))),
    notes: [...results.flatMap(({ notes }) => notes), ...unsaid],
  }
}

/** What fails stands alone, and keeps what was there. */
function tryMake(make: () => readonly NamedSpec[], host: string, port: number) {
  try {
    return { made: make(), notes: [] }
  } catch (error: unknown) {
    return { made: [], notes: [note(host, port, error instanceof Error ? error.message : String(error))] }
  }
}

/** `isFirst`: of the addresses; what is there once for all of them comes with it. */
function outbound({ host }: ServiceView, port: FilterPort, address: string, isFirst: boolean): readonly NamedSpec[] {
  const place = { listener: listenerName(address, port.number) }
  const patch = patchTcpProxy(port.kind, place, port.outbound())
  const clusters = isFirst && port.cluster !== undefined ? replaceCluster(port.cluster()) : []
  return [{ name: outboundName(host, address, port.number), spec: { configPatches: [patch, ...clusters] } }]
}

/** Throws where nobody knows yet at which port workloads listen. */
function inbound(view: ServiceView, port: FilterPort): readonly NamedSpec[] {
  const labels = selectorOf(view.origin)
  if (Object.keys(labels).length === 0) return []
  const targets = workloadPorts(view, port.number)
  if (targets.length === 0) throw new TypeError('there is no workload yet that says which number its port has')
  const configPatches = targets.map((destinationPort): ConfigPatch => {
    const place = { listener: INBOUND_LISTENER, destinationPort }
    return patchTcpProxy(port.kind, place, port.inbound(destinationPort))
  })
  return [{ name: inboundName(view.host, port.number), spec: { workloadSelector: { labels }, configPatches } }]
}

/** `.` is the namespace of the router, `*` that of the whole mesh. */
function namespacesOf({ router, namespace }: ServiceView, options: EnvoyFiltersOptions): readonly string[] {
  const { exportTo = [] } = router?.spec ?? {}
  if (exportTo.length === 0) return [options.isNamespaced ? namespace : options.rootNamespace]
  const names = exportTo
    .filter((entry) => entry !== '~')
    .map((entry) => (entry === '.' ? (router?.metadata.namespace ?? '') : entry))
  return [...new Set(names.map((name) => (name === '*' ? options.rootNamespace : name)))]
}

function note(host: string, port: number, message: string): FilterNote {
  return { host, port, message, keepsOld: true }
}
