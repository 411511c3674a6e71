import type { Clock, Counter, Gauge, MetricRegistry, Timer } from '@meltemi/runtime'
import type { CounterStore, Hit } from './counter.ts'
import { WindowMap } from './window-map.ts'

const SWEEP_MS = 10_000

export interface MemoryCountersOptions {
  /** Of each unit of time. */
  readonly maxKeys: number
  readonly clock: Clock
  readonly metrics: MetricRegistry
}

/** Counters of this process alone, lost when it ends. With too many keys the one that was used longest ago is forgotten. */
export class MemoryCounters implements CounterStore {
  readonly isReady = true
  readonly #windows = new WindowMap<number>()
  readonly #maxKeys: number
  readonly #clock: Clock
  readonly #evicted: Counter
  readonly #active: Gauge
  #timer: Timer

  constructor({ maxKeys, clock, metrics }: MemoryCountersOptions) {
    this.#maxKeys = maxKeys
    this.#clock = clock
    this.#evicted = metrics.counter('ratelimit.memory.evicted')
    this.#active = metrics.gauge('ratelimit.memory.keys')
    this.#timer = this.#sweepLater()
  }

  add(hits: readonly Hit[]): readonly number[] {
    return hits.map((hit) => this.#add(hit))
  }

  close(): void {
    this.#timer.cancel()
    this.#windows.clear()
  }

  #add({ key, hits, startS, lengthS }: Hit): number {
    const counts = this.#windows.of(startS, lengthS)
    const before = counts.get(key)
    // What is set anew comes last, so the first key is the one to be forgotten.
    if (before !== undefined) counts.delete(key)
    else if (counts.size >= this.#maxKeys) this.#evict(counts)
    const after = (before ?? 0) + hits
    counts.set(key, after)
    return after
  }

  #evict(counts: Map<string, number>): void {
    for (const oldest of counts.keys()) {
      counts.delete(oldest)
      break
    }
    this.#evicted.add(1)
  }

  #sweepLater(): Timer {
    return this.#clock.setTimer(SWEEP_MS, () => {
      this.#windows.sweep(Math.floor(this.#clock.wallTime() / 1000))
      this.#active.set(this.#windows.size)
      this.#timer = this.#sweepLater()
    })
  }
}
