import { Cell } from './host-table.ts'
import type { OutlierDetector } from './outlier-detector.ts'

/**
 * Told by one thread what comes of each request to one host. A request that gets a reply has reached the host; whether the
 * host did what it was asked is another question, which counts alone where both are told apart.
 */
export class OutlierMonitor {
  readonly #detector: OutlierDetector
  readonly #cells: Int32Array
  readonly #base: number
  readonly #isSplit: boolean

  constructor(detector: OutlierDetector, base: number) {
    this.#detector = detector
    this.#cells = detector.table.cells
    this.#base = base
    this.#isSplit = detector.config.splitExternalLocalOriginErrors
  }

  /** A good reply; or a connection, where bytes are passed on unread. */
  onSuccess(): void {
    this.#reset(Cell.Failures)
    this.#reset(Cell.GatewayFailures)
    this.#add(Cell.Total)
    this.#add(Cell.Successes)
    if (this.#isSplit) this.#onReached()
  }

  /** A reply that says that something is wrong. */
  onErrorReply(): void {
    this.#reset(Cell.GatewayFailures)
    this.#add(Cell.Total)
    if (this.#isSplit) this.#onReached()
    this.#detector.countFailure(this.#base, 'consecutive5xx')
  }

  /** No reply: no connection, a broken one, too late, or one that makes no sense. */
  onNoReply(): void {
    if (this.#isSplit) {
      this.#add(Cell.LocalTotal)
      this.#detector.countFailure(this.#base, 'consecutiveLocalOriginFailure')
      return
    }
    this.#add(Cell.Total)
    this.#detector.countFailure(this.#base, 'consecutiveGatewayFailure')
    this.#detector.countFailure(this.#base, 'consecutive5xx')
  }

  #onReached(): void {
    this.#reset(Cell.LocalFailures)
    this.#add(Cell.LocalTotal)
    this.#add(Cell.LocalSuccesses)
  }

  #add(cell: Cell): void {
    Atomics.add(this.#cells, this.#base + cell, 1)
  }

  /** Mostly it is 0, and then nobody else's cache needs to know. */
  #reset(cell: Cell): void {
    const at = this.#base + cell
    if (Atomics.load(this.#cells, at) !== 0) Atomics.store(this.#cells, at, 0)
  }
}
