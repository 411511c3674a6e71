import type { LoadBalancerConfig } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'

const LARGEST_RING = 8_388_608
const CONFIG_OF: Readonly<Record<string, string>> = {
  ROUND_ROBIN: 'round_robin_lb_config',
  LEAST_REQUEST: 'least_request_lb_config',
  RING_HASH: 'ring_hash_lb_config',
  MAGLEV: 'maglev_lb_config',
}

/** Built anew when addresses change, which takes a third of a second: much longer and a worker would count as hung. */
const LARGEST_REBUILT = 1_048_576

/** `lb_policy` with the settings that belong to it; settings of another policy are refused. */
export function convertLoadBalancer(cluster: ConfigMessage, addressesChange: boolean): LoadBalancerConfig {
  const policy = cluster.enumName('lb_policy')
  refuseOtherSettings(cluster, policy)
  if (addressesChange) refuseLarge(cluster)
  const useHostname = convertHashing(cluster, policy)
  switch (policy) {
    case 'ROUND_ROBIN':
      cluster.message('round_robin_lb_config')
      return { kind: 'round-robin' }
    case 'LEAST_REQUEST':
      return {
        kind: 'least-request',
        choiceCount: cluster.message('least_request_lb_config')?.number('choice_count') ?? 2,
      }
    case 'RANDOM':
      return { kind: 'random' }
    case 'RING_HASH':
      return convertRing(cluster.message('ring_hash_lb_config'), useHostname)
    case 'MAGLEV':
      return { kind: 'maglev', tableSize: convertTableSize(cluster.message('maglev_lb_config')), useHostname }
    default:
      cluster.error('lb_policy', `${policy} is not supported yet`)
      return { kind: 'round-robin' }
  }
}

function refuseOtherSettings(cluster: ConfigMessage, policy: string): void {
  for (const [owner, name] of Object.entries(CONFIG_OF)) {
    if (owner !== policy && cluster.has(name)) cluster.refuse(name, `${name} needs lb_policy ${owner}, not ${policy}`)
  }
}

function refuseLarge(cluster: ConfigMessage): void {
  const sizes = [
    ['ring_hash_lb_config', 'minimum_ring_size'],
    ['maglev_lb_config', 'table_size'],
  ] as const
  for (const [name, field] of sizes) {
    const config = cluster.message(name)
    if ((config?.number(field) ?? 0) <= LARGEST_REBUILT) continue
    config?.error(field, `more than ${LARGEST_REBUILT} is not supported where addresses change (STRICT_DNS, EDS)`)
  }
}

function convertHashing(cluster: ConfigMessage, policy: string): boolean {
  const hashing = cluster.message('common_lb_config')?.message('consistent_hashing_lb_config')
  if (hashing === undefined) return false
  const useHostname = hashing.flag('use_hostname_for_hashing') ?? false
  if (useHostname && policy !== 'RING_HASH' && policy !== 'MAGLEV') {
    hashing.error('use_hostname_for_hashing', 'needs lb_policy RING_HASH or MAGLEV')
  }
  return useHostname
}

function convertRing(ring: ConfigMessage | undefined, useHostname: boolean): LoadBalancerConfig {
  const minimumRingSize = Math.max(1, ring?.number('minimum_ring_size') ?? 1024)
  const maximumRingSize = ring?.number('maximum_ring_size') ?? LARGEST_RING
  if (minimumRingSize > maximumRingSize) {
    ring?.error('maximum_ring_size', `must be at least minimum_ring_size ${minimumRingSize}, got ${maximumRingSize}`)
  }
  const hash = ring?.enumName('hash_function') ?? 'XX_HASH'
  if (hash !== 'XX_HASH') ring?.error('hash_function', `${hash} is not supported yet`)
  return { kind: 'ring-hash', minimumRingSize, maximumRingSize, useHostname }
}

function convertTableSize(maglev: ConfigMessage | undefined): number {
  const size = maglev?.number('table_size') ?? 65_537
  if (!isPrime(size)) maglev?.error('table_size', `must be a prime number, got ${size}`)
  return size
}

function isPrime(n: number): boolean {
  if (n < 2) return false
  for (let divisor = 2; divisor * divisor <= n; divisor++) if (n % divisor === 0) return false
  return true
}
