/** The list of load balancing policies: a new one is a file beside this and a line here. */
import type { LoadBalancerConfig } from '@meltemi/api'
import type { Random } from '../../util/random.ts'
import type { Balancer, BalancerFactory } from './picker.ts'
import { createRandomBalancer } from './random.ts'

type Policies = { readonly [K in LoadBalancerConfig['kind']]: BalancerFactory<K> }

const policies: Policies = {
  'round-robin': createRandomBalancer,
  'least-request': createRandomBalancer,
  random: createRandomBalancer,
  'ring-hash': createRandomBalancer,
  maglev: createRandomBalancer,
}

/** `random` gives each worker its own start. */
export function createBalancer(config: LoadBalancerConfig, random: Random): Balancer {
  const create = policies[config.kind] as BalancerFactory<LoadBalancerConfig['kind']>
  return create(config, random)
}
