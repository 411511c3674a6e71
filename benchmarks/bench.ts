// `npm run bench`: Meltemi and its peers side by side in one run. See docs/benchmarks.md.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CheckedPeer, checkPeer, readCounts } from './check-peers.ts'
import { exitOnSignals } from './exit-on-signals.ts'
import { startBackend, startGenerator } from './load/load-process.ts'
import { type SpanCollector, startSpanCollector } from './load/span-collector.ts'
import type { WireName } from './load/wire.ts'
import { describeMachine } from './machine.ts'
import { measureScenario } from './measure.ts'
import { mergeTable } from './merge-tables.ts'
import { direct } from './peers/direct.ts'
import {
  envoyBoundDubbo,
  envoyDubbo,
  envoyGenericDubbo,
  envoyTcp,
  envoyThrift,
  findMissingPart,
} from './peers/envoy.ts'
import { haproxy } from './peers/haproxy.ts'
import { createMeltemi } from './peers/meltemi.ts'
import { nginx } from './peers/nginx.ts'
import type { Peer, PeerOptions, Production, RunningPeer } from './peers/peer.ts'
import { type Plan, parsePlan, type Scenario, usage } from './plan.ts'
import { benchPolicies, policiesUsage } from './policies/bench-policies.ts'
import { changeBetweenMarkers, formatMeasurement } from './report.ts'

const RIVALS: Readonly<Record<WireName, readonly Peer[]>> = {
  awesomerpc: [nginx, haproxy, envoyTcp],
  thrift: [envoyThrift],
  dubbo: [envoyDubbo, envoyGenericDubbo, envoyBoundDubbo],
}

const isOfPolicies = process.argv.includes('--policies')
if (process.argv.includes('--help')) console.log(isOfPolicies ? policiesUsage : usage)
else if (isOfPolicies) await benchPolicies(process.argv.slice(2))
else await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<void> {
  const plan = parsePlan(args)
  exitOnSignals()
  for (const scenarios of Object.values(Object.groupBy(plan.scenarios, groupOf))) await benchGroup(plan, scenarios!)
}

// Those that can share one backend and one start of the peers.
function groupOf({ wire, setting, writes }: Scenario): string {
  return `${wire} ${setting} ${writes}`
}

// At once, so that a run that is broken off has not been for nothing.
function report(plan: Plan, table: string): void {
  console.log(table)
  if (plan.writeFile === undefined) return
  changeBetweenMarkers(plan.writeFile, 'bench', (section) => mergeTable(section, table))
}

async function benchGroup(plan: Plan, scenarios: readonly Scenario[]): Promise<void> {
  const { wire, writes, setting } = scenarios[0]!
  const about = describeRun(plan, wire)
  const folder = mkdtempSync(join(tmpdir(), 'meltemi-bench-'))
  const backend = await startBackend(wire, writes)
  const generator = startGenerator()
  const checked: CheckedPeer[] = []
  const absent: string[] = []
  try {
    for (const peer of selectPeers(plan, wire)) {
      const own = mkdtempSync(join(folder, 'peer-'))
      const collector = setting === 'production' ? await startSpanCollector() : undefined
      const options = { backendPort: backend.port, folder: own, ...describeProduction(own, collector) }
      const running = await startOrExplain(peer, options)
      if (typeof running === 'string') absent.push(running)
      else checked.push({ peer: running, collector })
    }
    const peers = checked.map(({ peer }) => peer)
    const onProgress = (text: string): void => console.error(text)
    for (const scenario of scenarios) {
      const before = await Promise.all(checked.map(readCounts))
      const bench = { plan, generator, backendPid: backend.pid, peers, onProgress }
      const measurements = await measureScenario(bench, scenario)
      await Promise.all(checked.map((each, index) => checkPeer(each, before[index]!, measurements)))
      for (const measurement of measurements) report(plan, formatMeasurement(measurement, [about, ...absent].join(' ')))
    }
  } finally {
    generator.stop()
    await Promise.all(checked.map(({ peer }) => peer.stop()))
    for (const { collector } of checked) collector?.stop()
    backend.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

// Not every Envoy has all filters; which ones, its binary knows alone.
async function startOrExplain(peer: Peer, options: PeerOptions): Promise<RunningPeer | string> {
  try {
    return await peer.start(options)
  } catch (error) {
    const part = findMissingPart(error)
    if (part === undefined) throw error
    return `${peer.name} is not in the table: this build, ${peer.version()}, lacks ${part}.`
  }
}

function describeProduction(folder: string, collector: SpanCollector | undefined): { production?: Production } {
  if (collector === undefined) return {}
  return { production: { collectorPort: collector.port, accessLog: join(folder, 'access.log') } }
}

function selectPeers(plan: Plan, wire: WireName): Peer[] {
  const isWanted = (peer: Peer): boolean =>
    plan.peers.length === 0 || peer === direct || plan.peers.some((part) => peer.name.includes(part))
  return listPeers(wire).filter(isWanted).filter(isInstalled)
}

function isInstalled(peer: Peer): boolean {
  if (peer.version() !== undefined) return true
  console.error(`${peer.name} is not installed and left out: scripts/setup-interop.sh brings it`)
  return false
}

function listPeers(wire: WireName): Peer[] {
  const own = [true, false].map((isMultiplexing) => createMeltemi({ wire, isMultiplexing }))
  return [direct, ...RIVALS[wire], ...own]
}

function describeRun(plan: Plan, wire: WireName): string {
  const peers = selectPeers(plan, wire).filter((peer) => peer !== direct)
  const versions = new Set(peers.map((peer) => `${peer.name.split(',')[0]} ${peer.version()}`))
  const date = new Date().toISOString().slice(0, 10)
  const rounds = `${plan.rounds} interleaved rounds of ${plan.roundMs / 1000} s`
  return `${date}: ${describeMachine()}. ${[...versions].join(' · ')}. One worker each, ${rounds}.`
}
