import type { ClusterEndpoints, EndpointConfig, Subset } from '@meltemi/api'
import type { ServiceView, WorkloadEndpoint } from '../store/world.ts'
import { clusterName } from './names.ts'

/** Who is in each cluster of a service; those that resolve names have their endpoints in themselves. */
export function translateEndpoints(view: ServiceView): readonly ClusterEndpoints[] {
  if (view.resolution !== 'static') return []
  return view.ports.flatMap(({ number }) =>
    subsetsOf(view).map((subset) => ({
      cluster: clusterName(view.host, number, subset),
      endpoints: endpointsOf(view, number, subset),
    })),
  )
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
    const { address, weight, healthy } = endpoint
    return [{ address: { host: address, port: target }, hostname: '', weight, healthy }]
  })
}

function isIn({ labels = {} }: Subset, endpoint: WorkloadEndpoint): boolean {
  return Object.entries(labels).every(
    ([name, value]) => Object.hasOwn(endpoint.labels, name) && endpoint.labels[name] === value,
  )
}
