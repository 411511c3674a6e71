import type { ServiceView } from '../../store/world.ts'
import { isDryRun, isDubboPolicy } from './dubbo-rbac.ts'
import type { EnvoyFilter } from './envoy-filter.ts'
import type { FilterPort } from './filter-ports.ts'

/** Which policies of a service its filters do not keep to: only those of Dubbo can be said, to Envoy's own proxy for it. */
export function policyNotes(
  { policies }: ServiceView,
  ports: readonly FilterPort[],
  filters: readonly EnvoyFilter[],
): readonly string[] {
  if (policies.length === 0 || ports.length === 0) return []
  const isOfDubbo = ports.every(({ kind }) => kind === 'dubbo')
  const ignored = policies.filter((policy) => !isOfDubbo || !isDubboPolicy(policy)).length
  const said = policies.filter(isDubboPolicy)
  const isInbound = filters.some(({ spec }) => spec.workloadSelector !== undefined)
  return [
    ...(ignored === 0
      ? []
      : [`EnvoyFilters do not say who may send what: ${ignored} authorization policies are not kept to`]),
    ...(isOfDubbo && said.some(isDryRun) ? ['EnvoyFilters do not tell what a policy of a dry run would do'] : []),
    ...(isOfDubbo && said.length > 0 && !isInbound
      ? [`there is no filter in front of workloads, so ${said.length} policies of Dubbo are not kept to`]
      : []),
  ]
}
