import type { HealthCheckConfig } from '@meltemi/api/model'
import type { CheckResult } from './check-interval.ts'
import { Cell, HostFlag, type HostTable } from './host-table.ts'

/** How a check fails. active: the host has answered, and not well. */
export type CheckFailure = 'network' | 'timeout' | 'active'

export interface Verdict extends CheckResult {
  /** The host is healthy now and was not, or the other way round, or this was the first check of it. */
  readonly isChange: boolean
  readonly isFirst: boolean
}

type Thresholds = Pick<HealthCheckConfig, 'healthyThreshold' | 'unhealthyThreshold'>

/** A check was passed: healthy at once when it was the first, else after as many in a row as are wanted. */
export function passCheck(table: HostTable, base: number, { healthyThreshold }: Thresholds): Verdict {
  const isFirst = table.flag(base, HostFlag.Unchecked, false)
  table.set(base, Cell.BadChecks, 0)
  if (!table.has(base, HostFlag.Unhealthy)) return { isHealthy: true, isPending: false, isChange: isFirst, isFirst }
  const isEnough = table.add(base, Cell.GoodChecks, 1) >= healthyThreshold
  if (!isFirst && !isEnough) return { isHealthy: true, isPending: true, isChange: false, isFirst }
  table.flag(base, HostFlag.Unhealthy, false)
  table.flag(base, HostFlag.TimedOut, false)
  return { isHealthy: true, isPending: false, isChange: true, isFirst }
}

/** A check was not: an answer that says so counts at once, silence after as many in a row as are allowed. */
export function failCheck(
  table: HostTable,
  base: number,
  failure: CheckFailure,
  { unhealthyThreshold }: Thresholds,
): Verdict {
  const isFirst = table.flag(base, HostFlag.Unchecked, false)
  table.set(base, Cell.GoodChecks, 0)
  const wasHealthy = !table.has(base, HostFlag.Unhealthy)
  const isEnough = wasHealthy && (failure === 'active' || table.add(base, Cell.BadChecks, 1) >= unhealthyThreshold)
  if (isEnough) table.flag(base, HostFlag.Unhealthy, true)
  table.flag(base, HostFlag.TimedOut, failure === 'timeout' && (isEnough || !wasHealthy))
  const isPending = wasHealthy && !isEnough && !isFirst
  return { isHealthy: false, isPending, isChange: isEnough || isFirst, isFirst }
}
