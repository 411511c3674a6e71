import { Cluster_LbPolicy, type ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.ts'
import type { LoadBalancerConfig } from '../model/index.ts'
import type { Init } from './init.ts'

type ClusterInit = Init<typeof ClusterSchema>

const DEFAULT_CHOICES = 2
const DEFAULT_SMALLEST_RING = 1_024
const DEFAULT_LARGEST_RING = 8_388_608
const DEFAULT_TABLE = 65_537

/** `lb_policy` with the settings that belong to it. */
export function loadBalancerInit(balancer: LoadBalancerConfig): ClusterInit {
  switch (balancer.kind) {
    case 'round-robin':
      return { lbPolicy: Cluster_LbPolicy.ROUND_ROBIN }
    case 'random':
      return { lbPolicy: Cluster_LbPolicy.RANDOM }
    case 'least-request':
      return { lbPolicy: Cluster_LbPolicy.LEAST_REQUEST, ...leastRequestInit(balancer) }
    case 'ring-hash':
      return { lbPolicy: Cluster_LbPolicy.RING_HASH, ...ringInit(balancer) }
    case 'maglev':
      return { lbPolicy: Cluster_LbPolicy.MAGLEV, ...maglevInit(balancer) }
    default:
      return balancer satisfies never
  }
}

function leastRequestInit({ choiceCount }: LoadBalancerConfig & { kind: 'least-request' }): ClusterInit {
  if (choiceCount === DEFAULT_CHOICES) return {}
  return { lbConfig: { case: 'leastRequestLbConfig', value: { choiceCount } } }
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

/** Fields of `common_lb_config`. */
export function consistentHashingInit(balancer: LoadBalancerConfig) {
  const useHostname = (balancer.kind === 'ring-hash' || balancer.kind === 'maglev') && balancer.useHostname
  return useHostname ? { consistentHashingLbConfig: { useHostnameForHashing: true } } : {}
}
