import type { ClusterConfig, FilterConfig, GlobalRateLimitConfig } from '@meltemi/api/model'
import { globalRateLimit } from '@meltemi/proxy/filters'
import { Draw } from './draw.ts'
import { LIMITS, type Scenario } from './scenario.ts'

/**
 * A third of the scenarios ask a rate limit service about every request, in trouble more often than not; whatever it says,
 * requests pass in the end. What is drawn for it is drawn apart, so that the rest of the scenario stays as it was.
 */
export function addGlobalLimit(scenario: Scenario): Scenario {
  const draw = new Draw(scenario.seed, 7)
  if (scenario.isTcp || draw.chance(0.66)) return scenario
  const filter = limitFilter(draw)
  const { config } = scenario
  return {
    ...scenario,
    config: {
      ...config,
      clusters: [...config.clusters, limitCluster(draw, config.clusters[0] as ClusterConfig)],
      listeners: config.listeners.map((listener) =>
        listener.filter.kind === 'meta-protocol'
          ? { ...listener, filter: { ...listener.filter, filters: [...listener.filter.filters, filter] } }
          : listener,
      ),
    },
  }
}

function limitFilter(draw: Draw): FilterConfig {
  const parsed: GlobalRateLimitConfig = {
    match: { metadata: [] },
    domain: 'sim',
    grpcService: {
      cluster: draw.chance(0.9) ? LIMITS : 'nowhere',
      authority: '',
      headers: [],
      timeoutMs: draw.pick([5, 20]),
    },
    failureModeDeny: false,
    descriptors: [{ entries: [{ kind: 'constant', key: 'generic_key', value: 'all' }] }],
    hitsAddend: 0,
    statPrefix: '',
  }
  return { name: globalRateLimit.name, typeUrl: globalRateLimit.typeUrl, config: {}, parsed }
}

function limitCluster(draw: Draw, like: ClusterConfig): ClusterConfig {
  const count = draw.int(0, 3)
  return {
    ...like,
    name: LIMITS,
    statName: LIMITS,
    discovery: 'static',
    endpoints: Array.from({ length: count }, (_, index) => ({
      address: { host: `10.10.0.${index + 1}`, port: 8081 },
      hostname: '',
      weight: 1,
      healthy: true,
    })),
    loadBalancer: { kind: 'round-robin' },
    circuitBreaker: {
      maxConnections: 1024,
      maxPendingRequests: 1024,
      maxRequests: draw.pick([1, 4, 1024]),
      maxRetries: 3,
    },
  }
}
