import type { ClusterConfig, EndpointConfig, LoadBalancerConfig, SubsetConfig } from '@meltemi/api/model'
import type { Draw } from './draw.ts'

/** Routes ask for nothing here: every request is for the fallback. */
const SUBSETS: SubsetConfig = {
  fallback: 'any',
  defaultSubset: {},
  selectors: [{ keys: ['version'], fallback: 'inherit', fallbackKeys: [], singleHost: false }],
  localityWeightAware: false,
  scaleLocalityWeight: false,
  panicModeAny: false,
  listAsAny: false,
  allowRedundantKeys: false,
  metadataFallback: 'none',
}

/** Half of the clusters get priorities, localities, subsets, policies with a memory, or one logical name. */
export function addBalance(cluster: ClusterConfig, draw: Draw): ClusterConfig {
  if (draw.chance(0.5)) return cluster
  const isLogical = cluster.discovery === 'strict-dns' && draw.chance(0.5)
  return {
    ...cluster,
    discovery: isLogical ? 'logical-dns' : cluster.discovery,
    endpoints: cluster.endpoints.map((endpoint) => addPlace(endpoint, draw)),
    loadBalancer: draw.chance(0.3) ? drawRemembering(draw) : cluster.loadBalancer,
    ...(draw.chance(0.4) ? { localityLb: { kind: 'weighted' } } : {}),
    ...(draw.chance(0.3) ? { subsets: SUBSETS } : {}),
    dnsFailureRefresh: { baseMs: 50, maxMs: draw.pick([50, 500]) },
  }
}

/** Healthy ones stay so: nothing that is expected to be answered may fail for this. */
function addPlace(endpoint: EndpointConfig, draw: Draw): EndpointConfig {
  const zone = draw.pick(['a', 'b'])
  return {
    ...endpoint,
    priority: draw.pick([0, 0, 1, 3]),
    degraded: draw.chance(0.2),
    locality: { region: 'r', zone, subZone: '' },
    // the same for all of one locality
    localityWeight: zone === 'a' ? 2 : 1,
    metadata: { version: draw.pick(['1', '2']) },
  }
}

function drawRemembering(draw: Draw): LoadBalancerConfig {
  const slowStart = { windowMs: draw.pick([100, 2000]), aggression: draw.pick([1, 2]), minWeightPercent: 10 }
  switch (draw.int(0, 2)) {
    case 0:
      return { kind: 'peak-ewma', decayMs: draw.pick([50, 1000]), defaultReplyMs: 10, penalty: 1_000_000 }
    case 1:
      return { kind: 'round-robin', slowStart }
    default:
      return { kind: 'least-request', choiceCount: 2, activeRequestBias: 2, slowStart }
  }
}
