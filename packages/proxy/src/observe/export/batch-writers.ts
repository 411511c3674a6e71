import type { Clock, MetricRegistry } from '@meltemi/runtime'
import { BatchWriter } from './batch-writer.ts'
import { statsOf } from './export-stats.ts'
import type { Destination, Outlet } from './outlet.ts'

const FLUSH_MS = 1_000

interface Held {
  readonly writer: BatchWriter
  holders: number
}

/** A writer that its holder gives back. */
export interface HeldWriter {
  readonly writer: BatchWriter
  release(): void
}

/** Of one thread: those who write to the same destination share a writer. */
export class BatchWriters {
  readonly #outlet: Outlet
  readonly #clock: Clock
  readonly #metrics: MetricRegistry
  /** By the key of their destination. */
  readonly #held = new Map<string, Held>()

  constructor(outlet: Outlet, clock: Clock, metrics: MetricRegistry) {
    this.#outlet = outlet
    this.#clock = clock
    this.#metrics = metrics
  }

  hold(destination: Destination): HeldWriter {
    const { key } = destination
    const held = this.#held.get(key) ?? { writer: this.#create(destination), holders: 0 }
    this.#held.set(key, held)
    held.holders++
    let isHeld = true
    return {
      writer: held.writer,
      release: () => {
        if (!isHeld) return
        isHeld = false
        held.writer.flush()
        if (--held.holders === 0) this.#held.delete(key)
      },
    }
  }

  flush(): void {
    for (const { writer } of this.#held.values()) writer.flush()
  }

  #create(destination: Destination): BatchWriter {
    const stats = statsOf(destination, this.#metrics)
    return new BatchWriter({ destination, outlet: this.#outlet, clock: this.#clock, stats, flushMs: FLUSH_MS })
  }
}
