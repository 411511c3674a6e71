import type { Counter, Logger, MetricRegistry } from '@meltemi/runtime'

export interface WriteRoundOptions {
  /** Whoever is not writes nothing. */
  readonly isLeader: () => boolean
  readonly signal: AbortSignal
  readonly logger: Logger
  readonly metrics: MetricRegistry
}

const LINES_PER_SECOND = 20
/** As many writes wait for the API server. */
const AT_ONCE = 8

/** Writes that stand alone: one that fails is told and counted, and the others are tried all the same. */
export class WriteRound {
  readonly signal: AbortSignal
  readonly #options: WriteRoundOptions
  readonly #writes: Counter
  readonly #failures: Counter
  #failed = 0

  constructor(options: WriteRoundOptions) {
    this.#options = options
    this.signal = options.signal
    this.#writes = options.metrics.counter('control_plane.mesh_writes')
    this.#failures = options.metrics.counter('control_plane.mesh_write_failures')
  }

  get failed(): number {
    return this.#failed
  }

  /** Nothing is to be written any more. */
  get isOver(): boolean {
    return this.signal.aborted || !this.#options.isLeader()
  }

  /** `what`: for people. True: it is done. */
  async write(what: string, action: () => Promise<unknown>): Promise<boolean> {
    if (this.isOver) return false
    try {
      await action()
      this.#writes.add(1)
      this.#options.logger.debug('wrote', { what })
      return true
    } catch (error: unknown) {
      this.fail(what, error)
      return false
    }
  }

  /** Some at a time. */
  async each<T>(items: readonly T[], write: (item: T) => Promise<unknown>): Promise<void> {
    for (let at = 0; at < items.length && !this.isOver; at += AT_ONCE)
      await Promise.all(items.slice(at, at + AT_ONCE).map(write))
  }

  /** Something that was to be read or written could not be. */
  fail(what: string, error: unknown): void {
    if (this.signal.aborted) return
    this.#failed++
    this.#failures.add(1)
    const message = error instanceof Error ? error.message : String(error)
    const log = this.#options.logger.limited('mesh-writes', LINES_PER_SECOND)
    log?.warn('the cluster is not as it should be, it is tried again', { what, message })
  }
}
