import { isIP } from 'node:net'
import {
  type DestinationRule,
  type EndpointSlice,
  envoyProtocolOfPort,
  keyOf,
  type MetaRouter,
  type PortProtocol,
  protocolOfPort,
  type ResourceKey,
  type Service,
  type ServiceEntry,
  type WorkloadEntry,
} from '@meltemi/api'
import { normalExport } from './export-to.ts'
import { ownValue } from './own-value.ts'
import { type EndpointsResult, entryEndpoints, serviceEndpoints, type TargetPort } from './service-endpoints.ts'
import type { AuthorizationPolicy, ProtocolView, ServicePort, ServiceView, StatusNote } from './world.ts'

const MULTIPLEXING = 'meltemi.io/multiplexing'
const PEER_METADATA = 'meltemi.io/peer-metadata'
const EXPORT_TO = 'networking.istio.io/exportTo'

/** All that one service is made of. */
export interface ServiceParts {
  readonly host: string
  readonly origin: ServiceEntry | Service
  /** WorkloadEntries that it selects. */
  readonly selected: readonly WorkloadEntry[]
  readonly slices: readonly EndpointSlice[]
  readonly router: MetaRouter | undefined
  readonly destinationRule: DestinationRule | undefined
  readonly sendsTo: ReadonlySet<string>
  readonly otherRules: ReadonlyMap<string, DestinationRule>
  /** In the order of their keys. */
  readonly policies: readonly AuthorizationPolicy[]
  readonly protocols: ReadonlyMap<string, ProtocolView>
}

export interface ServiceResult {
  readonly view: ServiceView
  readonly notes: readonly StatusNote[]
}

/** A service as everything else sees it, with what must be said of the resources that it is made of. */
export function buildServiceView(parts: ServiceParts): ServiceResult {
  const { origin, host, router, destinationRule, sendsTo, otherRules } = parts
  const { ports, targets, notes: portNotes } = choosePorts(origin, parts.protocols)
  const { endpoints, notes: endpointNotes } = endpointsOf(parts, targets)
  const { addresses, notes: addressNotes } = chooseAddresses(origin)
  const view: ServiceView = {
    host,
    namespace: origin.metadata.namespace,
    origin,
    addresses,
    exportTo: exportOf(origin),
    resolution: resolutionOf(origin),
    ports,
    endpoints,
    multiplexing: ownValue(origin.metadata.annotations, MULTIPLEXING) === 'true',
    tellsPeers: ownValue(origin.metadata.annotations, PEER_METADATA) !== 'false',
    router,
    destinationRule,
    policies: parts.policies.filter((policy) => concerns(policy, ports)),
    madeOf: keysOf(parts, ports),
    sendsTo,
    otherRules,
  }
  return { view, notes: [...kindNotes(origin), ...portNotes, ...addressNotes, ...endpointNotes] }
}

/** Those of Dubbo are for services that speak it; one that names another hears that it is none. */
function concerns({ kind, spec }: AuthorizationPolicy, ports: readonly ServicePort[]): boolean {
  if (kind === 'MetaAuthorizationPolicy' || ports.some(speaksDubbo)) return true
  return (spec.hosts ?? []).length > 0
}

/** Also where proxies of a mesh speak it, and ours do not. */
function speaksDubbo({ name, protocol }: ServicePort): boolean {
  return protocol === undefined ? envoyProtocolOfPort(name) === 'dubbo' : protocol.name === 'dubbo'
}

function keysOf(parts: ServiceParts, ports: readonly ServicePort[]): ReadonlySet<ResourceKey> {
  const { origin, router, destinationRule, otherRules, selected, slices } = parts
  const protocols = ports.map(({ protocol }) => protocol?.origin)
  const policies = parts.policies.filter((policy) => concerns(policy, ports))
  const others = [...otherRules.values(), ...selected, ...slices, ...policies]
  const all = [origin, router, destinationRule, ...others, ...protocols]
  return new Set(all.flatMap((resource) => (resource === undefined ? [] : [keyOf(resource)])))
}

function endpointsOf({ origin, selected, slices }: ServiceParts, targets: readonly TargetPort[]): EndpointsResult {
  return origin.kind === 'ServiceEntry'
    ? entryEndpoints(origin, selected, targets)
    : serviceEndpoints(slices, selected, targets)
}

function exportOf(origin: ServiceEntry | Service): readonly string[] {
  const { namespace, annotations } = origin.metadata
  if (origin.kind === 'ServiceEntry') return normalExport(origin.spec.exportTo, namespace)
  const written = ownValue(annotations, EXPORT_TO)
    ?.split(',')
    .map((entry) => entry.trim())
  return normalExport(
    written?.filter((entry) => entry !== ''),
    namespace,
  )
}

function resolutionOf(origin: ServiceEntry | Service): ServiceView['resolution'] {
  if (origin.kind === 'Service') return 'static'
  switch (origin.spec.resolution) {
    case 'STATIC':
      return 'static'
    case 'DNS':
    case 'DNS_ROUND_ROBIN':
      return 'dns'
    default:
      return 'none'
  }
}

interface PortChoice {
  readonly ports: readonly ServicePort[]
  /** The same ports, as endpoints need them. */
  readonly targets: readonly TargetPort[]
  readonly notes: readonly StatusNote[]
}

interface PortSpec extends TargetPort {
  readonly protocol: string | undefined
}

function choosePorts(origin: ServiceEntry | Service, protocols: ServiceParts['protocols']): PortChoice {
  const ports: ServicePort[] = []
  const targets: TargetPort[] = []
  const notes: StatusNote[] = []
  for (const [index, port] of portSpecs(origin).entries()) {
    const named = protocolOfPort(port.name, protocols)
    const fault = portFault(port, named, protocols)
    if (fault !== undefined) {
      notes.push({ ...fault, key: keyOf(origin), path: ['spec', 'ports', index, ...fault.path] })
      continue
    }
    const protocol = named.kind === 'known' ? protocols.get(named.protocol) : undefined
    ports.push({ name: port.name, number: port.number, protocol })
    targets.push(port)
  }
  return { ports, targets, notes }
}

function portSpecs(origin: ServiceEntry | Service): readonly PortSpec[] {
  if (origin.kind === 'ServiceEntry') {
    return (origin.spec.ports ?? []).map(({ name, number, targetPort, protocol }) => ({
      name,
      number,
      target: targetPort,
      protocol,
    }))
  }
  return (origin.spec.ports ?? []).map(({ name, port, targetPort, protocol }) => ({
    name: name ?? '',
    number: port,
    target: targetPort,
    protocol,
  }))
}

/** Why a port cannot be served. */
function portFault(
  { name, protocol }: PortSpec,
  named: PortProtocol,
  protocols: ServiceParts['protocols'],
): Omit<StatusNote, 'key'> | undefined {
  if (protocol === 'UDP' || protocol === 'SCTP') {
    const message = `only TCP goes through proxies, not ${protocol}`
    return { severity: 'warning', code: 'no-effect', path: ['protocol'], message }
  }
  const known = `known are: ${[...protocols.keys()].toSorted().join(', ')}`
  if (named.kind === 'unknown') {
    const message = `no protocol that ${JSON.stringify(named.rest)} begins with is known`
    return { severity: 'error', code: 'unknown-protocol', path: ['name'], message, fix: known }
  }
  if (named.kind !== 'malformed') return undefined
  const message = `${JSON.stringify(name)} names no protocol`
  return { severity: 'error', code: 'malformed-port-name', path: ['name'], message, fix: known }
}

function chooseAddresses(origin: ServiceEntry | Service): {
  addresses: readonly string[]
  notes: readonly StatusNote[]
} {
  const isEntry = origin.kind === 'ServiceEntry'
  const written = isEntry ? (origin.spec.addresses ?? []) : clusterAddresses(origin)
  const notes = written.flatMap((address, index): StatusNote[] => {
    if (isIP(address) !== 0) return []
    const path = isEntry ? ['spec', 'addresses', index] : ['spec', 'clusterIP']
    const message = `${JSON.stringify(address)} is no single IP address, so nothing listens there`
    return [{ key: keyOf(origin), severity: 'error', code: 'invalid-value', path, message, fix: 'write one, or none' }]
  })
  return { addresses: [...new Set(written.filter((address) => isIP(address) !== 0))], notes }
}

function clusterAddresses({ spec }: Service): readonly string[] {
  const written = spec.clusterIPs ?? (spec.clusterIP === undefined ? [] : [spec.clusterIP])
  return written.filter((address) => address !== '' && address !== 'None')
}

/** What is asked for and not there yet is refused, never passed over. */
function kindNotes(origin: ServiceEntry | Service): readonly StatusNote[] {
  const base = { key: keyOf(origin), severity: 'error', code: 'not-supported-yet' } as const
  if (origin.kind === 'Service') {
    if (origin.spec.type !== 'ExternalName') return []
    const fix = 'use a ServiceEntry with resolution DNS'
    return [{ ...base, path: ['spec', 'type'], message: 'ExternalName is not supported', fix }]
  }
  if (resolutionOf(origin) !== 'none') return []
  const message = 'NONE, which is the default, is not supported yet'
  return [{ ...base, path: ['spec', 'resolution'], message, fix: 'say STATIC or DNS' }]
}
