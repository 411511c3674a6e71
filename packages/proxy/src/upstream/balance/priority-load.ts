/**
 * What part of the requests each priority gets, as Envoy has it. A priority is as available as 1.4 times its healthy share
 * says; the first ones take what they can, and the rest goes to those after them.
 *
 *   P0 50 % healthy → available 70 → gets 70      P1 all healthy → available 100 → gets the other 30
 */

/** Of one priority. */
export interface LevelHealth {
  readonly total: number
  readonly healthy: number
  readonly degraded: number
}

/** In percent of all requests; the numbers of all priorities add up to 100. */
export interface LevelLoad {
  readonly healthy: number
  /** For those that are degraded. */
  readonly degraded: number
  /** Too few can be used: its requests go to all of its endpoints. */
  readonly isPanicking: boolean
}

/** In percent: so much more than it must a priority or locality can take. */
export const OVERPROVISIONING_FACTOR = 140

/** There is at least one level. Thresholds are rounded to whole percents, as Envoy does. */
export function priorityLoads(levels: readonly LevelHealth[], panicThresholdPercent: number): readonly LevelLoad[] {
  const threshold = Math.min(100, Math.round(panicThresholdPercent))
  const healthy = levels.map((level) => availability(level.healthy, level.total))
  const degraded = levels.map((level) => availability(level.degraded, level.total))
  const available = Math.min(100, sum(healthy) + sum(degraded))
  if (available === 0 && threshold === 0) return levels.map((_, at) => loadOf(at === 0 ? 100 : 0))
  const isPanicking = levels.map((level) => available < 100 && isBelow(level, threshold))
  if (isPanicking.every(Boolean)) return totalPanic(levels)
  const loads = distribute(healthy, degraded, available)
  return loads.map((load, at) => ({ ...load, isPanicking: isPanicking[at] as boolean }))
}

/** 0-100. */
function availability(usable: number, total: number): number {
  return total === 0 ? 0 : Math.min(100, Math.floor((OVERPROVISIONING_FACTOR * usable) / total))
}

function isBelow({ total, healthy, degraded }: LevelHealth, threshold: number): boolean {
  return total === 0 ? threshold > 0 : 100 * (healthy + degraded) < threshold * total
}

/** To healthy ones first, from the first priority on, then to degraded ones. What rounding leaves goes to the first that can. */
function distribute(healthy: readonly number[], degraded: readonly number[], available: number): LevelLoad[] {
  let left = 100
  const take = (availability: number) => {
    const load = Math.min(left, Math.floor((availability * 100) / available))
    left -= load
    return load
  }
  const healthyLoads = healthy.map(take)
  const degradedLoads = degraded.map(take)
  const first = healthy.findIndex((availability) => availability > 0)
  if (first >= 0) healthyLoads[first] = (healthyLoads[first] as number) + left
  else
    addTo(
      degradedLoads,
      Math.max(
        0,
        degraded.findIndex((availability) => availability > 0),
      ),
      left,
    )
  return healthyLoads.map((load, at) => loadOf(load, degradedLoads[at] as number))
}

/** Nowhere are enough: by the number of endpoints, healthy or not. */
function totalPanic(levels: readonly LevelHealth[]): readonly LevelLoad[] {
  const total = sum(levels.map((level) => level.total))
  if (total === 0) return levels.map((_, at) => loadOf(at === 0 ? 100 : 0))
  const loads = levels.map((level) => Math.floor((100 * level.total) / total))
  addTo(
    loads,
    levels.findIndex((level) => level.total > 0),
    100 - sum(loads),
  )
  return loads.map((load) => ({ ...loadOf(load), isPanicking: true }))
}

function loadOf(healthy: number, degraded = 0): LevelLoad {
  return { healthy, degraded, isPanicking: false }
}

function addTo(loads: number[], at: number, more: number): void {
  loads[at] = (loads[at] as number) + more
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}
