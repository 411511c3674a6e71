import type { EjectionCause, OutlierDetectionConfig } from '@meltemi/api/model'
import type { Random } from '../../util/random.ts'
import { findOutliers, type HostRate } from './find-outliers.ts'
import { Cell, HostFlag, type HostTable, Rates, rateCell } from './host-table.ts'
import type { OutlierStats } from './outlier-stats.ts'

/** Times are told modulo 2³² milliseconds: what is longer could not be told from what is past. */
const MAX_TIME_MS = 2 ** 30

export interface DetectorParts {
  readonly table: HostTable
  readonly config: OutlierDetectionConfig
  readonly stats: OutlierStats
  readonly random: Random
  /** In milliseconds, the same in all threads, modulo 2³². */
  nowMs(): number
  /** Told of each ejection, enforced or not, and of each end of one. */
  onEvent(event: OutlierEvent): void
  /** Somebody is ejected now, or back. */
  onChanged(): void
}

export interface OutlierEvent {
  readonly base: number
  readonly action: 'eject' | 'uneject'
  /** Of an ejection. */
  readonly cause: EjectionCause | undefined
  /** False: it was only noticed. */
  readonly isEnforced: boolean
  /** Including this one, less those that time has made up for. */
  readonly ejections: number
}

/** The consecutive kinds, and the cells that count for them. */
const COUNTED = {
  consecutive5xx: Cell.Failures,
  consecutiveGatewayFailure: Cell.GatewayFailures,
  consecutiveLocalOriginFailure: Cell.LocalFailures,
} as const
type CountedCause = keyof typeof COUNTED

/**
 * Who of a cluster's hosts fails more than it should, and is left out for a while: Envoy's outlier detection, with one
 * decision for all threads.
 *
 *   in use ──N failures in a row, or too few successes──► ejected for base × times, up to a maximum
 *      ▲──────── a look at all hosts finds the time over, or a health check passes ────────┘
 */
export class OutlierDetector {
  readonly #parts: DetectorParts

  constructor(parts: DetectorParts) {
    this.#parts = parts
  }

  get config(): OutlierDetectionConfig {
    return this.#parts.config
  }

  get table(): HostTable {
    return this.#parts.table
  }

  /** One more failure of this kind in a row. */
  countFailure(base: number, cause: CountedCause): void {
    const { table, config, stats } = this.#parts
    const limit = config[cause]
    if (limit === 0 || table.add(base, COUNTED[cause], 1) < limit || table.has(base, HostFlag.Ejected)) return
    // so that the same may be noticed again of a host that stays; another thread may have been quicker
    if (table.take(base, COUNTED[cause]) < limit) return
    stats.detected[cause].add(1)
    this.#eject(base, cause)
  }

  /** At the end of each interval, by one thread. */
  sweep(): void {
    const { table, config } = this.#parts
    const slots = table.slots()
    for (const base of slots) if (this.#isOver(base)) this.uneject(base)
    this.#judge(slots, 'successRate', 'failurePercentage')
    if (config.splitExternalLocalOriginErrors) {
      this.#judge(slots, 'localOriginSuccessRate', 'localOriginFailurePercentage')
    }
    for (const base of slots) this.#forgive(base)
  }

  /** It is in use again, and nothing that went wrong before counts any more. False: it was not ejected. */
  uneject(base: number): boolean {
    const { table } = this.#parts
    const isDone = table.locked(() => {
      if (!table.flag(base, HostFlag.Ejected, false)) return false
      for (const cell of Object.values(COUNTED)) table.set(base, cell, 0)
      table.set(base, Cell.UnejectedAt, this.#parts.nowMs())
      table.flag(base, HostFlag.WasUnejected, true)
      return true
    })
    if (isDone) {
      const ejections = table.get(base, Cell.Ejections)
      this.#parts.onEvent({ base, action: 'uneject', cause: undefined, isEnforced: true, ejections })
      this.#parts.onChanged()
    }
    return isDone
  }

  #eject(base: number, cause: EjectionCause): void {
    const { table, stats, config, random } = this.#parts
    const isEnforced = random.next() * 100 < config.enforcing[cause]
    const outcome = table.locked(() => {
      if (table.has(base, HostFlag.Ejected)) return 'known'
      if (!this.#mayEject()) return 'overflow'
      if (isEnforced) this.#take(base)
      return 'ejected'
    })
    if (outcome === 'overflow') stats.ejectionsOverflow.add(1)
    if (outcome !== 'ejected') return
    const ejections = table.get(base, Cell.Ejections)
    this.#parts.onEvent({ base, action: 'eject', cause, isEnforced, ejections })
    if (!isEnforced) return
    stats.enforcedTotal.add(1)
    stats.enforced[cause].add(1)
    this.#parts.onChanged()
  }

  #mayEject(): boolean {
    const { table, config } = this.#parts
    const ejected = table.count(HostFlag.Ejected)
    if (ejected === 0 && config.alwaysEjectOneHost) return true
    return (100 * (ejected + 1)) / table.size <= config.maxEjectionPercent
  }

  #take(base: number): void {
    const { table, config, random, nowMs } = this.#parts
    const { baseEjectionTimeMs, maxEjectionTimeMs, maxEjectionTimeJitterMs } = config
    table.flag(base, HostFlag.Ejected, true)
    table.set(base, Cell.EjectedAt, nowMs())
    table.set(base, Cell.Jitter, Math.floor(random.next() * (Math.min(maxEjectionTimeJitterMs, MAX_TIME_MS) + 1)))
    const times = table.get(base, Cell.Ejections)
    if (times * baseEjectionTimeMs < maxEjectionTimeMs + baseEjectionTimeMs) table.set(base, Cell.Ejections, times + 1)
  }

  #isOver(base: number): boolean {
    const { table, config, nowMs } = this.#parts
    if (!table.has(base, HostFlag.Ejected)) return false
    const times = table.get(base, Cell.Ejections)
    const timeMs = Math.min(config.baseEjectionTimeMs * times, config.maxEjectionTimeMs, MAX_TIME_MS)
    return ((nowMs() - table.get(base, Cell.EjectedAt)) | 0) >= timeMs + table.get(base, Cell.Jitter)
  }

  /** Compares what the hosts have done since the last time. */
  #judge(
    slots: readonly number[],
    successCause: 'successRate' | 'localOriginSuccessRate',
    failureCause: 'failurePercentage' | 'localOriginFailurePercentage',
  ): void {
    const { table, config, stats } = this.#parts
    const isLocal = successCause === 'localOriginSuccessRate'
    const rates = this.#takeRates(slots, isLocal)
    const { outlying, failing, mean, limit } = findOutliers(rates, config)
    table.setRate(isLocal ? Rates.LocalMean : Rates.Mean, mean)
    table.setRate(isLocal ? Rates.LocalLimit : Rates.Limit, limit)
    for (const base of outlying) {
      stats.detected[successCause].add(1)
      this.#eject(base, successCause)
    }
    for (const base of failing) {
      if (table.has(base, HostFlag.Ejected)) continue
      stats.detected[failureCause].add(1)
      this.#eject(base, failureCause)
    }
  }

  /** Of those that are not ejected; the count begins anew for all. */
  #takeRates(slots: readonly number[], isLocal: boolean): readonly HostRate[] {
    const { table, config } = this.#parts
    const enough = Math.min(config.successRate.requestVolume, config.failurePercentage.requestVolume)
    return slots.flatMap((base) => {
      // one that another thread counts just now may be split between two intervals
      const successes = table.take(base, isLocal ? Cell.LocalSuccesses : Cell.Successes)
      const requests = table.take(base, isLocal ? Cell.LocalTotal : Cell.Total)
      const cell = isLocal ? Cell.LocalRate : Cell.Rate
      table.set(base, cell, 0)
      if (table.has(base, HostFlag.Ejected) || requests === 0) return []
      const successPercent = Math.min(100, (100 * successes) / requests)
      if (requests >= enough) table.set(base, cell, rateCell(successPercent))
      return [{ base, requests, successPercent }]
    })
  }

  /** A host that has stayed for a whole interval is ejected for a shorter time when it fails again. */
  #forgive(base: number): void {
    const { table, config, nowMs } = this.#parts
    if (table.has(base, HostFlag.Ejected) || !table.has(base, HostFlag.WasUnejected)) return
    const sinceMs = (nowMs() - table.get(base, Cell.UnejectedAt)) | 0
    if (sinceMs < Math.min(config.intervalMs, MAX_TIME_MS)) return
    const times = table.get(base, Cell.Ejections)
    if (times > 0) table.set(base, Cell.Ejections, times - 1)
    // once nothing is left to forgive it does not matter when it came back
    else table.flag(base, HostFlag.WasUnejected, false)
  }
}
