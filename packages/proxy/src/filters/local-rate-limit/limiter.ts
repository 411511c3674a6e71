import type { TokenBucketConfig } from '@meltemi/api/model'
import type { FilterContext } from '@meltemi/sdk'
import { Hash64 } from '../../util/hash.ts'
import type { TurnClock } from '../../util/turn-clock.ts'
import { BucketTable, type PlaceCounts, tableWords } from './bucket-table.ts'
import { ConnectionBuckets } from './connection-buckets.ts'
import { Refill } from './refill.ts'
import { BUCKET_WORDS, SharedBuckets, Taken } from './shared-buckets.ts'

/** Takes a token for a request; false: there is none. */
export interface Limiter {
  take(context: FilterContext): boolean
}

export interface LimiterParts {
  /** As many as `limiterWords` says. */
  readonly words: Int32Array
  readonly originMs: number
  readonly turn: TurnClock
  /** Makes of the turn's time one that all threads have in common. */
  readonly offsetMs: number
  readonly counts: PlaceCounts
  /** The same in all threads, and nobody else's business: who knows it can find values that share a bucket. */
  readonly seed: number
  readonly worker: number
  /** In [0, 1): numbers of connections begin there, so that they are not those of a worker that was there before. */
  readonly random: number
}

/** What the bucket, or the buckets, of one token_bucket need in shared memory. */
export function limiterWords({ perConnection, metadataKeys, maxBuckets }: TokenBucketConfig): number {
  if (metadataKeys.length > 0) return tableWords(maxBuckets)
  return perConnection ? 0 : BUCKET_WORDS
}

export function createLimiter(config: TokenBucketConfig, parts: LimiterParts): Limiter {
  if (config.metadataKeys.length > 0) return new ValueLimiter(config, parts)
  return config.perConnection ? new ConnectionLimiter(config, parts) : new CommonLimiter(config, parts)
}

/** A refill that follows the time of the thread. */
class Filling {
  readonly refill: Refill
  readonly #turn: TurnClock
  readonly #offsetMs: number

  constructor(config: TokenBucketConfig, { originMs, turn, offsetMs }: LimiterParts) {
    this.refill = new Refill(config, originMs)
    this.#turn = turn
    this.#offsetMs = offsetMs
  }

  moveOn(): void {
    this.refill.moveTo(this.#turn.nowMs + this.#offsetMs)
  }
}

/** One bucket for all. */
class CommonLimiter implements Limiter {
  readonly #filling: Filling
  readonly #bucket: SharedBuckets

  constructor(config: TokenBucketConfig, parts: LimiterParts) {
    this.#filling = new Filling(config, parts)
    this.#bucket = new SharedBuckets(parts.words, this.#filling.refill)
  }

  take(): boolean {
    this.#filling.moveOn()
    return this.#bucket.take(0, 0) === Taken.Yes
  }
}

class ConnectionLimiter implements Limiter {
  readonly #filling: Filling
  readonly #buckets: ConnectionBuckets

  constructor(config: TokenBucketConfig, parts: LimiterParts) {
    this.#filling = new Filling(config, parts)
    this.#buckets = new ConnectionBuckets(this.#filling.refill)
  }

  take({ connection }: FilterContext): boolean {
    this.#filling.moveOn()
    return this.#buckets.take(connection)
  }
}

/** A bucket for each combination of values, and of connections if so wanted. */
class ValueLimiter implements Limiter {
  readonly #filling: Filling
  readonly #keys: readonly string[]
  readonly #table: BucketTable
  readonly #hash = new Hash64()
  readonly #seed: number
  readonly #worker: number
  /** null: connections make no difference. */
  readonly #connections: WeakMap<FilterContext['connection'], number> | null
  #lastConnection: number

  constructor(config: TokenBucketConfig, parts: LimiterParts) {
    this.#filling = new Filling(config, parts)
    this.#keys = config.metadataKeys
    this.#table = new BucketTable(parts.words, this.#filling.refill, parts.counts)
    this.#seed = parts.seed
    this.#worker = parts.worker
    this.#connections = config.perConnection ? new WeakMap() : null
    this.#lastConnection = Math.floor(parts.random * 2 ** 32)
  }

  /** A property that is not there counts as one that is empty: to leave it out is no way around the limit. */
  take({ request, connection }: FilterContext): boolean {
    const hash = this.#hash
    hash.reset(this.#seed, 0)
    if (this.#connections !== null) hash.reset(this.#seed ^ (this.#worker + 1), this.#numberOf(connection))
    for (let at = 0; at < this.#keys.length; at++) hash.update(request.get(this.#keys[at] as string) ?? '')
    this.#filling.moveOn()
    // as signed integers, which need no place on the heap
    return this.#table.take(hash.high | 0, hash.low | 0)
  }

  #numberOf(connection: FilterContext['connection']): number {
    let number = this.#connections?.get(connection)
    if (number === undefined) {
      number = ++this.#lastConnection
      this.#connections?.set(connection, number)
    }
    return number
  }
}
