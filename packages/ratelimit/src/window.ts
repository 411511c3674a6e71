/** Units of time, and the windows that they cut time into: all of one unit begin and end together, counted from 1970. */

import { RateLimitResponse_RateLimit_Unit as Unit } from '@meltemi/api/rate-limit'

export { Unit }

const DAY = 24 * 60 * 60

/** In seconds; months have 30 days and years 365. */
const UNIT_SECONDS: ReadonlyMap<Unit, number> = new Map([
  [Unit.SECOND, 1],
  [Unit.MINUTE, 60],
  [Unit.HOUR, 60 * 60],
  [Unit.DAY, DAY],
  [Unit.WEEK, 7 * DAY],
  [Unit.MONTH, 30 * DAY],
  [Unit.YEAR, 365 * DAY],
])

/** Names as they are written in configuration; any case. */
export const UNIT_NAMES: readonly string[] = ['second', 'minute', 'hour', 'day', 'week', 'month', 'year']

const UNITS_BY_NAME: ReadonlyMap<string, Unit> = new Map([
  ['second', Unit.SECOND],
  ['minute', Unit.MINUTE],
  ['hour', Unit.HOUR],
  ['day', Unit.DAY],
  ['week', Unit.WEEK],
  ['month', Unit.MONTH],
  ['year', Unit.YEAR],
])

export function tryParseUnit(name: string): Unit | undefined {
  return UNITS_BY_NAME.get(name.toLowerCase())
}

/** The seconds of a unit; undefined for a number that is none. */
export function secondsOf(unit: Unit): number | undefined {
  return UNIT_SECONDS.get(unit)
}

/** When the window that `nowS` lies in began; both in seconds since 1970. */
export function windowStart(nowS: number, seconds: number): number {
  return nowS - (nowS % seconds)
}

/** Whole seconds until the window ends; from 1 to all of it. */
export function secondsLeft(nowS: number, seconds: number): number {
  return seconds - (nowS % seconds)
}
