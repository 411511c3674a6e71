import type { ServicePort, ServiceView } from '../../store/world.ts'
import type { FilterPort } from './filter-ports.ts'
import { redisCluster } from './redis-clusters.ts'
import { RedisInputs } from './redis-inputs.ts'
import { redisInbound, redisOutbound } from './redis-value.ts'

const NOTHING_SAID = new RedisInputs({
  resources: [],
  services: new Map(),
  secrets: new Map(),
  refused: new Set(),
})

/** A port of Redis, whose commands Envoy itself routes. */
export function redisPort(view: ServiceView, port: ServicePort, redis: RedisInputs = NOTHING_SAID): FilterPort {
  const context = { view, port, redis }
  return {
    number: port.number,
    kind: 'redis',
    outbound: () => redisOutbound(context),
    inbound: (workloadPort) => redisInbound(context, workloadPort),
    cluster: () => redisCluster(context),
  }
}
