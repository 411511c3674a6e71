import type { LocalityLbConfig } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'

const DEFAULT_MIN_CLUSTER_SIZE = 6

/** How localities share requests: in `common_lb_config`, or in the `locality_lb_config` of a policy. Empty: not at all. */
export function convertLocalityLb(owner: ConfigMessage | undefined): { readonly localityLb?: LocalityLbConfig } {
  const zoneAware = owner?.message('zone_aware_lb_config')
  if (zoneAware !== undefined) return { localityLb: convertZoneAware(zoneAware) }
  return convertLocalityWeighted(owner)
}

/** Of a policy that knows no zones. */
export function convertLocalityWeighted(owner: ConfigMessage | undefined): { readonly localityLb?: LocalityLbConfig } {
  return owner?.message('locality_weighted_lb_config') === undefined ? {} : { localityLb: { kind: 'weighted' } }
}

function convertZoneAware(config: ConfigMessage): LocalityLbConfig {
  const enabled = config.message('routing_enabled')
  return {
    kind: 'zone-aware',
    routingEnabledPercent: enabled === undefined ? 100 : (enabled.number('value') ?? 0),
    minClusterSize: config.number('min_cluster_size') ?? DEFAULT_MIN_CLUSTER_SIZE,
    failTrafficOnPanic: config.flag('fail_traffic_on_panic') ?? false,
  }
}
