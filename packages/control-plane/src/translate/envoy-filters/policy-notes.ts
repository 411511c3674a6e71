import type { ServiceView } from '../../store/world.ts'
import { isDryRun, isDubboPolicy } from './dubbo-rbac.ts'
import type { EnvoyFilter, FilterKind } from './envoy-filter.ts'
import type { FilterPort } from './filter-ports.ts'

/** Which policies of a service its filters do not keep to: only those of Dubbo can be said, to Envoy's own proxy for it. */
export function policyNotes(
  { policies }: ServiceView,
  ports: readonly FilterPort[],
  filters: readonly EnvoyFilter[],
): readonly string[] {
  if (policies.length === 0 || ports.length === 0) return []
  const has = (wanted: FilterKind) => ports.some(({ kind }) => kind === wanted)
  const isNative = has('dubbo') && !has('metaprotocol')
  const ignored = policies.filter((policy) => !isNative || !isDubboPolicy(policy)).length
  const said = isNative ? policies.filter(isDubboPolicy) : []
  const isInbound = filters.some(({ spec }) => spec.workloadSelector !== undefined)
  return [
    ...(ignored === 0
      ? []
      : [`EnvoyFilters do not say who may send what: ${ignored} authorization policies are not kept to`]),
    ...(said.some(isDryRun) ? ['EnvoyFilters do not tell what a policy of a dry run would do'] : []),
    ...(said.length > 0 && !isInbound
      ? [`there is no filter in front of workloads, so ${said.length} policies of Dubbo are not kept to`]
      : []),
  ]
}
