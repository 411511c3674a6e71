import type { Clock, Counter, Gauge, Histogram, MetricRegistry } from '@meltemi/runtime'
import { Hash64 } from '../util/hash.ts'

/** What is counted of one subscription. */
export class SubscriptionStats {
  readonly #clock: Clock
  readonly #hash = new Hash64()
  readonly #attempt: Counter
  readonly #success: Counter
  readonly #failure: Counter
  readonly #rejected: Counter
  readonly #initFetchTimeout: Counter
  readonly #time: Gauge
  readonly #version: Gauge
  readonly #duration: Histogram
  readonly #reload: Counter
  readonly #reloadTime: Gauge

  constructor(metrics: MetricRegistry, prefix: string, clock: Clock) {
    this.#clock = clock
    this.#attempt = metrics.counter(`${prefix}.update_attempt`)
    this.#success = metrics.counter(`${prefix}.update_success`)
    this.#failure = metrics.counter(`${prefix}.update_failure`)
    this.#rejected = metrics.counter(`${prefix}.update_rejected`)
    this.#initFetchTimeout = metrics.counter(`${prefix}.init_fetch_timeout`)
    this.#time = metrics.gauge(`${prefix}.update_time`)
    this.#version = metrics.gauge(`${prefix}.version`)
    this.#duration = metrics.histogram(`${prefix}.update_duration`)
    this.#reload = metrics.counter(`${prefix}.config_reload`)
    this.#reloadTime = metrics.gauge(`${prefix}.config_reload_time_ms`)
  }

  attempted(): void {
    this.#attempt.add(1)
  }

  /** Each response is the beginning of the next attempt. */
  accepted(version: string, durationMs: number, isChanged: boolean): void {
    this.#attempt.add(1)
    this.#success.add(1)
    this.#time.set(this.#clock.wallTime())
    this.#version.set(this.#hashOf(version))
    this.#duration.record(durationMs)
    if (!isChanged) return
    this.#reload.add(1)
    this.#reloadTime.set(this.#clock.wallTime())
  }

  rejected(): void {
    this.#attempt.add(1)
    this.#rejected.add(1)
  }

  failed(): void {
    this.#failure.add(1)
  }

  timedOut(): void {
    this.#initFetchTimeout.add(1)
  }

  #hashOf(version: string): number {
    this.#hash.reset()
    this.#hash.update(version)
    return this.#hash.high
  }
}
