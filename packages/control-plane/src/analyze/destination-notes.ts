import { type Destination, didYouMean, keyOf, type MetaRouter, type ResourcePath } from '@meltemi/api'
import { plainHost } from '../store/host-name.ts'
import type { ServiceView, StatusNote, World } from '../store/world.ts'

/** Where routes lead to what is not there: no such service, subset or port. */
export function destinationNotes(router: MetaRouter, world: World): readonly StatusNote[] {
  const own = world.services.get(plainHost(router.spec.hosts[0] ?? ''))
  return destinationsOf(router).flatMap(([path, destination]) => {
    const service = world.services.get(plainHost(destination.host))
    const faults =
      service === undefined
        ? [unknownHost(path, destination, world)]
        : [...subsetFaults(path, destination, service), ...portFaults(path, destination, service, own)]
    return faults.map((fault) => ({ ...fault, key: keyOf(router), severity: 'error' as const }))
  })
}

type Fault = Omit<StatusNote, 'key' | 'severity'>

function destinationsOf({ spec }: MetaRouter): readonly (readonly [ResourcePath, Destination])[] {
  return (spec.routes ?? []).flatMap(({ route, mirror }, index) => {
    const path = ['spec', 'routes', index]
    const targets = route.map(({ destination }, at) => [[...path, 'route', at, 'destination'], destination] as const)
    return mirror === undefined ? targets : [...targets, [[...path, 'mirror'], mirror] as const]
  })
}

function unknownHost(path: ResourcePath, { host }: Destination, { services }: World): Fault {
  const guess = didYouMean(host, [...services.keys()])
  const fix = guess === undefined ? 'add a ServiceEntry or a Service for it' : `did you mean ${guess}?`
  return { code: 'unknown-host', path: [...path, 'host'], message: `no service has the host ${host}`, fix }
}

function subsetFaults(path: ResourcePath, { subset }: Destination, service: ServiceView): readonly Fault[] {
  const names = service.destinationRule?.spec.subsets?.map(({ name }) => name) ?? []
  if (subset === undefined || names.includes(subset)) return []
  const message = `no DestinationRule of ${service.host} has the subset ${subset}`
  const fix = names.length === 0 ? 'add a DestinationRule with it' : `its subsets are ${names.join(', ')}`
  return [{ code: 'missing-subset', path: [...path, 'subset'], message, fix }]
}

/** Without a port of its own a destination is used for each port of the router's service. */
function portFaults(
  path: ResourcePath,
  { host, port }: Destination,
  service: ServiceView,
  own: ServiceView | undefined,
): readonly Fault[] {
  const ports = originPorts(service.origin)
  const fix = `its ports are ${ports.join(', ')}`
  if (port !== undefined) {
    if (ports.includes(port.number)) return []
    const message = `${host} has no port ${port.number}`
    return [{ code: 'unknown-port', path: [...path, 'port', 'number'], message, fix }]
  }
  const missing = own?.ports.find(({ number, protocol }) => protocol !== undefined && !ports.includes(number))
  if (missing === undefined) return []
  const message = `${host} has no port ${missing.number}, at which messages of ${own?.host} come in`
  return [{ code: 'unknown-port', path, message, fix: `${fix}: name the one that is meant` }]
}

/** All that it says it has, also those that cannot be served. */
function originPorts(origin: ServiceView['origin']): readonly number[] {
  return origin.kind === 'ServiceEntry'
    ? (origin.spec.ports ?? []).map(({ number }) => number)
    : (origin.spec.ports ?? []).map(({ port }) => port)
}
