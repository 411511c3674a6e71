import type { ConnectionInfo } from '@meltemi/sdk'
import type { Refill } from './refill.ts'

/** Of one connection, which lives in one thread. */
interface OwnBucket {
  /** Tokens that were taken, and those that found no room. */
  used: number
}

/** A bucket for each connection, which goes with it. */
export class ConnectionBuckets {
  readonly #refill: Refill
  readonly #buckets = new WeakMap<ConnectionInfo, OwnBucket>()

  constructor(refill: Refill) {
    this.#refill = refill
  }

  /** At the time of the refill. */
  take(connection: ConnectionInfo): boolean {
    const filled = this.#refill.total
    let bucket = this.#buckets.get(connection)
    if (bucket === undefined) {
      bucket = { used: filled }
      this.#buckets.set(connection, bucket)
    }
    const used = Math.max(bucket.used, filled)
    if (used - filled >= this.#refill.max) return false
    bucket.used = used + 1
    return true
  }
}
