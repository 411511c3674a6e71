import { isIP } from 'node:net'
import {
  type EndpointSlice,
  keyOf,
  type ResourceKey,
  type ResourcePath,
  type ServiceEntry,
  type WorkloadEntry,
  type WorkloadEntrySpec,
} from '@meltemi/api'
import { workloadLocality } from './locality.ts'
import { ownValue } from './own-value.ts'
import type { StatusNote, WorkloadEndpoint } from './world.ts'

/** A port of a service with what it says about its workloads' ports. */
export interface TargetPort {
  readonly name: string
  readonly number: number
  /** Port of the workloads by number or by name; undefined: the same number. */
  readonly target: number | string | undefined
}

export interface EndpointsResult {
  readonly endpoints: readonly WorkloadEndpoint[]
  readonly notes: readonly StatusNote[]
}

/** One workload, and the resource that says so. */
interface Workload {
  readonly spec: WorkloadEntrySpec
  readonly labels: Readonly<Record<string, string>>
  readonly key: ResourceKey
  /** Of its address in that resource. */
  readonly path: ResourcePath
}

/** Labels of a workload: those of its metadata beside those of its spec, of which the former win. */
export function workloadLabels(entry: WorkloadEntry): Readonly<Record<string, string>> {
  return { ...entry.spec.labels, ...entry.metadata.labels }
}

/** Of a ServiceEntry: inline ones, those that it selects, or with DNS and neither of them its own name. */
export function entryEndpoints(
  entry: ServiceEntry,
  selected: readonly WorkloadEntry[],
  ports: readonly TargetPort[],
): EndpointsResult {
  const { endpoints = [], workloadSelector, resolution, hosts } = entry.spec
  const byName = resolution === 'DNS' || resolution === 'DNS_ROUND_ROBIN'
  if (byName && endpoints.length === 0 && workloadSelector === undefined) {
    const own = {
      spec: { address: hosts[0] ?? '' },
      labels: {},
      key: keyOf(entry),
      path: ['spec', 'hosts', 0] as const,
    }
    return collect([own], ports, byName)
  }
  const inline = endpoints.map((spec, index) => ({
    spec,
    labels: spec.labels ?? {},
    key: keyOf(entry),
    path: ['spec', 'endpoints', index, 'address'] as const,
  }))
  return collect([...inline, ...selected.map(workloadOf)], ports, byName)
}

/** Of a Service: what its EndpointSlices say, or where there are none the WorkloadEntries that it selects. */
export function serviceEndpoints(
  slices: readonly EndpointSlice[],
  selected: readonly WorkloadEntry[],
  ports: readonly TargetPort[],
): EndpointsResult {
  if (slices.length === 0) return collect(selected.map(workloadOf), ports, false)
  const results = slices.map((slice) => sliceEndpoints(slice, ports))
  return {
    endpoints: unique(results.flatMap(({ endpoints }) => endpoints)),
    notes: results.flatMap(({ notes }) => notes),
  }
}

function workloadOf(entry: WorkloadEntry): Workload {
  return { spec: entry.spec, labels: workloadLabels(entry), key: keyOf(entry), path: ['spec', 'address'] }
}

function collect(workloads: readonly Workload[], ports: readonly TargetPort[], byName: boolean): EndpointsResult {
  const notes: StatusNote[] = []
  const endpoints = workloads.flatMap((workload) => {
    const { spec, labels } = workload
    const address = spec.address ?? ''
    if (!byName && isIP(address) === 0) notes.push(notAnAddress(workload, address))
    if (address === '' || (!byName && isIP(address) === 0)) return []
    const mapped = workloadPorts(spec, ports)
    notes.push(...ports.filter(({ number }) => !mapped.has(number)).map((port) => noSuchPort(workload, port)))
    const locality = workloadLocality(labels, { path: spec.locality })
    const weight = Math.max(1, spec.weight ?? 1)
    return [{ address, ports: mapped, labels, weight, healthy: true, ...(locality === undefined ? {} : { locality }) }]
  })
  return { endpoints, notes }
}

/** By name of the service's port, then by its target, then the same number. */
function workloadPorts(spec: WorkloadEntrySpec, ports: readonly TargetPort[]): ReadonlyMap<number, number> {
  return new Map(
    ports.flatMap(({ name, number, target }) => {
      const fallback = typeof target === 'string' ? ownValue(spec.ports, target) : (target ?? number)
      const port = ownValue(spec.ports, name) ?? fallback
      return port === undefined ? [] : [[number, port] as const]
    }),
  )
}

function notAnAddress({ key, path }: Pick<Workload, 'key' | 'path'>, address: string): StatusNote {
  return {
    key,
    severity: 'error',
    code: 'invalid-value',
    path,
    message: `expected an IP address, found ${address === '' ? 'none' : JSON.stringify(address)}`,
    fix: 'names need a ServiceEntry with resolution DNS',
  }
}

function noSuchPort({ key, path }: Workload, { name, target }: TargetPort): StatusNote {
  return {
    key,
    severity: 'warning',
    code: 'unknown-port',
    path: path.slice(0, -1),
    message: `nothing is sent here for port ${name}: there is no port ${JSON.stringify(target)}, its targetPort`,
    fix: `name it in ports`,
  }
}

function sliceEndpoints(slice: EndpointSlice, ports: readonly TargetPort[]): EndpointsResult {
  if (slice.addressType === 'FQDN') return { endpoints: [], notes: [namesInSlice(slice)] }
  const mapped = slicePorts(slice, ports)
  const ready = slice.endpoints.map(({ addresses: [address = ''], conditions, zone, labels }, index) => ({
    address,
    labels: labels ?? slice.metadata.labels,
    path: ['endpoints', index, 'addresses', 0] as const,
    isReady: conditions?.ready !== false,
    locality: workloadLocality(slice.metadata.labels, { zone }),
  }))
  const usable = ready.filter(({ address, isReady }) => isReady && isIP(address) !== 0)
  const wrong = ready.filter(({ address }) => isIP(address) === 0)
  return {
    endpoints: usable.map(({ address, labels, locality }) => ({
      address,
      ports: mapped,
      labels,
      weight: 1,
      healthy: true,
      ...(locality === undefined ? {} : { locality }),
    })),
    notes: wrong.map(({ address, path }) => notAnAddress({ key: keyOf(slice), path }, address)),
  }
}

/** The port of the slice with the same name. */
function slicePorts(slice: EndpointSlice, ports: readonly TargetPort[]): ReadonlyMap<number, number> {
  return new Map(
    ports.flatMap(({ name, number }) => {
      const same = slice.ports?.find((port) => (port.name ?? '') === name && (port.protocol ?? 'TCP') === 'TCP')
      return typeof same?.port === 'number' ? [[number, same.port] as const] : []
    }),
  )
}

function namesInSlice(slice: EndpointSlice): StatusNote {
  return {
    key: keyOf(slice),
    severity: 'error',
    code: 'not-supported-yet',
    path: ['addressType'],
    message: 'FQDN is not supported',
    fix: 'use IP addresses, or a ServiceEntry with resolution DNS',
  }
}

/** A workload may stand in two slices for a moment while Kubernetes moves it. */
function unique(endpoints: readonly WorkloadEndpoint[]): readonly WorkloadEndpoint[] {
  const seen = new Set<string>()
  return endpoints.filter(({ address, ports }) => {
    const id = `${address} ${[...ports].join(' ')}`
    return !seen.has(id) && seen.add(id)
  })
}
