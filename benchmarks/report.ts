// Turns measurements into Markdown tables.

import { readFileSync, writeFileSync } from 'node:fs'
import type { LoadResult } from './load/run-load.ts'
import type { WireName } from './load/wire.ts'
import type { Measurement, Rounds } from './measure.ts'
import { formatSpread, median } from './statistics.ts'

// Whose CPU the others are compared with.
const REFERENCES: Readonly<Record<WireName, string>> = {
  awesomerpc: 'nginx stream',
  thrift: 'Envoy thrift_proxy',
  dubbo: 'Envoy dubbo_proxy',
}

// Envoy's only filter for Dubbo that logs and traces requests.
const PRODUCTION_REFERENCE = 'Envoy generic_proxy'

/** One heading, table and `about`. Ratios and additions are taken within a round, then the median over the rounds. */
export function formatMeasurement({ scenario, rate, rounds }: Measurement, about: string): string {
  const { wire, load, payloadBytes, writes, setting } = scenario
  const loop = rate === undefined ? 'closed loop' : `open loop at ${rate} requests/s`
  const pieces = load.depth === 1 ? '' : `, ${writes} writes`
  const kind = setting === 'plain' ? wire : `${wire}, ${setting}`
  const reference = setting === 'plain' ? REFERENCES[wire] : PRODUCTION_REFERENCE
  const heads = ['proxy', 'CPU µs per request', `CPU × ${reference}`, 'requests/s', 'CPU %']
  heads.push('added p50 µs', 'added p99 µs', 'added p99.9 µs', `p99.9 × ${reference}`, 'RSS MiB')
  return [
    `### ${kind}, ${load.connections}×${load.depth}, ${payloadBytes} B${pieces}, ${loop}`,
    '',
    row(heads),
    row(heads.map((_, index) => (index === 0 ? '---' : '---:'))),
    ...[...rounds.keys()].map((name) => formatRow(name, rounds, reference)),
    '',
    ...formatDisturbance(rounds),
    about,
    '',
  ].join('\n')
}

/** Replaces what stands between `<!-- NAME:begin -->` and `<!-- NAME:end -->`; the file must have both. */
export function writeBetweenMarkers(file: string, name: string, text: string): void {
  changeBetweenMarkers(file, name, () => text)
}

/** The same with a text that is made of the one that stands there. */
export function changeBetweenMarkers(file: string, name: string, change: (text: string) => string): void {
  const before = readFileSync(file, 'utf8')
  const marker = `<!-- ${name}:begin -->`
  const begin = before.indexOf(marker)
  const end = before.indexOf(`<!-- ${name}:end -->`)
  if (begin < 0 || end < begin) throw new Error(`${file} lacks the markers of ${name}`)
  const text = change(before.slice(begin + marker.length, end).trim())
  writeFileSync(file, `${before.slice(0, begin + marker.length)}\n\n${text.trimEnd()}\n\n${before.slice(end)}`)
}

function formatDisturbance(rounds: Rounds): string[] {
  const shares = [...rounds.values()].flat().map((result) => (result.othersCpuMs / result.windowMs) * 100)
  if (median(shares) < 10) return []
  return [`Other programs took ${formatSpread(shares, 0)} % of a core meanwhile.`]
}

function formatRow(name: string, rounds: Rounds, reference: string): string {
  const own = rounds.get(name)!
  const direct = rounds.get('direct')
  const peer = rounds.get(reference)
  const added = (pick: (result: LoadResult) => number): string =>
    direct === undefined || name === 'direct'
      ? formatSpread(own.map(pick), 0)
      : formatSpread(
          pairs(own, direct, (mine, its) => pick(mine) - pick(its)),
          0,
        )
  const times = (pick: (result: LoadResult) => number): string =>
    peer === undefined || name === 'direct'
      ? ''
      : formatSpread(
          pairs(own, peer, (mine, its) => pick(mine) / pick(its)),
          2,
        )
  const isProxy = name !== 'direct'
  return row([
    isProxy ? name : 'direct (its own times)',
    isProxy ? formatSpread(own.map(cpuUsPerRequest), 1) : '',
    times(cpuUsPerRequest),
    formatSpread(own.map(requestsPerSecond), 0),
    isProxy ? formatSpread(own.map(cpuPercent), 0) : '',
    added((result) => result.p50Us),
    added((result) => result.p99Us),
    added((result) => result.p999Us),
    times((result) => result.p999Us),
    isProxy
      ? formatSpread(
          own.map((result) => result.rssBytes / 2 ** 20),
          0,
        )
      : '',
  ])
}

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
const cpuUsPerRequest = (result: LoadResult): number => (result.cpuMs * 1000) / result.requests
const cpuPercent = (result: LoadResult): number => (result.cpuMs / result.windowMs) * 100
const requestsPerSecond = (result: LoadResult): number => result.requests / (result.windowMs / 1000)

function pairs(
  mine: readonly LoadResult[],
  its: readonly LoadResult[],
  combine: (mine: LoadResult, its: LoadResult) => number,
): number[] {
  return mine.map((result, round) => combine(result, its[round]!))
}
