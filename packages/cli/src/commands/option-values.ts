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
