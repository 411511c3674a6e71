import { Cluster_LbPolicy, type ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.ts'
import type { ClusterConfig, LoadBalancerConfig } from '../model/index.ts'
import { balancingPolicyInit, needsPolicy } from './balancing-policy.ts'
import type { Init } from './init.ts'
import { localityLbInit } from './locality-lb.ts'
import { runtimeDoubleInit, slowStartInit } from './slow-start.ts'
import { subsetsInit } from './subsets.ts'

type ClusterInit = Init<typeof ClusterSchema>

const DEFAULT_CHOICES = 2
const DEFAULT_SMALLEST_RING = 1_024
const DEFAULT_LARGEST_RING = 8_388_608
const DEFAULT_TABLE = 65_537

/** How requests are shared out, but for what `common_lb_config` says of it; in the older fields where they can say it. */
export function balanceInit(cluster: ClusterConfig): ClusterInit {
  if (needsPolicy(cluster)) return { loadBalancingPolicy: balancingPolicyInit(cluster) }
  const { loadBalancer, subsets } = cluster
  return {
    ...loadBalancerInit(loadBalancer),
    ...(subsets === undefined ? {} : { lbSubsetConfig: subsetsInit(subsets) }),
  }
}

/** `lb_policy` with the settings that belong to it. */
function loadBalancerInit(balancer: LoadBalancerConfig): ClusterInit {
  switch (balancer.kind) {
    case 'round-robin':
      return { lbPolicy: Cluster_LbPolicy.ROUND_ROBIN, ...roundRobinInit(balancer) }
    case 'random':
      return { lbPolicy: Cluster_LbPolicy.RANDOM }
    case 'least-request':
      return { lbPolicy: Cluster_LbPolicy.LEAST_REQUEST, ...leastRequestInit(balancer) }
    case 'ring-hash':
      return { lbPolicy: Cluster_LbPolicy.RING_HASH, ...ringInit(balancer) }
    case 'maglev':
      return { lbPolicy: Cluster_LbPolicy.MAGLEV, ...maglevInit(balancer) }
    case 'peak-ewma':
      throw new TypeError('peak_ewma needs a load_balancing_policy')
    default:
      return balancer satisfies never
  }
}

function roundRobinInit({ slowStart }: LoadBalancerConfig & { kind: 'round-robin' }): ClusterInit {
  if (slowStart === undefined) return {}
  return { lbConfig: { case: 'roundRobinLbConfig', value: slowStartInit(slowStart) } }
}

function leastRequestInit(balancer: LoadBalancerConfig & { kind: 'least-request' }): ClusterInit {
  const { choiceCount, activeRequestBias = 1, slowStart } = balancer
  if (choiceCount === DEFAULT_CHOICES && activeRequestBias === 1 && slowStart === undefined) return {}
  const value = {
    ...(choiceCount === DEFAULT_CHOICES ? {} : { choiceCount }),
    ...(activeRequestBias === 1 ? {} : { activeRequestBias: runtimeDoubleInit(activeRequestBias) }),
    ...slowStartInit(slowStart),
  }
  return { lbConfig: { case: 'leastRequestLbConfig', value } }
}

function ringInit({ minimumRingSize, maximumRingSize }: LoadBalancerConfig & { kind: 'ring-hash' }): ClusterInit {
  if (minimumRingSize === DEFAULT_SMALLEST_RING && maximumRingSize === DEFAULT_LARGEST_RING) return {}
  const value = { minimumRingSize: BigInt(minimumRingSize), maximumRingSize: BigInt(maximumRingSize) }
  return { lbConfig: { case: 'ringHashLbConfig', value } }
}

function maglevInit({ tableSize }: LoadBalancerConfig & { kind: 'maglev' }): ClusterInit {
  if (tableSize === DEFAULT_TABLE) return {}
  return { lbConfig: { case: 'maglevLbConfig', value: { tableSize: BigInt(tableSize) } } }
}

/** Fields of `common_lb_config`; none where a policy says all of it. */
export function commonBalanceInit(cluster: ClusterConfig) {
  if (needsPolicy(cluster)) return {}
  const { loadBalancer, localityLb } = cluster
  const useHostname = (loadBalancer.kind === 'ring-hash' || loadBalancer.kind === 'maglev') && loadBalancer.useHostname
  return {
    ...(useHostname ? { consistentHashingLbConfig: { useHostnameForHashing: true } } : {}),
    ...localityLbInit(localityLb),
  }
}
