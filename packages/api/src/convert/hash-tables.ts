import type { LoadBalancerConfig } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'

type RingHash = Extract<LoadBalancerConfig, { kind: 'ring-hash' }>
type Maglev = Extract<LoadBalancerConfig, { kind: 'maglev' }>

const LARGEST_RING = 8_388_608
/** Built anew when addresses change, which takes a third of a second: much longer and a worker would count as hung. */
const LARGEST_REBUILT = 1_048_576

/** Settings of a ring, in the cluster's own form or the policy's; both have the same names. */
export function convertRing(ring: ConfigMessage | undefined, useHostname: boolean, addressesChange: boolean): RingHash {
  if (addressesChange) refuseLarge(ring, 'minimum_ring_size')
  const minimumRingSize = Math.max(1, ring?.number('minimum_ring_size') ?? 1024)
  const maximumRingSize = ring?.number('maximum_ring_size') ?? LARGEST_RING
  if (minimumRingSize > maximumRingSize) {
    ring?.error('maximum_ring_size', `must be at least minimum_ring_size ${minimumRingSize}, got ${maximumRingSize}`)
  }
  const hash = ring?.enumName('hash_function') ?? 'XX_HASH'
  if (hash === 'MURMUR_HASH_2') ring?.error('hash_function', `${hash} is not supported yet`)
  return { kind: 'ring-hash', minimumRingSize, maximumRingSize, useHostname }
}

export function convertMaglev(
  maglev: ConfigMessage | undefined,
  useHostname: boolean,
  addressesChange: boolean,
): Maglev {
  if (addressesChange) refuseLarge(maglev, 'table_size')
  const tableSize = maglev?.number('table_size') ?? 65_537
  if (!isPrime(tableSize)) maglev?.error('table_size', `must be a prime number, got ${tableSize}`)
  return { kind: 'maglev', tableSize, useHostname }
}

function refuseLarge(config: ConfigMessage | undefined, field: string): void {
  if ((config?.number(field) ?? 0) <= LARGEST_REBUILT) return
  config?.error(field, `more than ${LARGEST_REBUILT} is not supported where addresses change (STRICT_DNS, EDS)`)
}

function isPrime(n: number): boolean {
  if (n < 2) return false
  for (let divisor = 2; divisor * divisor <= n; divisor++) if (n % divisor === 0) return false
  return true
}
