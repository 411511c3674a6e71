import { type ConsistentHash, type LoadBalancerConfig, type SlowStartConfig, tryParseDuration } from '@meltemi/api'
import type { Policy } from './traffic-policy.ts'

const LARGEST_RING = 8_388_608
const SMALLEST_RING = 1_024
const DEFAULT_TABLE = 65_537
/** Tables of changing endpoints are built anew with each change: proxies refuse larger ones. */
const LARGEST_REBUILT = 1_048_576

/** Istio's policies. PASSTHROUGH, which has no meaning without original destinations, is LEAST_REQUEST like the default. */
export function translateLoadBalancer({ loadBalancer }: Policy): LoadBalancerConfig {
  if (loadBalancer?.consistentHash !== undefined) return translateHash(loadBalancer.consistentHash)
  const warmup = translateWarmup(loadBalancer?.warmupDurationSecs)
  switch (loadBalancer?.simple) {
    case 'ROUND_ROBIN':
      return { kind: 'round-robin', ...warmup }
    case 'RANDOM':
      return { kind: 'random' }
    default:
      return { kind: 'least-request', choiceCount: 2, ...warmup }
  }
}

/** As Istio: in a straight line, from a tenth. */
function translateWarmup(text: string | undefined): { readonly slowStart?: SlowStartConfig } {
  const windowMs = text === undefined ? 0 : Math.round(tryParseDuration(text) ?? 0)
  return windowMs === 0 ? {} : { slowStart: { windowMs, aggression: 1, minWeightPercent: 10 } }
}

function translateHash({ maglev, ringHash, minimumRingSize }: ConsistentHash): LoadBalancerConfig {
  if (maglev !== undefined) return { kind: 'maglev', tableSize: tableSize(maglev.tableSize), useHostname: false }
  const wanted = ringHash?.minimumRingSize ?? minimumRingSize ?? SMALLEST_RING
  const smallest = Math.min(Math.max(1, wanted), LARGEST_REBUILT)
  return { kind: 'ring-hash', minimumRingSize: smallest, maximumRingSize: LARGEST_RING, useHostname: false }
}

function tableSize(wanted = DEFAULT_TABLE): number {
  return wanted > LARGEST_REBUILT ? DEFAULT_TABLE : wanted
}

/** Name of the property that decides; undefined: none does. */
export function hashKey({ loadBalancer }: Policy): string | undefined {
  return loadBalancer?.consistentHash?.httpHeaderName
}
