import { type Destination, keyOf, type ListenerConfig, type ResourcePath } from '@meltemi/api'
import type { ServiceView, StatusNote } from '../store/world.ts'
import { plainHost } from './names.ts'

/** Listeners at whose address a workload of the service already listens: they would get what they send themselves. */
export function loopNotes(view: ServiceView, listeners: readonly ListenerConfig[]): readonly StatusNote[] {
  return listeners
    .filter((listener) => isLoop(view, listener))
    .map(({ address }) => ({
      key: keyOf(view.origin),
      severity: 'error',
      code: 'address-conflict',
      path: ['spec', 'ports', indexOfPort(view, address.port)],
      message: `a workload of the service listens at ${address.host}:${address.port} itself, so a proxy cannot`,
      fix: 'give the port another number and keep the old one as targetPort, or give the service an address',
    }))
}

export function isLoop(view: ServiceView, { address }: ListenerConfig): boolean {
  return view.endpoints.some(
    (endpoint) => endpoint.address === address.host && endpoint.ports.get(address.port) === address.port,
  )
}

/** Place of a port among those of its resource. */
export function indexOfPort({ origin }: ServiceView, number: number): number {
  const numbers =
    origin.kind === 'ServiceEntry'
      ? origin.spec.ports?.map((port) => port.number)
      : origin.spec.ports?.map(({ port }) => port)
  return numbers?.indexOf(number) ?? 0
}

/** Destinations whose subset nobody has described. */
export function subsetNotes(view: ServiceView): readonly StatusNote[] {
  const { router } = view
  if (router === undefined) return []
  return destinationsOf(view).flatMap(([path, { host, subset }]): readonly StatusNote[] => {
    if (subset === undefined || hasSubset(view, plainHost(host), subset)) return []
    const message = `no DestinationRule of ${host} has the subset ${subset}`
    return [{ key: keyOf(router), severity: 'warning', code: 'missing-subset', path: [...path, 'subset'], message }]
  })
}

function destinationsOf({ router }: ServiceView): readonly (readonly [ResourcePath, Destination])[] {
  return (router?.spec.routes ?? []).flatMap(({ route = [], mirror }, index) => {
    const path = ['spec', 'routes', index]
    const targets = route.map(({ destination }, at) => [[...path, 'route', at, 'destination'], destination] as const)
    return mirror === undefined ? targets : [...targets, [[...path, 'mirror'], mirror] as const]
  })
}

function hasSubset(view: ServiceView, host: string, subset: string): boolean {
  const rule = host === view.host ? view.destinationRule : view.otherRules.get(host)
  return rule?.spec.subsets?.some(({ name }) => name === subset) ?? false
}
