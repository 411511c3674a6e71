import type { ResourceKey } from '@meltemi/api'

/** A ServiceEntry by its addresses. */
export interface VipClaim {
  readonly key: ResourceKey
  /** As written; empty: none. */
  readonly addresses: readonly string[]
  /** One of these addresses may be given to it. */
  readonly isOurs: boolean
}

export interface VipPlan {
  /** What should be written instead of what is there. */
  readonly addresses: ReadonlyMap<ResourceKey, readonly string[]>
  /** Those for which there was no address any more. */
  readonly unserved: readonly ResourceKey[]
}

/** The first two bytes of all of them. */
const PREFIX = '240.240.'
/** Third bytes are 0 … 254, last ones 1 … 254. */
const LAST_BYTES = 254
const SIZE = 255 * LAST_BYTES

/**
 * Addresses for those that have none, and others for those whose address an earlier claim has already. What was given goes
 * on behind the highest one there is, so that what was given back is not given again at once.
 */
export function planVips(claims: readonly VipClaim[]): VipPlan {
  const pool = new VipPool(claims.flatMap(({ addresses }) => addresses))
  const owned = new Set<string>()
  const addresses = new Map<ResourceKey, readonly string[]>()
  const unserved: ResourceKey[] = []
  for (const claim of claims) {
    const wanted = wantedAddresses(claim, owned)
    const given = wanted.map((address) => address ?? pool.take())
    for (const address of given) if (address !== undefined) owned.add(address)
    if (given.includes(undefined)) unserved.push(claim.key)
    else if (wanted.includes(undefined)) addresses.set(claim.key, given as readonly string[])
  }
  return { addresses, unserved }
}

/** undefined stands for one that is to be given. */
function wantedAddresses({ addresses, isOurs }: VipClaim, owned: ReadonlySet<string>): readonly (string | undefined)[] {
  if (!isOurs) return addresses
  if (addresses.length === 0) return [undefined]
  return addresses.map((address) => (indexOf(address) !== undefined && owned.has(address) ? undefined : address))
}

class VipPool {
  readonly #taken: Set<number>
  #last: number

  constructor(addresses: readonly string[]) {
    this.#taken = new Set(addresses.flatMap((address) => indexOf(address) ?? []))
    this.#last = [...this.#taken].reduce((highest, index) => Math.max(highest, index), -1)
  }

  /** undefined: all are taken. */
  take(): string | undefined {
    if (this.#taken.size >= SIZE) return undefined
    do this.#last = (this.#last + 1) % SIZE
    while (this.#taken.has(this.#last))
    this.#taken.add(this.#last)
    return addressOf(this.#last)
  }
}

function addressOf(index: number): string {
  return `${PREFIX}${Math.floor(index / LAST_BYTES)}.${(index % LAST_BYTES) + 1}`
}

/** undefined: it is none of these. */
function indexOf(address: string): number | undefined {
  const [, third = '', last = ''] = /^240\.240\.(\d{1,3})\.(\d{1,3})$/.exec(address) ?? []
  if (third === '' || Number(third) > 254 || Number(last) < 1 || Number(last) > LAST_BYTES) return undefined
  return Number(third) * LAST_BYTES + Number(last) - 1
}
