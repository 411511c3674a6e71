import type { Refill } from './refill.ts'
import { BUCKET_WORDS, SharedBuckets, Taken } from './shared-buckets.ts'

/*
 * [ lock ][ overflow bucket ][ bucket ][ bucket ] …
 *
 * A key has its bucket in one of WINDOW places, from one that it names itself: the first that nobody has had, or, with
 * none left, that of a bucket which is full again, so that nothing is forgotten. Only to take over a place needs the
 * lock; a place that has had a key is never without one again.
 */
const LOCK_WORDS = 4
const WINDOW = 16
/** A thread that has had the lock for so long is gone. */
const GONE_MS = 1000
const LOCK_TRIES = 2000
const TAKE_TRIES = 4
const NONE = -1

/** What happens to the places of a table. */
export interface PlaceCounts {
  /** A bucket that was full again has made room for that of another key. */
  evicted(): void
  /** No bucket near the place was full: the key has used the one that all such keys share. */
  overflowed(): void
}

/** In 32-bit words. */
export function tableWords(maxBuckets: number): number {
  return LOCK_WORDS + BUCKET_WORDS * (1 + placesFor(maxBuckets))
}

/** Twice as many as there may be keys, so that hardly ever so many want to be in the same window that it is full. */
function placesFor(maxBuckets: number): number {
  return maxBuckets <= WINDOW ? maxBuckets : maxBuckets * 2
}

/** A bucket for each key, the same for all threads, as far as there is room. */
export class BucketTable {
  readonly #words: Int32Array
  readonly #refill: Refill
  readonly #counts: PlaceCounts
  readonly #buckets: SharedBuckets
  readonly #places: number
  readonly #window: number

  constructor(words: Int32Array, refill: Refill, counts: PlaceCounts) {
    this.#words = words
    this.#refill = refill
    this.#counts = counts
    this.#buckets = new SharedBuckets(words, refill)
    this.#places = (words.length - LOCK_WORDS) / BUCKET_WORDS - 1
    this.#window = Math.min(WINDOW, this.#places)
  }

  /** Takes a token from the bucket of a 64-bit hash, at the time of the refill. */
  take(high: number, low: number): boolean {
    const first = (high >>> 1) % this.#places
    const key = low | 0 || 1
    let at = this.#find(first, key)
    for (let attempt = 0; attempt < TAKE_TRIES; attempt++) {
      const taken = at === NONE ? Taken.Gone : this.#buckets.take(at, key)
      if (taken !== Taken.Gone) return taken === Taken.Yes
      at = this.#insert(first, key)
      if (at === NONE) break
    }
    this.#counts.overflowed()
    return this.#buckets.take(LOCK_WORDS, 0) === Taken.Yes
  }

  #at(first: number, step: number): number {
    const place = first + step
    return LOCK_WORDS + BUCKET_WORDS * (1 + (place < this.#places ? place : place - this.#places))
  }

  /** Its place, or the first that nobody has had. */
  #find(first: number, key: number): number {
    for (let step = 0; step < this.#window; step++) {
      const at = this.#at(first, step)
      const found = this.#buckets.claim(at, key)
      if (found === key || found === 0) return at
    }
    return NONE
  }

  /** In the place of another, for there is no other. */
  #insert(first: number, key: number): number {
    const ticket = Math.floor(this.#refill.nowMs) | 0 || 1
    if (!this.#lock(ticket)) return NONE
    const at = this.#place(first, key)
    Atomics.compareExchange(this.#words, 0, ticket, 0)
    return at
  }

  /** Only who has the lock closes buckets, so one that is closed here was left by a thread that is gone. */
  #place(first: number, key: number): number {
    const buckets = this.#buckets
    let oldest = NONE
    let lowest = 1
    for (let step = 0; step < this.#window; step++) {
      const at = this.#at(first, step)
      const found = buckets.claim(at, key)
      if (found === key && buckets.isClosed(at)) buckets.open(at, key)
      if (found === key || found === 0) return at
      const debt = buckets.isClosed(at) ? Number.NEGATIVE_INFINITY : buckets.debt(at)
      if (debt < lowest) {
        oldest = at
        lowest = debt
      }
    }
    if (oldest === NONE || !(buckets.isClosed(oldest) || buckets.close(oldest))) return NONE
    buckets.open(oldest, key)
    this.#counts.evicted()
    return oldest
  }

  #lock(ticket: number): boolean {
    for (let attempt = 0; attempt < LOCK_TRIES; attempt++) {
      const holder = Atomics.compareExchange(this.#words, 0, 0, ticket)
      if (holder === 0) return true
      const isGone = Math.abs((ticket - holder) | 0) > GONE_MS
      if (isGone && Atomics.compareExchange(this.#words, 0, holder, ticket) === holder) return true
    }
    return false
  }
}
