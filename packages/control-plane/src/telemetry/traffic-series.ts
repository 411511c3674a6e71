import { LATENCY_BOUNDS_MS } from '@meltemi/api/xds'

export const SLOT_MS = 2_000
/** Ten minutes. */
export const HISTORY_SLOTS = 300
/** What "now" means: ten seconds. */
const RECENT_SLOTS = 5
const BUCKETS = LATENCY_BOUNDS_MS.length + 1

/** What is added to a series: counts of one report. */
export interface Traffic {
  readonly requests: number
  readonly errors: number
  /** As in a report: an entry for each bucket, zeros at the end left out. */
  readonly latencyCounts: readonly number[]
}

/** The last ten seconds, or one slot. Latencies in milliseconds; NaN: nothing was measured. */
export interface TrafficSummary {
  readonly requestsPerSecond: number
  readonly errorsPerSecond: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
}

/** The slots of a series, from the oldest to the last one that is over; NaN: before the first traffic, or nothing was measured. */
export interface TrafficHistory {
  readonly requests: readonly number[]
  readonly errors: readonly number[]
  readonly p50: readonly number[]
  readonly p99: readonly number[]
}

/**
 * Ten minutes of one series in slots of two seconds, in rings that never grow.
 *
 *   slot    … 41    42    43    44 (now)
 *   ring       counts and percentiles of each slot that is over
 *   recent     buckets of the last five slots
 */
export class TrafficSeries {
  readonly #requests = new Float32Array(HISTORY_SLOTS)
  readonly #errors = new Float32Array(HISTORY_SLOTS)
  readonly #p50 = new Float32Array(HISTORY_SLOTS)
  readonly #p99 = new Float32Array(HISTORY_SLOTS)
  readonly #recent = new Uint32Array(RECENT_SLOTS * BUCKETS)
  #slot: number
  #lastUsedSlot: number

  constructor(slot: number) {
    this.#slot = slot
    this.#lastUsedSlot = slot
    for (const ring of [this.#requests, this.#errors, this.#p50, this.#p99]) ring.fill(Number.NaN)
    this.#requests[slot % HISTORY_SLOTS] = 0
    this.#errors[slot % HISTORY_SLOTS] = 0
  }

  /** Of the last traffic. */
  get lastUsedSlot(): number {
    return this.#lastUsedSlot
  }

  add(slot: number, { requests, errors, latencyCounts }: Traffic): void {
    this.#advance(slot)
    this.#lastUsedSlot = slot
    const index = slot % HISTORY_SLOTS
    this.#requests[index] = (this.#requests[index] ?? 0) + requests
    this.#errors[index] = (this.#errors[index] ?? 0) + errors
    const start = (slot % RECENT_SLOTS) * BUCKETS
    for (let i = 0; i < Math.min(BUCKETS, latencyCounts.length); i++) {
      this.#recent[start + i] = (this.#recent[start + i] ?? 0) + (latencyCounts[i] ?? 0)
    }
  }

  /** Over the slots that are over and still recent, so that a slot that has just begun does not look like a dip. */
  summary(slot: number): TrafficSummary {
    this.#advance(slot)
    let requests = 0
    let errors = 0
    const counts = new Float64Array(BUCKETS)
    for (let back = 1; back < RECENT_SLOTS; back++) {
      const index = wrap(slot - back, HISTORY_SLOTS)
      requests += this.#requests[index] || 0 // it may be NaN
      errors += this.#errors[index] || 0
      this.#addBuckets(slot - back, counts)
    }
    const seconds = ((RECENT_SLOTS - 1) * SLOT_MS) / 1000
    return {
      requestsPerSecond: requests / seconds,
      errorsPerSecond: errors / seconds,
      p50: quantile(counts, 0.5),
      p90: quantile(counts, 0.9),
      p99: quantile(counts, 0.99),
    }
  }

  history(slot: number): TrafficHistory {
    this.#advance(slot)
    const slots = Array.from({ length: HISTORY_SLOTS - 1 }, (_, n) => wrap(slot + 1 + n, HISTORY_SLOTS))
    const read = (ring: Float32Array): readonly number[] => slots.map((index) => ring[index] ?? 0)
    return { requests: read(this.#requests), errors: read(this.#errors), p50: read(this.#p50), p99: read(this.#p99) }
  }

  /** Closes the slots before, and empties those that come. */
  #advance(slot: number): void {
    if (slot <= this.#slot) return
    this.#close(this.#slot)
    const first = Math.max(this.#slot + 1, slot - HISTORY_SLOTS + 1)
    for (let next = first; next <= slot; next++) {
      const index = next % HISTORY_SLOTS
      this.#requests[index] = 0
      this.#errors[index] = 0
      this.#p50[index] = Number.NaN
      this.#p99[index] = Number.NaN
      this.#recent.fill(0, (next % RECENT_SLOTS) * BUCKETS, ((next % RECENT_SLOTS) + 1) * BUCKETS)
    }
    this.#slot = slot
  }

  #close(slot: number): void {
    const counts = new Float64Array(BUCKETS)
    this.#addBuckets(slot, counts)
    this.#p50[slot % HISTORY_SLOTS] = quantile(counts, 0.5)
    this.#p99[slot % HISTORY_SLOTS] = quantile(counts, 0.99)
  }

  #addBuckets(slot: number, counts: Float64Array): void {
    const start = wrap(slot, RECENT_SLOTS) * BUCKETS
    for (let i = 0; i < BUCKETS; i++) counts[i] = (counts[i] ?? 0) + (this.#recent[start + i] ?? 0)
  }
}

function wrap(index: number, length: number): number {
  return ((index % length) + length) % length
}

/** Within its bucket the value is placed by its rank, as Prometheus does. */
function quantile(counts: Float64Array, fraction: number): number {
  const total = counts.reduce((sum, count) => sum + count, 0)
  if (total === 0) return Number.NaN
  const rank = fraction * total
  let seen = 0
  for (let i = 0; i < BUCKETS - 1; i++) {
    const count = counts[i] ?? 0
    const upper = LATENCY_BOUNDS_MS[i] ?? 0
    const lower = i === 0 ? 0 : (LATENCY_BOUNDS_MS[i - 1] ?? 0)
    if (count > 0 && seen + count >= rank) return lower + ((upper - lower) * (rank - seen)) / count
    seen += count
  }
  return LATENCY_BOUNDS_MS.at(-1) ?? 0
}
