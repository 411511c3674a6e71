// How long it takes from a change of a route until requests go the new way, and whether any request is lost: one control
// plane, one proxy under load, and 49 simulated proxies. Ends with code 1 when a request failed or a change took too long.
// node --conditions=meltemi-source benchmarks/route-change.ts [--changes 240] [--fast-changes 1000] [--rate 5000]
//   [--simulated 49] [--write docs/benchmarks.md] [--help]

import { parseArgs } from 'node:util'
import {
  measureRouteChange,
  type RouteChangePlan,
  type RouteChangeResult,
} from './control-plane/measure-route-change.ts'
import { exitOnSignals } from './exit-on-signals.ts'
import { describeMachine, readRevision } from './machine.ts'
import { writeBetweenMarkers } from './report.ts'
import { quantile } from './statistics.ts'

const HELP = `Usage: node --conditions=meltemi-source benchmarks/route-change.ts [options]

  --changes N        changes 250 ms apart (240)
  --fast-changes N   changes at 50 a second (1000)
  --rate N           requests per second (5000)
  --simulated N      simulated proxies beside the real one (49)
  --write FILE       puts the table between the markers of route-change in the file
  --help             this text
`
/** What 99 % of the changes must not exceed, by the time between them. */
const GOALS_MS = new Map([
  [250, 300],
  [20, 1_200],
])

const { values } = parseArgs({
  options: {
    changes: { type: 'string', default: '240' },
    'fast-changes': { type: 'string', default: '1000' },
    rate: { type: 'string', default: '5000' },
    simulated: { type: 'string', default: '49' },
    write: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) process.stdout.write(HELP)
else await run()

async function run(): Promise<void> {
  exitOnSignals()
  const results: RouteChangeResult[] = []
  for (const plan of plans()) {
    results.push(await measureRouteChange(plan))
    console.error(formatRow(results.at(-1) as RouteChangeResult))
  }
  const text = format(results)
  console.log(text)
  if (values.write !== undefined) writeBetweenMarkers(values.write, 'route-change', text)
  const problems = results.flatMap(findProblems)
  for (const problem of problems) console.error(problem)
  if (problems.length > 0) process.exitCode = 1
}

function plans(): readonly RouteChangePlan[] {
  const load = { requestsPerSecond: Number(values.rate), simulated: Number(values.simulated) }
  const slow = { ...load, changes: Number(values.changes), intervalMs: 250 }
  const fast = { ...load, changes: Number(values['fast-changes']), intervalMs: 20 }
  return [slow, fast].flatMap((plan) => [
    { ...plan, by: 'api' as const },
    { ...plan, by: 'file' as const },
  ])
}

function findProblems({ plan, firstNewMs, lastOldMs, failures }: RouteChangeResult): readonly string[] {
  const goalMs = GOALS_MS.get(plan.intervalMs) ?? Number.POSITIVE_INFINITY
  const slowestMs = Math.max(quantile(firstNewMs, 0.99), quantile(lastOldMs, 0.99))
  const late = slowestMs > goalMs ? [`p99 is ${slowestMs.toFixed(0)} ms instead of at most ${goalMs} ms`] : []
  return [...late, ...failures.slice(0, 10)]
}

function format(results: readonly RouteChangeResult[]): string {
  return [
    `${new Date().toISOString().slice(0, 10)}: ${describeMachine()}, ${readRevision()}. ${values.rate} requests/s through one proxy, ${values.simulated} simulated ones beside it.`,
    '',
    '| changes | by | first answer of the new version, ms: p50 · p99 · max | last answer of the old one, ms: p50 · p99 · max | requests | failed |',
    '| --- | --- | ---: | ---: | ---: | ---: |',
    ...results.map(formatRow),
  ].join('\n')
}

function formatRow({ plan, firstNewMs, lastOldMs, requests, failures }: RouteChangeResult): string {
  const changes = `${plan.changes}, ${plan.intervalMs === 250 ? '250 ms apart' : `${1000 / plan.intervalMs} a second`}`
  const by = plan.by === 'api' ? 'PUT' : 'file'
  return `| ${[changes, by, times(firstNewMs), times(lastOldMs), requests, failures.length].join(' | ')} |`
}

function times(values: readonly number[]): string {
  return [0.5, 0.99, 1].map((fraction) => quantile(values, fraction).toFixed(0)).join(' · ')
}
