import type { Clock, Logger, MetricRegistry, Timer } from '@meltemi/runtime'
import { logFileStats, spanStats, statsOf } from './export-stats.ts'
import { LogFile } from './log-file.ts'
import type { Batch, Destination } from './outlet.ts'
import type { Sink } from './sink.ts'
import { SpanExporter } from './span-exporter.ts'
import type { CollectorAddress } from './span-reporter.ts'

/** Files and connections that nobody has used for so long are closed. */
const UNUSED_MS = 60_000
/** How long a process that ends waits for those who are slow. */
const CLOSE_MS = 2_000

export interface ExportersParts {
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: MetricRegistry
  /** Of the endpoints of a cluster, as it is now. */
  addressesOf(cluster: string): readonly CollectorAddress[]
}

interface Used {
  readonly sink: Sink
  usedMs: number
}

/** Writes and sends, on the main thread, what all threads have observed. */
export class Exporters {
  readonly #parts: ExportersParts
  /** By the key of its destination. */
  readonly #sinks = new Map<string, Used>()
  #timer: Timer | undefined
  #isClosed = false

  constructor(parts: ExportersParts) {
    this.#parts = parts
  }

  /** `done` is called when it is written, sent or lost. */
  take({ destination, bytes, count }: Batch, done: () => void): void {
    if (this.#isClosed) {
      statsOf(destination, this.#parts.metrics).dropped.add(count)
      done()
      return
    }
    const nowMs = this.#parts.clock.now()
    const used = this.#sinks.get(destination.key) ?? { sink: this.#create(destination), usedMs: nowMs }
    used.usedMs = nowMs
    this.#sinks.set(destination.key, used)
    this.#schedule()
    used.sink.take(bytes, count, done)
  }

  /** Files that were renamed get new ones under their names. */
  reopenLogs(): void {
    for (const { sink } of this.#sinks.values()) if (sink instanceof LogFile) sink.reopen()
  }

  /** Writes and sends what is here, as far as it is taken soon. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#timer?.cancel()
    await Promise.all([...this.#sinks.values()].map(({ sink }) => sink.close(CLOSE_MS)))
    this.#sinks.clear()
  }

  #create(destination: Destination): Sink {
    const { clock, logger, metrics, addressesOf } = this.#parts
    if (destination.kind === 'log') {
      return new LogFile({ sink: destination.sink, clock, logger, stats: logFileStats(metrics) })
    }
    return new SpanExporter({
      destination,
      clock,
      logger,
      stats: spanStats(metrics, destination.provider.kind),
      addressesOf,
    })
  }

  #schedule(): void {
    this.#timer ??= this.#parts.clock.setTimer(UNUSED_MS, () => {
      this.#timer = undefined
      this.#closeUnused()
      if (this.#sinks.size > 0) this.#schedule()
    })
  }

  #closeUnused(): void {
    const sinceMs = this.#parts.clock.now() - UNUSED_MS
    for (const [key, { sink, usedMs }] of this.#sinks) {
      if (usedMs > sinceMs || !sink.isIdle) continue
      this.#sinks.delete(key)
      void sink.close(CLOSE_MS)
    }
  }
}
