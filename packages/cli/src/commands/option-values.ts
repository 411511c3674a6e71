/** Reads the values of options; each throws with what it expected, and commander names the option. */

import type { SocketAddress } from '@meltemi/api'
import { LOG_LEVELS, type LogLevel, tryParseLogLevel } from '@meltemi/runtime'
import { InvalidArgumentError } from 'commander'

/** A parser of whole numbers from `minimum` to `maximum`. */
export function parseWhole(minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
    if (value >= minimum && value <= maximum) return value
    throw new InvalidArgumentError(`It should be a whole number from ${minimum} to ${maximum}.`)
  }
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** A parser of durations such as `500ms`, `10s`, `5m` and `1h`, from `minimumMs` to `maximumMs`; gives milliseconds. */
export function parseDuration(minimumMs: number, maximumMs: number): (text: string) => number {
  return (text) => {
    const [, digits = '', unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? []
    const ms = Number(digits) * (UNIT_MS[unit] ?? Number.NaN)
    if (ms >= minimumMs && ms <= maximumMs) return ms
    throw new InvalidArgumentError(
      `It should be a time from ${minimumMs}ms to ${maximumMs / 1000}s, for example 10s or 5m.`,
    )
  }
}

/** `127.0.0.1:15000`, `localhost:15000` or `[::1]:15000`. */
export function parseAddress(text: string): SocketAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  const host = match?.[1] ?? match?.[2]
  if (host === undefined || !(port <= 65_535)) {
    throw new InvalidArgumentError('It should be HOST:PORT, for example 127.0.0.1:15000 or [::1]:15000.')
  }
  return { host, port }
}

export function parseLogLevel(text: string): LogLevel {
  const level = tryParseLogLevel(text)
  if (level === undefined) throw new InvalidArgumentError(`It should be one of ${LOG_LEVELS.join(', ')}.`)
  return level
}

/** For options that may be given several times. */
export function collect(text: string, previous: readonly string[]): readonly string[] {
  return [...previous, text]
}

/** For options of the form KEY=VALUE that may be given several times; the last of one key wins. */
export function collectPairs(text: string, previous: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const [, key, value] = /^([^=]+)=(.*)$/s.exec(text) ?? []
  if (key === undefined) throw new InvalidArgumentError('It should be KEY=VALUE, for example NAMESPACE=default.')
  return new Map(previous).set(key, value ?? '')
}
