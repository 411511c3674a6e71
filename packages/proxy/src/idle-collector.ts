import { collectGarbage } from './util/collect-garbage.ts'

/** Less is not worth a pause. */
const WASTE_BYTES = 32 * 1024 * 1024
/** What moves more from one sample to the next is in use: there V8 collects by itself. */
const STEADY_BYTES = 2 * 1024 * 1024
const STEADY_SAMPLES = 3

/**
 * Has a thread that idles after much work collect its garbage. V8 collects when more is wanted, so what is left of a flood of
 * large messages would otherwise stay until the next one.
 */
export class IdleCollector {
  readonly #collect: () => void
  /** The least that was in use; what cannot be collected raises it. */
  #leastBytes = Number.POSITIVE_INFINITY
  #lastBytes = 0
  #steadySamples = 0
  #hasCollected = false

  /** `collect`: a whole collection; V8's if not said. */
  constructor(collect: () => void = () => collectGarbage('all')) {
    this.#collect = collect
  }

  /** To be called once a second with what heap and buffers take, without what connections hold. */
  sample(usedBytes: number): void {
    if (this.#hasCollected) this.#leastBytes = usedBytes
    this.#hasCollected = false
    this.#leastBytes = Math.min(this.#leastBytes, usedBytes)
    const isSteady = Math.abs(usedBytes - this.#lastBytes) < STEADY_BYTES
    this.#steadySamples = isSteady ? this.#steadySamples + 1 : 0
    this.#lastBytes = usedBytes
    if (usedBytes - this.#leastBytes < WASTE_BYTES || this.#steadySamples < STEADY_SAMPLES) return
    this.#collect()
    this.#steadySamples = 0
    this.#hasCollected = true
  }
}
