import { totalmem } from 'node:os'
import type { Clock, Counter, Gauge, MetricRegistry, Timer } from '@meltemi/runtime'
import type { OverloadLevel } from './overload-level.ts'

const SAMPLE_INTERVAL_MS = 250
/** Share of the limit at which a level begins, in percent. */
const ENTER_PERCENT = [0, 85, 92, 97] as const
/** A level ends this far below where it began, or it would come and go with every collection of garbage. */
const HYSTERESIS_PERCENT = 4

export interface MemoryBudgetOptions {
  readonly clock: Clock
  readonly metrics: MetricRegistry
  /** undefined: see `defaultMemoryLimitBytes`. */
  readonly limitBytes?: number | undefined
  /** Memory of the whole process, all threads. */
  readonly sampleBytes?: () => number
  /** Told of each change, on the main thread. */
  readonly onChange?: (level: OverloadLevel) => void
}

/**
 * The memory that the whole process may use. Samples it on the main thread and publishes in shared memory how far the
 * data plane has to shed load; the data plane does the shedding.
 */
export class MemoryBudget {
  readonly limitBytes: number
  /** For `SharedOverloadLevel`, here or in a worker. */
  readonly shared = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)
  readonly #cell = new Int32Array(this.shared)
  readonly #clock: Clock
  readonly #sampleBytes: () => number
  readonly #onChange: (level: OverloadLevel) => void
  readonly #usedGauge: Gauge
  readonly #levelGauge: Gauge
  readonly #entered: readonly Counter[]
  #level: OverloadLevel = 0
  #usedBytes = 0
  #timer: Timer | undefined

  constructor(options: MemoryBudgetOptions) {
    this.limitBytes = options.limitBytes ?? defaultMemoryLimitBytes()
    this.#clock = options.clock
    this.#sampleBytes = options.sampleBytes ?? (() => process.memoryUsage.rss())
    this.#onChange = options.onChange ?? (() => undefined)
    options.metrics.gauge('overload.memory_limit_bytes').set(this.limitBytes)
    this.#usedGauge = options.metrics.gauge('overload.memory_used_bytes')
    this.#levelGauge = options.metrics.gauge('overload.level')
    this.#entered = [1, 2, 3].map((level) => options.metrics.counter(`overload.level_${level}_entered`))
  }

  get level(): OverloadLevel {
    return this.#level
  }

  /** As of the last sample. */
  get usedBytes(): number {
    return this.#usedBytes
  }

  start(): void {
    if (this.#timer !== undefined) return
    this.#sample()
  }

  /** Ends the sampling and with it any overload, so that a drain is not held up. */
  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#enter(0)
  }

  #sample(): void {
    this.#timer = this.#clock.setTimer(SAMPLE_INTERVAL_MS, () => this.#sample())
    this.#usedBytes = this.#sampleBytes()
    this.#usedGauge.set(this.#usedBytes)
    this.#enter(nextLevel(this.#level, (this.#usedBytes / this.limitBytes) * 100))
  }

  #enter(level: OverloadLevel): void {
    if (level === this.#level) return
    for (let entered = this.#level + 1; entered <= level; entered++) this.#entered[entered - 1]?.add(1)
    this.#level = level
    this.#cell[0] = level
    this.#levelGauge.set(level)
    this.#onChange(level)
  }
}

/** 90 % of what the cgroup allows; where nothing is set, half of the machine. */
export function defaultMemoryLimitBytes(
  constrainedBytes = process.constrainedMemory(),
  totalBytes = totalmem(),
): number {
  const isConstrained = constrainedBytes > 0 && constrainedBytes < totalBytes
  return Math.floor(isConstrained ? constrainedBytes * 0.9 : totalBytes * 0.5)
}

function nextLevel(level: OverloadLevel, usedPercent: number): OverloadLevel {
  const rising = levelAt(usedPercent)
  if (rising >= level) return rising
  const falling = levelAt(usedPercent + HYSTERESIS_PERCENT)
  return falling < level ? falling : level
}

function levelAt(usedPercent: number): OverloadLevel {
  if (usedPercent >= ENTER_PERCENT[3]) return 3
  if (usedPercent >= ENTER_PERCENT[2]) return 2
  return usedPercent >= ENTER_PERCENT[1] ? 1 : 0
}
