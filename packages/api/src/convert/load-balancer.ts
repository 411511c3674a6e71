import type { LoadBalancerConfig } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import { type Balance, convertBalancingPolicy } from './balancing-policy.ts'
import { convertMaglev, convertRing } from './hash-tables.ts'
import { convertLeastRequest } from './least-request.ts'
import { convertLocalityLb } from './locality-lb.ts'
import { convertSlowStart } from './slow-start.ts'
import { convertSubsets } from './subsets.ts'

const CONFIG_OF: Readonly<Record<string, string>> = {
  ROUND_ROBIN: 'round_robin_lb_config',
  LEAST_REQUEST: 'least_request_lb_config',
  RING_HASH: 'ring_hash_lb_config',
  MAGLEV: 'maglev_lb_config',
}

/** Of `common_lb_config`: what a policy in the extension's form says itself. */
const SAID_BY_POLICY = ['zone_aware_lb_config', 'locality_weighted_lb_config', 'consistent_hashing_lb_config']

/** `load_balancing_policy`, or else the older fields that say the same. */
export function convertBalance(cluster: ConfigMessage, addressesChange: boolean): Balance {
  if (!cluster.has('load_balancing_policy')) return convertOwnFields(cluster, addressesChange)
  for (const name of [...Object.values(CONFIG_OF), 'lb_subset_config']) refuseBoth(cluster, cluster, name)
  const common = cluster.message('common_lb_config')
  for (const name of SAID_BY_POLICY) refuseBoth(cluster, common, name)
  return convertBalancingPolicy(cluster, 'load_balancing_policy', addressesChange)
}

function refuseBoth(cluster: ConfigMessage, owner: ConfigMessage | undefined, name: string): void {
  if (!owner?.has(name)) return
  owner.refuse(name, `${name} cannot be combined with load_balancing_policy`)
  cluster.error('load_balancing_policy', `cannot be combined with ${name}`)
}

function convertOwnFields(cluster: ConfigMessage, addressesChange: boolean): Balance {
  const { localityLb } = convertLocalityLb(cluster.message('common_lb_config'))
  const subsetting = cluster.message('lb_subset_config')
  const { subsets } = subsetting === undefined ? {} : convertSubsets(subsetting)
  if (subsets?.localityWeightAware && localityLb?.kind !== 'weighted') {
    subsetting?.error('locality_weight_aware', 'needs locality_weighted_lb_config')
  }
  return {
    loadBalancer: convertLoadBalancer(cluster, addressesChange),
    ...(localityLb === undefined ? {} : { localityLb }),
    ...(subsets === undefined ? {} : { subsets }),
  }
}

/** `lb_policy` with the settings that belong to it; settings of another policy are refused. */
function convertLoadBalancer(cluster: ConfigMessage, addressesChange: boolean): LoadBalancerConfig {
  const policy = cluster.enumName('lb_policy')
  refuseOtherSettings(cluster, policy)
  const useHostname = convertHashing(cluster, policy)
  switch (policy) {
    case 'ROUND_ROBIN':
      return { kind: 'round-robin', ...convertSlowStart(cluster.message('round_robin_lb_config')) }
    case 'LEAST_REQUEST':
      return convertLeastRequest(cluster.message('least_request_lb_config'))
    case 'RANDOM':
      return { kind: 'random' }
    case 'RING_HASH':
      return convertRing(cluster.message('ring_hash_lb_config'), useHostname, addressesChange)
    case 'MAGLEV':
      return convertMaglev(cluster.message('maglev_lb_config'), useHostname, addressesChange)
    case 'LOAD_BALANCING_POLICY_CONFIG':
      cluster.reportMissing('load_balancing_policy')
      return { kind: 'round-robin' }
    default:
      cluster.error('lb_policy', `${policy} is not supported yet`)
      return { kind: 'round-robin' }
  }
}

function refuseOtherSettings(cluster: ConfigMessage, policy: string): void {
  for (const [owner, name] of Object.entries(CONFIG_OF)) {
    if (owner !== policy && cluster.has(name)) cluster.refuse(name, `${name} needs lb_policy ${owner}, not ${policy}`)
  }
}

function convertHashing(cluster: ConfigMessage, policy: string): boolean {
  const hashing = cluster.message('common_lb_config')?.message('consistent_hashing_lb_config')
  if (hashing === undefined) return false
  const useHostname = hashing.flag('use_hostname_for_hashing') ?? false
  if (useHostname && policy !== 'RING_HASH' && policy !== 'MAGLEV') {
    hashing.error('use_hostname_for_hashing', 'needs lb_policy RING_HASH or MAGLEV')
  }
  return useHostname
}
