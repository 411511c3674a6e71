import { keyOf, type Service, type ServiceEntry } from '@meltemi/api'
import { ownValue } from '../store/own-value.ts'
import type { ServiceView, StatusNote, WorkloadEndpoint } from '../store/world.ts'

/** Services without workloads, and subsets that select none of them. */
export function endpointNotes(view: ServiceView): readonly StatusNote[] {
  if (view.resolution === 'none') return []
  return view.endpoints.length === 0 ? [noEndpoints(view)] : emptySubsets(view)
}

function noEndpoints({ origin, host }: ServiceView): StatusNote {
  return {
    key: keyOf(origin),
    severity: 'warning',
    code: 'no-endpoints',
    path: ['spec'],
    message: `${host} has no workloads, so every request to it fails`,
    fix: whereFrom(origin),
  }
}

function whereFrom(origin: ServiceEntry | Service): string {
  const { namespace } = origin.metadata
  const labels = origin.kind === 'ServiceEntry' ? origin.spec.workloadSelector?.labels : origin.spec.selector
  const selector = Object.entries(labels ?? {}).map(([name, value]) => `${name}: ${value}`)
  if (selector.length > 0)
    return `add a WorkloadEntry in the namespace ${namespace} with the labels ${selector.join(', ')}`
  return origin.kind === 'ServiceEntry' ? 'add endpoints, or a workloadSelector' : 'add a selector, or an EndpointSlice'
}

function emptySubsets({ destinationRule, endpoints }: ServiceView): readonly StatusNote[] {
  if (destinationRule === undefined) return []
  return (destinationRule.spec.subsets ?? []).flatMap(({ name, labels = {} }, index) => {
    if (endpoints.some((endpoint) => hasLabels(endpoint, labels))) return []
    return [
      {
        key: keyOf(destinationRule),
        severity: 'warning' as const,
        code: 'no-endpoints' as const,
        path: ['spec', 'subsets', index],
        message: `none of the ${endpoints.length} workloads has the labels of the subset ${name}`,
        fix: 'label them in their WorkloadEntry, or correct the labels here',
      },
    ]
  })
}

function hasLabels({ labels }: WorkloadEndpoint, wanted: Readonly<Record<string, string>>): boolean {
  return Object.entries(wanted).every(([name, value]) => ownValue(labels, name) === value)
}
