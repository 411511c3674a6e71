import type { Counter, MetricRegistry } from '@meltemi/runtime'
import type { Hit } from './counter.ts'
import { WindowMap } from './window-map.ts'

/**
 * Counters only grow: one that is over a limit is so until its window ends, and need not be asked again. Its value is
 * kept, for limits that requests bring along, and new rules, have another limit for the same counter.
 */
export class OverLimitCache {
  readonly #maxKeys: number
  readonly #windows = new WindowMap<number>()
  readonly #full: Counter

  /** `maxKeys`: of each unit of time; those that come later are asked for every time. */
  constructor(maxKeys: number, metrics: MetricRegistry) {
    this.#maxKeys = maxKeys
    this.#full = metrics.counter('ratelimit.localcache.full')
  }

  isOver({ key, startS, lengthS }: Hit, limit: number): boolean {
    return (this.#windows.of(startS, lengthS).get(key) ?? 0) > limit
  }

  /** `count`: the counter's value. */
  add({ key, startS, lengthS }: Hit, count: number): void {
    const counts = this.#windows.of(startS, lengthS)
    if (counts.size < this.#maxKeys || counts.has(key)) counts.set(key, count)
    else this.#full.add(1)
  }
}
