import type { Clock, Logger } from '@meltemi/runtime'
import { formatAddress } from '../../util/format-address.ts'
import type { SpanStats } from './export-stats.ts'
import type { SpanDestination } from './outlet.ts'
import type { Sink, WaitingBatch } from './sink.ts'
import { type CollectorAddress, createSpanReporter, type SpanReporter } from './span-reporter.ts'
import { WaitingBatches } from './waiting-batches.ts'

/** What waits for a collector that is slow; more is thrown away. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024
const MAX_REPORT_BYTES = 1024 * 1024

export interface SpanExporterParts {
  readonly destination: SpanDestination
  readonly stats: SpanStats
  readonly clock: Clock
  readonly logger: Logger
  /** Of the endpoints of a cluster, as it is now. */
  addressesOf(cluster: string): readonly CollectorAddress[]
}

/**
 * Sends the spans of all threads to one collector, one report at a time. What a collector does not take in time is lost:
 * spans are of no use to anybody later, and nothing here may wait for them.
 */
export class SpanExporter implements Sink {
  readonly #parts: SpanExporterParts
  readonly #waiting = new WaitingBatches(MAX_WAITING_BYTES)
  #reporter: SpanReporter | undefined
  #isRunning = false
  #isClosing = false
  #turn = 0
  #idle: Promise<void> = Promise.resolve()

  constructor(parts: SpanExporterParts) {
    this.#parts = parts
  }

  get isIdle(): boolean {
    return !this.#isRunning && this.#waiting.isEmpty
  }

  take(bytes: Uint8Array, count: number, done: () => void): void {
    if (this.#isClosing || !this.#waiting.add({ bytes, count, done })) {
      this.#parts.stats.dropped.add(count)
      done()
      return
    }
    if (this.#isRunning) return
    this.#idle = this.#sendAll()
  }

  async close(timeoutMs: number): Promise<void> {
    this.#isClosing = true
    const late = Promise.withResolvers<void>()
    const timer = this.#parts.clock.setTimer(timeoutMs, late.resolve)
    await Promise.race([this.#idle, late.promise])
    timer.cancel()
    this.#settle(this.#waiting.first(Number.POSITIVE_INFINITY), false)
    this.#reporter?.close()
  }

  async #sendAll(): Promise<void> {
    this.#isRunning = true
    while (!this.#waiting.isEmpty) {
      const batches = this.#waiting.first(MAX_REPORT_BYTES)
      this.#settle(batches, await this.#report(batches))
    }
    // at once: what comes from now on begins anew
    this.#isRunning = false
  }

  /** Those of a report that was still under way at the end are settled already. */
  #settle(batches: readonly WaitingBatch[], isSent: boolean): void {
    if (!this.#waiting.settle(batches)) return
    const { sent, dropped } = this.#parts.stats
    const count = batches.reduce((sum, batch) => sum + batch.count, 0)
    ;(isSent ? sent : dropped).add(count)
  }

  async #report(batches: readonly WaitingBatch[]): Promise<boolean> {
    const { stats, destination } = this.#parts
    const address = this.#nextAddress()
    if (address === undefined) {
      stats.skippedNoCluster.add(1)
      return false
    }
    try {
      this.#reporter ??= await createSpanReporter(destination)
      const refusal = await this.#reporter.report(
        batches.map(({ bytes }) => bytes),
        address,
      )
      ;(refusal === '' ? stats.reportsSent : stats.reportsDropped).add(1)
      if (refusal !== '') this.#onRefusal(address, refusal)
      return refusal === ''
    } catch (error: unknown) {
      stats.reportsFailed.add(1)
      this.#onRefusal(address, error instanceof Error ? error.message : String(error))
      return false
    }
  }

  #onRefusal({ host, port }: CollectorAddress, reason: string): void {
    const { cluster } = this.#parts.destination.provider
    this.#turn++
    this.#parts.logger
      .limited(`spans ${cluster}`, 1)
      ?.warn('spans are not taken', { cluster, address: formatAddress(host, port), reason })
  }

  /** The next one when one does not take them. */
  #nextAddress(): CollectorAddress | undefined {
    const addresses = this.#parts.addressesOf(this.#parts.destination.provider.cluster)
    return addresses[this.#turn % addresses.length]
  }
}
