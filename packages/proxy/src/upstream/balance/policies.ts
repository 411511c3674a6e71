/** The list of load balancing policies: a new one is a file beside this and a line here. */
import type { LoadBalancerConfig } from '@meltemi/api'
import { createLeastRequestBalancer } from './least-request.ts'
import { createMaglevBalancer } from './maglev.ts'
import { createPeakEwmaBalancer } from './peak-ewma.ts'
import type { Balancer, BalancerFactory, BalanceTools } from './picker.ts'
import { createRandomBalancer } from './random.ts'
import { createRingHashBalancer } from './ring-hash.ts'
import { createRoundRobinBalancer } from './round-robin.ts'

type Policies = { readonly [K in LoadBalancerConfig['kind']]: BalancerFactory<K> }

const policies: Policies = {
  'round-robin': createRoundRobinBalancer,
  'least-request': createLeastRequestBalancer,
  random: createRandomBalancer,
  'ring-hash': createRingHashBalancer,
  maglev: createMaglevBalancer,
  'peak-ewma': createPeakEwmaBalancer,
}

/** `tools.random` gives each worker its own start. */
export function createBalancer(config: LoadBalancerConfig, tools: BalanceTools): Balancer {
  const create = policies[config.kind] as BalancerFactory<LoadBalancerConfig['kind']>
  return create(config, tools)
}

/** Whether equal hashes go to equal endpoints. */
export function isHashing({ kind }: LoadBalancerConfig): boolean {
  return kind === 'ring-hash' || kind === 'maglev'
}
