/**
 * How long an endpoint takes to reply, with a memory for the worst: a slower reply counts at once and in full, a quicker
 * one by how long ago the last was, and without replies the estimate fades, so that who was slow is tried again.
 *
 *   ms │   ╭╮
 *      │   │╰─╮        ╭─╮
 *      │───╯  ╰──╮─────╯ ╰────
 *      └────────────────────── time
 */
export class PeakLatency {
  /** In which an observation loses two thirds of its weight. */
  decayMs: number
  #estimateMs = 0
  #atMs = 0

  constructor(decayMs: number) {
    this.decayMs = decayMs
  }

  /** A reply took so long. */
  observe(elapsedMs: number, nowMs: number): void {
    const kept = this.#kept(nowMs)
    const faded = this.#estimateMs * kept
    this.#estimateMs = elapsedMs > faded ? elapsedMs : faded + elapsedMs * (1 - kept)
    this.#atMs = nowMs
  }

  /** There is no reply after so long: that counts where it is worse than what is known, for it might as well be longer. */
  observeAtLeast(elapsedMs: number, nowMs: number): void {
    if (elapsedMs > this.estimate(nowMs)) this.observe(elapsedMs, nowMs)
  }

  /** Milliseconds; 0: nothing was observed. */
  estimate(nowMs: number): number {
    return this.#estimateMs * this.#kept(nowMs)
  }

  get isKnown(): boolean {
    return this.#estimateMs > 0
  }

  /** Of one: how much of the estimate is left. */
  #kept(nowMs: number): number {
    return Math.exp(-Math.max(0, nowMs - this.#atMs) / this.decayMs)
  }
}
