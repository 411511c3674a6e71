import { create, type DescMessage } from '@bufbuild/protobuf'
import { type Any, anyPack, durationFromMs } from '@bufbuild/protobuf/wkt'
import type { LoadBalancingPolicySchema } from '../gen/envoy/config/cluster/v3/cluster_pb.ts'
import { LeastRequestSchema } from '../gen/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb.ts'
import { MaglevSchema } from '../gen/envoy/extensions/load_balancing_policies/maglev/v3/maglev_pb.ts'
import { PeakEwmaSchema } from '../gen/envoy/extensions/load_balancing_policies/peak_ewma/v3alpha/peak_ewma_pb.ts'
import { RandomSchema } from '../gen/envoy/extensions/load_balancing_policies/random/v3/random_pb.ts'
import { RingHashSchema } from '../gen/envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash_pb.ts'
import { RoundRobinSchema } from '../gen/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin_pb.ts'
import { SubsetSchema } from '../gen/envoy/extensions/load_balancing_policies/subset/v3/subset_pb.ts'
import { WrrLocalitySchema } from '../gen/envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality_pb.ts'
import type { ClusterConfig, LoadBalancerConfig } from '../model/index.ts'
import type { Init } from './init.ts'
import { localityLbInit } from './locality-lb.ts'
import { runtimeDoubleInit, slowStartInit } from './slow-start.ts'
import { subsetsInit } from './subsets.ts'

type Balance = Pick<ClusterConfig, 'loadBalancer' | 'localityLb' | 'subsets'>
type Policy = Init<typeof LoadBalancingPolicySchema>

/** Whether it can be said in a `load_balancing_policy` only, and not in the older fields of a cluster. */
export function needsPolicy({ loadBalancer, subsets }: Balance): boolean {
  return loadBalancer.kind === 'peak-ewma' || subsets?.allowRedundantKeys === true
}

/** A LoadBalancingPolicy that says all of it. */
export function balancingPolicyInit({ loadBalancer, localityLb, subsets }: Balance): Policy {
  const inner = localPolicy(loadBalancer, localityLb)
  if (subsets === undefined) return inner
  const { allowRedundantKeys } = subsets
  const subset = create(SubsetSchema, { ...subsetsInit(subsets), allowRedundantKeys, subsetLbPolicy: inner })
  return policyOf('subset', anyPack(SubsetSchema, subset))
}

/** Policies that do not know of localities stand inside of wrr_locality. */
function localPolicy(loadBalancer: LoadBalancerConfig, localityLb: Balance['localityLb']): Policy {
  if (loadBalancer.kind !== 'peak-ewma') return leafPolicy(loadBalancer, localityLb)
  const endpointPickingPolicy = policyOf('peak_ewma', peakEwma(loadBalancer))
  if (localityLb === undefined) return endpointPickingPolicy
  if (localityLb.kind !== 'weighted') throw new TypeError('peak_ewma cannot be aware of zones')
  return policyOf('wrr_locality', pack(WrrLocalitySchema, { endpointPickingPolicy }))
}

function leafPolicy(
  loadBalancer: Exclude<LoadBalancerConfig, { kind: 'peak-ewma' }>,
  localityLb: Balance['localityLb'],
): Policy {
  const locality = localityLb === undefined ? {} : { localityLbConfig: localityLbInit(localityLb) }
  const weighted = localityLb?.kind === 'weighted' ? { localityWeightedLbConfig: {} } : {}
  switch (loadBalancer.kind) {
    case 'round-robin':
      return policyOf('round_robin', pack(RoundRobinSchema, { ...slowStartInit(loadBalancer.slowStart), ...locality }))
    case 'random':
      return policyOf('random', pack(RandomSchema, locality))
    case 'least-request':
      return policyOf('least_request', pack(LeastRequestSchema, { ...leastRequest(loadBalancer), ...locality }))
    case 'ring-hash':
      return policyOf('ring_hash', pack(RingHashSchema, { ...ringHash(loadBalancer), ...weighted }))
    case 'maglev':
      return policyOf('maglev', pack(MaglevSchema, { ...maglev(loadBalancer), ...weighted }))
    default:
      return loadBalancer satisfies never
  }
}

function policyOf(name: string, typedConfig: Any): Policy {
  return { policies: [{ typedExtensionConfig: { name: `envoy.load_balancing_policies.${name}`, typedConfig } }] }
}

function pack<Schema extends DescMessage>(schema: Schema, init: Init<Schema>): Any {
  return anyPack(schema, create(schema, init as never))
}

function leastRequest(config: LoadBalancerConfig & { kind: 'least-request' }): Init<typeof LeastRequestSchema> {
  const { choiceCount, activeRequestBias = 1, slowStart } = config
  return {
    ...(choiceCount === 2 ? {} : { choiceCount }),
    ...(activeRequestBias === 1 ? {} : { activeRequestBias: runtimeDoubleInit(activeRequestBias) }),
    ...slowStartInit(slowStart),
  }
}

function ringHash(config: LoadBalancerConfig & { kind: 'ring-hash' }): Init<typeof RingHashSchema> {
  const { minimumRingSize, maximumRingSize, useHostname } = config
  return {
    minimumRingSize: BigInt(minimumRingSize),
    maximumRingSize: BigInt(maximumRingSize),
    ...(useHostname ? { consistentHashingLbConfig: { useHostnameForHashing: true } } : {}),
  }
}

function maglev({ tableSize, useHostname }: LoadBalancerConfig & { kind: 'maglev' }): Init<typeof MaglevSchema> {
  return {
    tableSize: BigInt(tableSize),
    ...(useHostname ? { consistentHashingLbConfig: { useHostnameForHashing: true } } : {}),
  }
}

function peakEwma({ decayMs, defaultReplyMs, penalty }: LoadBalancerConfig & { kind: 'peak-ewma' }): Any {
  return pack(PeakEwmaSchema, {
    ...(decayMs === 10_000 ? {} : { decayTime: durationFromMs(decayMs) }),
    ...(defaultReplyMs === 10 ? {} : { defaultRtt: durationFromMs(defaultReplyMs) }),
    ...(penalty === 1_000_000 ? {} : { penaltyValue: penalty }),
  })
}
