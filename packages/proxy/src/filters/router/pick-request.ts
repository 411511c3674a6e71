import type { Metadata } from '@meltemi/sdk'
import type { MetadataCriteria } from '../../routing/metadata-criteria.ts'
import type { CompiledRoute } from '../../routing/route.ts'
import type { Balanceable, PickContext } from '../../upstream/balance/picker.ts'
import { Hash64 } from '../../util/hash.ts'
import type { Random } from '../../util/random.ts'

/** What a balancing policy is asked with. One per listener and thread, used again for every request. */
export class PickRequest implements PickContext {
  hasHash = false
  /** What the route asks of the endpoints of the cluster that it chose; whoever picks sets it. */
  criteria: MetadataCriteria | null = null
  /** Whoever sets it sets it back. */
  tried: readonly Balanceable[] | null = null
  readonly random: Random
  readonly #hash = new Hash64()

  constructor(random: Random) {
    this.random = random
  }

  get hashHigh(): number {
    return this.#hash.high
  }

  get hashLow(): number {
    return this.#hash.low
  }

  of(route: CompiledRoute, request: Metadata): this {
    this.hasHash = route.hashOf(request, this.#hash)
    return this
  }
}
