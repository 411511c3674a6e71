import { type Destination, didYouMean, keyOf, type MetaRouter, parseTrafficName, type ResourcePath } from '@meltemi/api'
import { plainHost } from '../store/host-name.ts'
import type { ServiceView, StatusNote, World } from '../store/world.ts'

/** Where routes lead to what is not there: no such service, subset or port. */
export function destinationNotes(router: MetaRouter, world: World): readonly StatusNote[] {
  const own = world.services.get(plainHost(router.spec.hosts[0] ?? ''))
  const faults = destinationsOf(router).flatMap(([path, destination]) => {
    const service = world.services.get(plainHost(destination.host))
    if (service === undefined) return [unknownHost([...path, 'host'], destination.host, world)]
    return [...subsetFaults(path, destination, service), ...portFaults(path, destination, service, own)]
  })
  const all = [...faults, ...rateLimitFaults(router, world)]
  return all.map((fault) => ({ ...fault, key: keyOf(router), severity: 'error' as const }))
}

type Fault = Omit<StatusNote, 'key' | 'severity'>

function destinationsOf({ spec }: MetaRouter): readonly (readonly [ResourcePath, Destination])[] {
  return (spec.routes ?? []).flatMap(({ route = [], mirror }, index) => {
    const path = ['spec', 'routes', index]
    const targets = route.map(({ destination }, at) => [[...path, 'route', at, 'destination'], destination] as const)
    return mirror === undefined ? targets : [...targets, [[...path, 'mirror'], mirror] as const]
  })
}

/** A cluster that is not called as those of services are may be one of the proxies' own. */
function rateLimitFaults({ spec }: MetaRouter, world: World): readonly Fault[] {
  const asked = parseTrafficName(spec.globalRateLimit?.rateLimitService ?? '')
  if (asked === undefined || asked.host === '') return []
  const path = ['spec', 'globalRateLimit', 'rateLimitService']
  const service = world.services.get(plainHost(asked.host))
  if (service === undefined) return [unknownHost(path, asked.host, world)]
  const ports = originPorts(service.origin)
  if (ports.includes(asked.port)) return []
  const message = `${asked.host} has no port ${asked.port}`
  return [{ code: 'unknown-port', path, message, fix: `its ports are ${ports.join(', ')}` }]
}

function unknownHost(path: ResourcePath, host: string, { services }: World): Fault {
  const guess = didYouMean(host, [...services.keys()])
  const fix = guess === undefined ? 'add a ServiceEntry or a Service for it' : `did you mean ${guess}?`
  return { code: 'unknown-host', path, message: `no service has the host ${host}`, fix }
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
