import type { DestinationRule, SubsetTrafficPolicy } from '@meltemi/api'
import type { ServiceView } from '../store/world.ts'

const cache = new WeakMap<ServiceView, ServiceView>()

/**
 * The service as a proxy can serve it: Meltemi's own do not look for workloads that fail yet, and would refuse a cluster
 * that tells them to, so they get it without that.
 */
export function ableView(view: ServiceView, canEject: boolean): ServiceView {
  const { destinationRule } = view
  if (canEject || destinationRule === undefined || !hasOutlierDetection(destinationRule)) return view
  const able = cache.get(view) ?? { ...view, destinationRule: withoutOutlierDetection(destinationRule) }
  cache.set(view, able)
  return able
}

export function hasOutlierDetection({ spec }: DestinationRule): boolean {
  const { trafficPolicy, subsets = [] } = spec
  const policies = [
    trafficPolicy,
    ...(trafficPolicy?.portLevelSettings ?? []),
    ...subsets.map((each) => each.trafficPolicy),
  ]
  return policies.some((policy) => policy?.outlierDetection !== undefined)
}

function withoutOutlierDetection(rule: DestinationRule): DestinationRule {
  const { trafficPolicy, subsets } = rule.spec
  const spec = {
    ...rule.spec,
    ...(trafficPolicy === undefined ? {} : { trafficPolicy: withoutIt(trafficPolicy) }),
    ...(subsets === undefined ? {} : { subsets: subsets.map(withoutItInSubset) }),
  }
  return { ...rule, spec }
}

type TrafficPolicy = NonNullable<DestinationRule['spec']['trafficPolicy']>
type Subset = NonNullable<DestinationRule['spec']['subsets']>[number]

function withoutIt(policy: TrafficPolicy): TrafficPolicy {
  const { portLevelSettings, ...rest } = policy
  if (portLevelSettings === undefined) return withoutField(rest)
  return { ...withoutField(rest), portLevelSettings: portLevelSettings.map(withoutField) }
}

function withoutItInSubset(subset: Subset): Subset {
  return subset.trafficPolicy === undefined ? subset : { ...subset, trafficPolicy: withoutField(subset.trafficPolicy) }
}

function withoutField<T extends SubsetTrafficPolicy>({ outlierDetection: _, ...rest }: T): Omit<T, 'outlierDetection'> {
  return rest
}
