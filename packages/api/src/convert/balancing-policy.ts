import type { ClusterConfig, LoadBalancerConfig } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import { convertMaglev, convertRing } from './hash-tables.ts'
import { convertLeastRequest } from './least-request.ts'
import { convertLocalityLb, convertLocalityWeighted } from './locality-lb.ts'
import { convertSlowStart } from './slow-start.ts'
import { convertSubsets } from './subsets.ts'

/** How requests are shared out. */
export type Balance = Pick<ClusterConfig, 'loadBalancer' | 'localityLb' | 'subsets'>

type Convert = (policy: ConfigMessage, addressesChange: boolean) => Balance

const PREFIX = 'envoy.extensions.load_balancing_policies.'

/** By type, as extensions are found. */
const POLICIES: ReadonlyMap<string, Convert> = new Map<string, Convert>([
  [`${PREFIX}round_robin.v3.RoundRobin`, convertRoundRobin],
  [`${PREFIX}least_request.v3.LeastRequest`, convertLeastRequestPolicy],
  [`${PREFIX}random.v3.Random`, (policy) => ({ loadBalancer: { kind: 'random' }, ...convertLocalities(policy) })],
  [`${PREFIX}ring_hash.v3.RingHash`, convertRingPolicy],
  [`${PREFIX}maglev.v3.Maglev`, convertMaglevPolicy],
  [`${PREFIX}peak_ewma.v3alpha.PeakEwma`, (policy) => ({ loadBalancer: convertPeakEwma(policy) })],
  [`${PREFIX}subset.v3.Subset`, convertSubsetPolicy],
  [`${PREFIX}wrr_locality.v3.WrrLocality`, convertWrrLocality],
])

/** Field `name`, a LoadBalancingPolicy: of its list the first policy that is known; those of others are passed over, as in Envoy. */
export function convertBalancingPolicy(owner: ConfigMessage, name: string, addressesChange: boolean): Balance {
  const list = owner.message(name)
  let balance: Balance | undefined
  for (const entry of list?.messages('policies') ?? []) {
    const typed = entry.message('typed_extension_config')?.any('typed_config')
    const convert = typed === undefined ? undefined : POLICIES.get(typed.typeName)
    if (balance === undefined && typed?.message !== undefined && convert !== undefined) {
      balance = convert(typed.message, addressesChange)
    } else typed?.message?.handOver()
  }
  if (balance === undefined) list?.error('policies', 'none of the policies is supported')
  return balance ?? { loadBalancer: { kind: 'round-robin' } }
}

function convertLocalities(policy: ConfigMessage) {
  return convertLocalityLb(policy.message('locality_lb_config'))
}

function convertRoundRobin(policy: ConfigMessage): Balance {
  return { loadBalancer: { kind: 'round-robin', ...convertSlowStart(policy) }, ...convertLocalities(policy) }
}

function convertLeastRequestPolicy(policy: ConfigMessage): Balance {
  const method = policy.enumName('selection_method')
  if (method !== 'N_CHOICES') policy.error('selection_method', `${method} is not supported yet`)
  if (policy.flag('enable_full_scan')) policy.error('enable_full_scan', 'enable_full_scan is not supported yet')
  return { loadBalancer: convertLeastRequest(policy), ...convertLocalities(policy) }
}

function convertRingPolicy(policy: ConfigMessage, addressesChange: boolean): Balance {
  const useHostname = policy.flag('use_hostname_for_hashing') ?? false
  return {
    loadBalancer: convertRing(policy, convertHashing(policy) || useHostname, addressesChange),
    ...convertLocalityWeighted(policy),
  }
}

function convertMaglevPolicy(policy: ConfigMessage, addressesChange: boolean): Balance {
  return {
    loadBalancer: convertMaglev(policy, convertHashing(policy), addressesChange),
    ...convertLocalityWeighted(policy),
  }
}

function convertHashing(policy: ConfigMessage): boolean {
  return policy.message('consistent_hashing_lb_config')?.flag('use_hostname_for_hashing') ?? false
}

function convertPeakEwma(policy: ConfigMessage): LoadBalancerConfig {
  const decayMs = policy.durationMs('decay_time') ?? 10_000
  const defaultReplyMs = policy.durationMs('default_rtt') ?? 10
  const penalty = policy.number('penalty_value') ?? 1_000_000
  if (decayMs === 0) policy.error('decay_time', 'must be more than 0s')
  if (defaultReplyMs === 0) policy.error('default_rtt', 'must be more than 0s')
  if (!(penalty >= 0)) policy.error('penalty_value', `must be at least 0, got ${penalty}`)
  return { kind: 'peak-ewma', decayMs, defaultReplyMs, penalty }
}

function convertSubsetPolicy(policy: ConfigMessage, addressesChange: boolean): Balance {
  const inner = convertBalancingPolicy(policy, 'subset_lb_policy', addressesChange)
  if (inner.subsets !== undefined) policy.error('subset_lb_policy', 'subsets inside of subsets are not supported')
  const { subsets } = convertSubsets(policy)
  if (subsets?.localityWeightAware && inner.localityLb?.kind !== 'weighted') {
    policy.error('locality_weight_aware', 'needs locality_weighted_lb_config')
  }
  return { ...inner, ...(subsets === undefined ? {} : { subsets }) }
}

/** Localities by weight, and inside of them another policy. */
function convertWrrLocality(policy: ConfigMessage, addressesChange: boolean): Balance {
  const { loadBalancer, localityLb, subsets } = convertBalancingPolicy(
    policy,
    'endpoint_picking_policy',
    addressesChange,
  )
  if (localityLb !== undefined || subsets !== undefined) {
    policy.error('endpoint_picking_policy', 'localities and subsets inside of wrr_locality are not supported')
  }
  return { loadBalancer, localityLb: { kind: 'weighted' } }
}
