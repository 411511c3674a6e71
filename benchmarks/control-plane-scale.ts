// What a control plane costs by the number of services and proxies: its start, a change, memory, and all proxies coming
// back at once. Ends with code 1 when a goal is missed.
// node --conditions=meltemi-source benchmarks/control-plane-scale.ts [--services 100,250,500,1000] [--proxies 100,500]
//   [--endpoints 10] [--scope 50] [--changes 50] [--silent 100] [--write docs/benchmarks.md] [--help]

import { parseArgs } from 'node:util'
import { measureScale, type ScalePlan, type ScaleResult } from './control-plane/measure-scale.ts'
import { exitOnSignals } from './exit-on-signals.ts'
import { describeMachine, readRevision } from './machine.ts'
import { writeBetweenMarkers } from './report.ts'

const HELP = `Usage: node --conditions=meltemi-source benchmarks/control-plane-scale.ts [options]

  --services N,N…   services, a file each (100,250,500,1000)
  --proxies N,N…    simulated proxies, besides one that wants everything (100,500)
  --endpoints N     endpoints of each service (10)
  --scope N         services that each proxy wants (50)
  --changes N       changes of an endpoint, and of a route (50)
  --silent N        with the most services and proxies: further proxies that stop reading (100)
  --write FILE      puts the table between the markers of control-plane-scale in the file
  --help            this text
`
/** Of 1,000 services and 500 proxies. */
const GOALS = { services: 1_000, proxies: 500, syncedMs: 20_000, rssMib: 1_024, changeCpuMs: 20 }

const HEADS = [
  ...['services', 'proxies', 'start: ready s', 'all synced s', 'CPU s', 'RSS MiB'],
  ...['an endpoint changes: CPU ms', 'a route changes: CPU ms', 'proxies told of it'],
  ...['all come back: all served s', 'RSS MiB'],
]

const { values } = parseArgs({
  options: {
    services: { type: 'string', default: '100,250,500,1000' },
    proxies: { type: 'string', default: '100,500' },
    endpoints: { type: 'string', default: '10' },
    scope: { type: 'string', default: '50' },
    changes: { type: 'string', default: '50' },
    silent: { type: 'string', default: '100' },
    write: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) process.stdout.write(HELP)
else await run()

async function run(): Promise<void> {
  exitOnSignals()
  const results: ScaleResult[] = []
  for (const plan of plans()) {
    results.push(await measureScale(plan))
    console.error(formatRow(results.at(-1) as ScaleResult))
  }
  const text = format(results)
  console.log(text)
  if (values.write !== undefined) writeBetweenMarkers(values.write, 'control-plane-scale', text)
  const problems = results.flatMap(findProblems)
  for (const problem of problems) console.error(problem)
  if (problems.length > 0) process.exitCode = 1
}

function plans(): readonly ScalePlan[] {
  const [allServices, allProxies] = [listOf(values.services), listOf(values.proxies)]
  const [endpoints, scope, changes] = [Number(values.endpoints), Number(values.scope), Number(values.changes)]
  return allServices.flatMap((services) =>
    allProxies.map((proxies) => {
      const isLargest = services === Math.max(...allServices) && proxies === Math.max(...allProxies)
      const silent = isLargest ? Number(values.silent) : 0
      return { services, endpoints, proxies, scope: Math.min(scope, services), changes, routeChanges: changes, silent }
    }),
  )
}

function listOf(text: string): readonly number[] {
  return text.split(',').map(Number)
}

function findProblems({ plan, syncedMs, peakRssBytes, endpointChange }: ScaleResult): readonly string[] {
  if (plan.services !== GOALS.services || plan.proxies !== GOALS.proxies) return []
  const found = {
    'ms until all are synced': [syncedMs, GOALS.syncedMs],
    'MiB of memory': [peakRssBytes / 2 ** 20, GOALS.rssMib],
    'ms of CPU for a change of an endpoint': [endpointChange.cpuMs, GOALS.changeCpuMs],
  }
  return Object.entries(found).flatMap(([what, [is = 0, goal = 0]]) =>
    is > goal ? [`${is.toFixed(0)} ${what} instead of at most ${goal}`] : [],
  )
}

function format(results: readonly ScaleResult[]): string {
  return [
    `${new Date().toISOString().slice(0, 10)}: ${describeMachine()}, ${readRevision()}. ${values.endpoints} endpoints a service, each proxy wants ${values.scope} services; one more wants all.`,
    '',
    `| ${HEADS.join(' | ')} |`,
    `|${' ---: |'.repeat(HEADS.length)}`,
    ...results.map(formatRow),
    ...results.flatMap(formatSilence),
  ].join('\n')
}

function formatRow({ plan, endpointChange, routeChange, storm, ...start }: ScaleResult): string {
  const cells = [
    ...[plan.services, plan.proxies],
    ...[toSeconds(start.readyMs), toSeconds(start.syncedMs), toSeconds(start.startCpuMs), toMib(start.peakRssBytes)],
    endpointChange.cpuMs.toFixed(1),
    ...[routeChange?.cpuMs.toFixed(1) ?? '', routeChange?.responses.toFixed(0) ?? ''],
    ...[toSeconds(storm.syncedMs), toMib(storm.peakRssBytes)],
  ]
  return `| ${cells.join(' | ')} |`
}

function formatSilence({ plan, silence }: ScaleResult): readonly string[] {
  if (silence === undefined) return []
  const { rounds, rssBytesBefore, rssBytesDuring, syncedMs } = silence
  return [
    '',
    `With ${plan.services} services and ${plan.proxies} proxies, every service changes ${rounds} times: ${toMib(rssBytesBefore)} MiB. Once more, with ${plan.silent} further proxies that want everything and stop reading in the middle of it: ${toMib(rssBytesDuring)} MiB. When these read again, they have everything after ${toSeconds(syncedMs)} s.`,
  ]
}

function toSeconds(ms: number): string {
  return (ms / 1000).toFixed(1)
}

function toMib(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0)
}
