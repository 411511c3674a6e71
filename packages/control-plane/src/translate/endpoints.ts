import type { ClusterEndpoints, EndpointConfig, Subset } from '@meltemi/api'
import type { ServiceView, WorkloadEndpoint } from '../store/world.ts'
import { clusterName } from './names.ts'

const LARGEST_WEIGHT = 2 ** 32 - 1

/** Who is in each cluster of a service; those that resolve names have their endpoints in themselves. */
export function translateEndpoints(view: ServiceView): readonly ClusterEndpoints[] {
  if (view.resolution !== 'static') return []
  return view.ports.flatMap(({ number }) =>
    subsetsOf(view).map((subset) => ({
      cluster: clusterName(view.host, number, subset),
      endpoints: withLocalityWeights(endpointsOf(view, number, subset)),
    })),
  )
}

/** A locality weighs as much as its workloads: without a weight gRPC does not use it. */
function withLocalityWeights(endpoints: readonly EndpointConfig[]): readonly EndpointConfig[] {
  const weights = new Map<string, number>()
  for (const endpoint of endpoints) {
    const key = localityKey(endpoint)
    weights.set(key, Math.min(LARGEST_WEIGHT, (weights.get(key) ?? 0) + endpoint.weight))
  }
  return endpoints.map((endpoint) => ({ ...endpoint, localityWeight: weights.get(localityKey(endpoint)) ?? 1 }))
}

function localityKey({ locality }: EndpointConfig): string {
  return locality === undefined ? '' : `${locality.region}/${locality.zone}/${locality.subZone}`
}

/** Names of the subsets; the empty one is all of the service. */
export function subsetsOf({ destinationRule }: ServiceView): readonly string[] {
  return ['', ...(destinationRule?.spec.subsets ?? []).map(({ name }) => name)]
}

/** Workloads of one port, in one subset; the empty subset is all of them. */
export function endpointsOf(view: ServiceView, port: number, subset: string): readonly EndpointConfig[] {
  const wanted = view.destinationRule?.spec.subsets?.find(({ name }) => name === subset)
  return view.endpoints.flatMap((endpoint) => {
    const target = endpoint.ports.get(port)
    if (target === undefined || (wanted !== undefined && !isIn(wanted, endpoint))) return []
    const { address, weight, healthy, locality } = endpoint
    const place = locality === undefined ? {} : { locality }
    return [{ address: { host: address, port: target }, hostname: '', weight, healthy, ...place }]
  })
}

function isIn({ labels = {} }: Subset, endpoint: WorkloadEndpoint): boolean {
  return Object.entries(labels).every(
    ([name, value]) => Object.hasOwn(endpoint.labels, name) && endpoint.labels[name] === value,
  )
}
