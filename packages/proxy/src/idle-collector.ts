import { getHeapStatistics } from 'node:v8'
import type { Clock, Timer } from '@meltemi/runtime'
import { collectGarbage } from './util/collect-garbage.ts'

const SAMPLE_MS = 1000
/** Less is not worth a pause; nor is a small part of a large heap, where the pause is long. */
const WASTE_BYTES = 32 * 1024 * 1024
const WASTE_PART = 0.5
const SPARE_BYTES = 16 * 1024 * 1024
/** As a last resort V8 collects several times: a larger heap it is not asked to. */
const REST_USED_BYTES = 64 * 1024 * 1024
/** What moves more from one sample to the next is in use: there V8 collects by itself. */
const STEADY_BYTES = 2 * 1024 * 1024
const STEADY_SAMPLES = 3
const REST_SAMPLES = 60

/**
 * Has a thread that idles after much work collect its garbage. V8 collects when more is wanted, so what is left of a start or
 * of a flood of large messages would otherwise stay until the next one. After a minute of rest also what V8 keeps to be quick:
 * pages without anything, and code that it has compiled, which the next second of work compiles again.
 */
export class IdleCollector {
  readonly #collect: (kind: 'all' | 'last-resort') => void
  #timer: Timer | undefined
  /** The least that was in use; what cannot be collected raises it. */
  #leastBytes = Number.POSITIVE_INFINITY
  /** As it was after the last rest. */
  #restHeapBytes = 0
  #lastBytes = 0
  #steadySamples = 0
  #collected: 'all' | 'last-resort' | undefined

  /** `collect`: V8's if not said. */
  constructor(collect: (kind: 'all' | 'last-resort') => void = collectGarbage) {
    this.#collect = collect
  }

  /** Samples this thread once a second, until `stop`. `heldBytes`: what connections are known to hold, if they hold any. */
  start(clock: Clock, heldBytes: () => number = () => 0): void {
    this.#timer = clock.setTimer(SAMPLE_MS, () => this.start(clock, heldBytes))
    const { used_heap_size: used, external_memory: external, total_physical_size: heap } = getHeapStatistics()
    this.sample(Math.max(0, used + external - heldBytes()), heap)
  }

  stop(): void {
    this.#timer?.cancel()
  }

  /** `usedBytes`: of heap and buffers, without what connections hold. `heapBytes`: pages of the heap, used or not. */
  sample(usedBytes: number, heapBytes: number): void {
    if (this.#collected !== undefined) this.#leastBytes = usedBytes
    if (this.#collected === 'last-resort') this.#restHeapBytes = heapBytes
    this.#collected = undefined
    this.#leastBytes = Math.min(this.#leastBytes, usedBytes)
    const isSteady = Math.abs(usedBytes - this.#lastBytes) < STEADY_BYTES
    this.#steadySamples = isSteady ? this.#steadySamples + 1 : 0
    this.#lastBytes = usedBytes
    if (this.#steadySamples >= STEADY_SAMPLES && this.#isWasteful(usedBytes)) this.#run('all')
    else if (this.#steadySamples === REST_SAMPLES && this.#canShrink(usedBytes, heapBytes)) this.#run('last-resort')
  }

  #isWasteful(usedBytes: number): boolean {
    return usedBytes - this.#leastBytes >= Math.max(WASTE_BYTES, WASTE_PART * this.#leastBytes)
  }

  #canShrink(usedBytes: number, heapBytes: number): boolean {
    return heapBytes - this.#restHeapBytes >= SPARE_BYTES && usedBytes <= REST_USED_BYTES
  }

  #run(kind: 'all' | 'last-resort'): void {
    this.#collect(kind)
    this.#collected = kind
    this.#steadySamples = 0
  }
}
