import type { LocalityLbConfig } from '../model/index.ts'

const DEFAULT_MIN_CLUSTER_SIZE = 6

/** The oneof of a `common_lb_config`, or of a policy's `locality_lb_config`: both are alike. */
export function localityLbInit(localityLb: LocalityLbConfig | undefined) {
  if (localityLb === undefined) return {}
  if (localityLb.kind === 'weighted') {
    return { localityConfigSpecifier: { case: 'localityWeightedLbConfig' as const, value: {} } }
  }
  const { routingEnabledPercent, minClusterSize, failTrafficOnPanic } = localityLb
  const value = {
    ...(routingEnabledPercent === 100 ? {} : { routingEnabled: { value: routingEnabledPercent } }),
    ...(minClusterSize === DEFAULT_MIN_CLUSTER_SIZE ? {} : { minClusterSize: BigInt(minClusterSize) }),
    failTrafficOnPanic,
  }
  return { localityConfigSpecifier: { case: 'zoneAwareLbConfig' as const, value } }
}
