// What a run measures: the command line, and the scenarios it selects.

import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import { type WireName, type Writes, wireNames } from './load/wire.ts'

export interface Load {
  readonly connections: number
  readonly depth: number
}

export interface Scenario {
  readonly wire: WireName
  readonly load: Load
  readonly payloadBytes: number
  readonly writes: Writes
  readonly setting: Setting
}

/** `plain`: metrics alone. `production`: with an access log, tracing and what a mesh has on besides. */
export type Setting = 'plain' | 'production'

export interface Plan {
  readonly scenarios: readonly Scenario[]
  readonly rounds: number
  readonly roundMs: number
  readonly warmUpMs: number
  /** How often a run is made when other programs disturb it. */
  readonly tries: number
  readonly loops: readonly string[]
  /** Parts of names; empty: every peer. */
  readonly peers: readonly string[]
  readonly writeFile: string | undefined
}

export const usage = `npm run bench -- [options]
  --quick               2 rounds of 2 s, for developing
  --rounds N            interleaved rounds for each figure (5)
  --seconds N           length of a round (5)
  --protocol NAME       awesomerpc, thrift, dubbo; may be repeated, as may the next six
  --load CxD            connections x requests in flight on each (1x1, 64x1, 16x32)
  --payload BYTES       128, 4096
  --writes KIND         when several messages are ready: joined (one write for all), single (a write each)
  --setting KIND        plain, production (Dubbo alone: access log, metadata exchange, Istio's metrics, 1 % tracing)
  --loop NAME           closed (as fast as it goes), open (half of the slowest peer's speed)
  --tries N             how often a run may be repeated when other programs disturb it (5; 1: take it as it is)
  --peer PART           only peers with PART in their names
  --write FILE          put each table, as soon as it is there, between the markers of this Markdown file, in the place
                        of the one with the same heading: a long run may be made in pieces
  --policies            what limits, rules, retries, routes and TLS cost: has options of its own, see --policies --help`

const options = {
  quick: { type: 'boolean', default: false },
  rounds: { type: 'string' },
  seconds: { type: 'string' },
  protocol: { type: 'string', multiple: true, default: [...wireNames] },
  load: { type: 'string', multiple: true, default: ['1x1', '64x1', '16x32'] },
  payload: { type: 'string', multiple: true, default: ['128', '4096'] },
  writes: { type: 'string', multiple: true, default: ['joined', 'single'] },
  setting: { type: 'string', multiple: true, default: ['plain', 'production'] },
  loop: { type: 'string', multiple: true, default: ['closed', 'open'] },
  tries: { type: 'string' },
  peer: { type: 'string', multiple: true, default: [] },
  write: { type: 'string' },
} satisfies ParseArgsOptionsConfig

/** Throws an error with a clear message on a bad command line. */
export function parsePlan(args: readonly string[]): Plan {
  const { values } = parseArgs({ args: [...args], options })
  const rounds = parseCount(values.rounds ?? (values.quick ? '2' : '5'))
  const roundMs = parseCount(values.seconds ?? (values.quick ? '2' : '5')) * 1000
  return {
    scenarios: listScenarios(values),
    rounds,
    roundMs,
    warmUpMs: values.quick ? 500 : 1000,
    tries: parseCount(values.tries ?? (values.quick ? '1' : '5')),
    loops: values.loop,
    peers: values.peer,
    writeFile: values.write,
  }
}

interface Axes {
  readonly protocol: readonly string[]
  readonly payload: readonly string[]
  readonly load: readonly string[]
  readonly writes: readonly string[]
  readonly setting: readonly string[]
}

function listScenarios(axes: Axes): Scenario[] {
  const scenarios: Scenario[] = []
  for (const wire of axes.protocol.map(parseWire)) {
    for (const setting of axes.setting.map(parseSetting)) {
      for (const writes of axes.writes.map(parseWrites)) {
        for (const payloadBytes of axes.payload.map(parseCount)) {
          for (const load of axes.load.map(parseLoad)) scenarios.push({ wire, load, payloadBytes, writes, setting })
        }
      }
    }
  }
  return scenarios.filter(isWorthwhile)
}

function isWorthwhile({ wire, load, payloadBytes, writes, setting }: Scenario): boolean {
  if (writes === 'single' && load.depth === 1) return false // of one there is nothing to join
  return setting === 'plain' || (wire === 'dubbo' && load.connections > 1 && payloadBytes < 1024)
}

/** Throws on anything else than the name of a protocol. */
export function parseWire(text: string): WireName {
  const name = wireNames.find((each) => each === text)
  if (name !== undefined) return name
  throw new Error(`expected ${wireNames.join(', ')}, not "${text}"`)
}

function parseWrites(text: string): Writes {
  if (text === 'joined' || text === 'single') return text
  throw new Error(`expected joined or single, not "${text}"`)
}

function parseSetting(text: string): Setting {
  if (text === 'plain' || text === 'production') return text
  throw new Error(`expected plain or production, not "${text}"`)
}

/** Reads "16x32"; throws on anything else. */
export function parseLoad(text: string): Load {
  const match = /^(\d+)x(\d+)$/.exec(text)
  if (match === null) throw new Error(`expected a load such as 16x32, not "${text}"`)
  return { connections: parseCount(match[1]!), depth: parseCount(match[2]!) }
}

/** Throws on anything else than a whole number above zero. */
export function parseCount(text: string): number {
  const count = Number(text)
  if (Number.isInteger(count) && count > 0) return count
  throw new Error(`expected a positive whole number, not "${text}"`)
}
