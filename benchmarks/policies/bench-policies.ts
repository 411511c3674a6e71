// `npm run bench -- --policies`: what limits, rules, retries, routes and TLS cost. See docs/benchmarks.md.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { exitOnSignals } from '../exit-on-signals.ts'
import { type WireName, wireNames } from '../load/wire.ts'
import { describeMachine, readRevision } from '../machine.ts'
import { envoyThrift } from '../peers/envoy.ts'
import { createMeltemi, type MeltemiOptions } from '../peers/meltemi.ts'
import { type Load, type Plan, parseCount, parseLoad, parseWire } from '../plan.ts'
import { formatRatio } from '../ratio.ts'
import { writeBetweenMarkers } from '../report.ts'
import { type Answer, type Comparison, compare, ROUNDS_A_PROCESS, type Variant } from './comparison.ts'
import { createMutualTls } from './mutual-tls.ts'
import { limitFields, type ProxyFields, policyFields, retryFields, routeFields, rulesFields } from './policies.ts'

/** How many times as much a request may cost. */
const GOALS = { policies: 1.15, routes: 2, unused: 1.03 }
const ROUTES = 1000
/** Before each run: its connections are new. */
const WARM_UP_MS = 150
const LOADED: Load = { connections: 16, depth: 32 }
const MESH: Load = { connections: 64, depth: 1 }
const PARTS = ['policies', 'routes', 'tls', 'unused'] as const
type Part = (typeof PARTS)[number]

export const policiesUsage = `npm run bench -- --policies [options]
  --pairs N             interleaved pairs of runs for each figure (40)
  --ms N                length of a run: short ones have the same neighbours on a machine that is not ours alone (500)
  --part NAME           policies, routes, tls, unused; may be repeated, as may the next two (all of them)
  --protocol NAME       awesomerpc, thrift, dubbo: of the part policies
  --load CxD            connections x requests in flight on each, instead of those of the parts
  --beside DIR          another checkout, set up: the part unused compares a plain request there and here
  --tries N             how often a run may be repeated when other programs disturb it (5; 1: take it as it is)
  --write FILE          put the table between the markers of this Markdown file
Ends with code 1 when a goal is missed.`

interface Options {
  readonly plan: Plan
  readonly parts: readonly Part[]
  readonly wires: readonly WireName[]
  /** Empty: those of each part. */
  readonly loads: readonly Load[]
  readonly beside: string | undefined
}

export async function benchPolicies(args: readonly string[]): Promise<void> {
  const options = parseOptions(args)
  exitOnSignals()
  const folder = mkdtempSync(join(tmpdir(), 'meltemi-policies-'))
  const answers: Answer[] = []
  try {
    for (const comparison of await listComparisons(options, folder)) {
      answers.push(...(await compare(comparison, options.plan, folder)))
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  const text = format(answers, options)
  console.log(text)
  if (options.plan.writeFile !== undefined) writeBetweenMarkers(options.plan.writeFile, 'policies', text)
  if (answers.some(isMissed)) process.exitCode = 1
}

function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      policies: { type: 'boolean' },
      pairs: { type: 'string', default: '40' },
      ms: { type: 'string', default: '500' },
      part: { type: 'string', multiple: true, default: [...PARTS] },
      protocol: { type: 'string', multiple: true, default: [...wireNames] },
      load: { type: 'string', multiple: true, default: [] },
      beside: { type: 'string' },
      tries: { type: 'string', default: '5' },
      write: { type: 'string' },
    },
  })
  const plan = {
    scenarios: [],
    rounds: parseCount(values.pairs),
    roundMs: parseCount(values.ms),
    warmUpMs: WARM_UP_MS,
    tries: parseCount(values.tries),
    loops: ['closed'],
    peers: [],
    writeFile: values.write,
  }
  const beside = values.beside
  const parts = values.part.map(parsePart).filter((part) => part !== 'unused' || beside !== undefined)
  return { plan, parts, wires: values.protocol.map(parseWire), loads: values.load.map(parseLoad), beside }
}

function parsePart(text: string): Part {
  const part = PARTS.find((each) => each === text)
  if (part !== undefined) return part
  throw new Error(`expected ${PARTS.join(', ')}, not "${text}"`)
}

async function listComparisons({ parts, wires, loads, beside }: Options, folder: string): Promise<Comparison[]> {
  const comparisons: Comparison[] = []
  if (parts.includes('policies')) comparisons.push(...wires.map(comparePolicies))
  if (parts.includes('routes')) comparisons.push(compareRoutes('awesomerpc'))
  if (parts.includes('tls')) comparisons.push(await compareTls(folder))
  if (parts.includes('unused') && beside !== undefined) comparisons.push(compareCheckouts('awesomerpc', beside))
  return loads.length === 0 ? comparisons : comparisons.map((comparison) => ({ ...comparison, loads }))
}

function comparePolicies(wire: WireName): Comparison {
  const variants: readonly (readonly [string, ProxyFields, number?])[] = [
    ['local limit, 10 authorization rules and retries with a time for each try', policyFields, GOALS.policies],
    ['local limit alone', limitFields],
    ['10 authorization rules alone', rulesFields],
    ['retries with a time for each try alone', retryFields],
  ]
  return {
    wire,
    loads: [LOADED],
    variants: [
      meltemi(wire, 'plain'),
      ...variants.map(([name, fields]) => meltemi(wire, name, { fields: fields(wire) })),
    ],
    questions: variants.map(([name, , goal]) => ({
      what: name,
      variant: name,
      beside: 'plain',
      ...(goal === undefined ? {} : { goal }),
    })),
  }
}

function compareRoutes(wire: WireName): Comparison {
  const names = ['one exact route', `${ROUTES} exact routes`] as const
  const [one, many] = names
  return {
    wire,
    loads: [LOADED],
    variants: [
      meltemi(wire, one, { fields: routeFields(wire, 1) }),
      meltemi(wire, many, { fields: routeFields(wire, ROUTES) }),
    ],
    questions: [{ what: `${many} beside one`, variant: many, beside: one, goal: GOALS.routes }],
  }
}

async function compareTls(folder: string): Promise<Comparison> {
  const wire = 'thrift'
  const tls = await createMutualTls(folder)
  const own = [meltemi(wire, 'Meltemi'), { ...meltemi(wire, 'Meltemi with mTLS'), tls }]
  const rival = { name: 'Envoy thrift_proxy', peer: envoyThrift }
  const rivals = [rival, { ...rival, name: `${rival.name} with mTLS`, tls }]
  const isInstalled = rival.peer.version() !== undefined
  if (!isInstalled) console.error('Envoy is not installed and left out: scripts/setup-interop.sh brings it')
  const added = (name: string) => ({ what: `${name}: mTLS with clients`, variant: `${name} with mTLS`, beside: name })
  const between = { what: 'mTLS with clients: Meltemi beside Envoy thrift_proxy', variant: 'Meltemi with mTLS' }
  return {
    wire,
    loads: [LOADED, MESH],
    variants: isInstalled ? [...own, ...rivals] : own,
    questions: isInstalled
      ? [added('Meltemi'), added(rival.name), { ...between, beside: `${rival.name} with mTLS` }]
      : [added('Meltemi')],
  }
}

/** Whoever uses none of the policies must not pay for them. */
function compareCheckouts(wire: WireName, checkout: string): Comparison {
  return {
    wire,
    loads: [LOADED, MESH],
    variants: [meltemi(wire, 'this checkout'), meltemi(wire, checkout, { checkout })],
    questions: [
      { what: 'no policy, beside the other checkout', variant: 'this checkout', beside: checkout, goal: GOALS.unused },
    ],
  }
}

function meltemi(wire: WireName, name: string, options: Partial<MeltemiOptions> = {}): Variant {
  return { name, peer: createMeltemi({ wire, isMultiplexing: true, ...options }) }
}

function isMissed({ ratio, goal }: Answer): boolean {
  return goal !== undefined && !(ratio.median <= goal)
}

function format(answers: readonly Answer[], { plan, beside }: Options): string {
  const date = new Date().toISOString().slice(0, 10)
  const envoy = envoyThrift.version()
  const others = Math.max(...answers.map(({ othersShare }) => othersShare))
  return [
    '| protocol, load | what | CPU µs per request | beside µs | times as much (95 % confidence) | goal |',
    '| --- | --- | ---: | ---: | ---: | --- |',
    ...answers.map(formatRow),
    '',
    `${date}: ${describeMachine()}, ${readRevision()}${envoy === undefined ? '' : `, Envoy ${envoy}`}. One worker each, 128 B, ` +
      `joined writes, multiplexing on, ${plan.rounds} interleaved pairs of ${plan.roundMs} ms, another process after each ${ROUNDS_A_PROCESS}.`,
    ...(others < 0.1 ? [] : [`Other programs took up to ${(others * 100).toFixed(0)} % of a core meanwhile.`]),
    ...(beside !== undefined ? [`The other checkout: ${readRevision(beside)}.`] : []),
  ].join('\n')
}

function formatRow(answer: Answer): string {
  const { wire, load, what, us, besideUs, ratio, goal } = answer
  const verdict = goal === undefined ? '' : `≤ ${goal}: ${isMissed(answer) ? 'missed' : 'reached'}`
  const where = `${wire}, ${load.connections}×${load.depth}`
  return `| ${[where, what, us.toFixed(2), besideUs.toFixed(2), formatRatio(ratio), verdict].join(' | ')} |`
}
