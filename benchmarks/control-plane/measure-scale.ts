// One control plane with a mesh of some size and simulated proxies of some number: what a start, a change and a storm cost.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ControlPlaneProcess, startControlPlaneProcess } from '../../tests/harness/control-plane-process.ts'
import { readCpuMs, readRssBytes } from '../load/process-usage.ts'
import { delay } from '../with-meltemi.ts'
import { Fleet } from './fleet.ts'
import type { ProxyPlan } from './fleet-orders.ts'
import {
  type MeshSize,
  RESOURCES_OF_SERVICE,
  routesName,
  type ServiceState,
  serviceHost,
  writeMesh,
  writeService,
} from './mesh.ts'

export interface ScalePlan extends MeshSize {
  /** Besides one that has no scope. */
  readonly proxies: number
  /** Services that each of them is interested in. */
  readonly scope: number
  /** Of an endpoint. */
  readonly changes: number
  /** 0: these are not measured. */
  readonly routeChanges: number
  /** Further proxies that stop reading; 0: this is not measured. */
  readonly silent: number
}

export interface ScaleResult {
  readonly plan: ScalePlan
  /** From the start of the process until it is ready, and until every proxy has everything. */
  readonly readyMs: number
  readonly syncedMs: number
  readonly startCpuMs: number
  readonly rssBytes: number
  readonly peakRssBytes: number
  /** CPU of the process, all threads. */
  readonly idleCpuMsPerSecond: number
  readonly endpointChange: ChangeResult
  readonly routeChange: ChangeResult | undefined
  readonly silence: SilenceResult | undefined
  readonly storm: StormResult
}

export interface ChangeResult {
  readonly cpuMs: number
  /** Responses that proxies got of each change. */
  readonly responses: number
}

/** Every service changes again and again, first while all proxies read, then with further ones that want everything and stop. */
export interface SilenceResult {
  readonly rounds: number
  readonly rssBytesBefore: number
  readonly rssBytesDuring: number
  /** From when they read again until all of them have everything. */
  readonly syncedMs: number
}

export interface StormResult {
  readonly syncedMs: number
  readonly cpuMs: number
  readonly peakRssBytes: number
}

/** Far enough apart for each to be put through alone, with the count of who has it. */
const CHANGE_INTERVAL_MS = 700
const SETTLE_MS = 1_500
/** Until the engine has compiled what a change runs through. */
const WARM_UP_CHANGES = 40
/** Files are looked at every 10 s, whether or not they change. */
const IDLE_MS = 10_000
/** In the middle of their first state. */
const SILENT_AFTER_MS = 500
const SILENT_ROUNDS = 10
const ROUND_MS = 1_500

export async function measureScale(plan: ScalePlan): Promise<ScaleResult> {
  const folder = mkdtempSync(join(tmpdir(), 'meltemi-scale-'))
  const mesh = join(folder, 'mesh')
  writeMesh(mesh, plan)
  using fleet = new Fleet()
  await fleet.count()
  const start = (xdsPort: number) => startControlPlaneProcess({ folder: mesh, runtimeFolder: folder, xdsPort })
  const startedMs = performance.now()
  let controlPlane = await start(0)
  try {
    const readyMs = performance.now() - startedMs
    await fleet.connect(controlPlane.xdsPort, planFleet(plan))
    const syncedMs = performance.now() - startedMs
    const startCpuMs = readCpuMs([controlPlane.pid])
    await delay(SETTLE_MS)
    const [rssBytes, peakRssBytes] = [readRssBytes([controlPlane.pid]), readPeakRssBytes(controlPlane.pid)]
    const idleCpuMsPerSecond = await measureIdle(controlPlane)
    const changes = { plan, mesh, fleet, controlPlane, idleCpuMsPerSecond }
    await changeSome(changes, { count: WARM_UP_CHANGES, state: () => ({ firstEndpoint: 99, canary: 10 }) })
    const endpointChange = await measureChanges(changes, {
      count: plan.changes,
      state: (index) => ({ firstEndpoint: 2 + (index % 90), canary: 10 }),
    })
    const changed = (index: number) => ({ firstEndpoint: 2 + (index % 90), canary: 11 + (index % 80) })
    const routes = { count: plan.routeChanges, state: changed }
    const routeChange = routes.count === 0 ? undefined : await measureChanges(changes, routes)
    const silence = plan.silent === 0 ? undefined : await measureSilence(changes)
    await controlPlane[Symbol.asyncDispose]()
    writeAll(mesh, plan, 99)
    const synced = fleet.routes()
    const stormMs = performance.now()
    controlPlane = await start(controlPlane.xdsPort)
    await synced
    const storm = {
      syncedMs: performance.now() - stormMs,
      cpuMs: readCpuMs([controlPlane.pid]),
      peakRssBytes: readPeakRssBytes(controlPlane.pid),
    }
    return {
      plan,
      readyMs,
      syncedMs,
      startCpuMs,
      rssBytes,
      peakRssBytes,
      idleCpuMsPerSecond,
      endpointChange,
      routeChange,
      silence,
      storm,
    }
  } finally {
    await controlPlane[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
  }
}

function planFleet({ services, proxies, scope }: ScalePlan): readonly ProxyPlan[] {
  const all = Array.from({ length: services }, (_, service) => service)
  const interesting = all.slice(0, scope)
  const scoped = Array.from({ length: proxies }, (_, proxy) =>
    // Neighbours share most of their services, and no two proxies have the same.
    planProxy(
      `simulated-${proxy}`,
      interesting.map((service) => (service + proxy * 2) % services),
      true,
    ),
  )
  return [...scoped, planProxy('simulated-all', all, false)]
}

function planProxy(id: string, services: readonly number[], isScoped: boolean): ProxyPlan {
  return {
    id,
    scope: isScoped ? services.map(serviceHost) : undefined,
    routes: services.map(routesName),
    resources: services.length * RESOURCES_OF_SERVICE,
  }
}

async function measureIdle({ pid }: ControlPlaneProcess): Promise<number> {
  const before = readCpuMs([pid])
  await delay(IDLE_MS)
  return (readCpuMs([pid]) - before) / (IDLE_MS / 1000)
}

interface Changes {
  readonly plan: ScalePlan
  readonly mesh: string
  readonly fleet: Fleet
  readonly controlPlane: ControlPlaneProcess
  readonly idleCpuMsPerSecond: number
}

async function measureChanges(changes: Changes, some: SomeChanges): Promise<ChangeResult> {
  const { fleet, controlPlane, idleCpuMsPerSecond } = changes
  const before = await fleet.count()
  const [startedMs, startedCpuMs] = [performance.now(), readCpuMs([controlPlane.pid])]
  await changeSome(changes, some)
  const seconds = (performance.now() - startedMs) / 1000
  const cpuMs = readCpuMs([controlPlane.pid]) - startedCpuMs - seconds * idleCpuMsPerSecond
  const after = await fleet.count()
  return { cpuMs: cpuMs / some.count, responses: (after.responses - before.responses) / some.count }
}

interface SomeChanges {
  readonly count: number
  readonly state: (index: number) => ServiceState
}

/** Of services one after the other. */
async function changeSome({ plan, mesh }: Changes, { count, state }: SomeChanges): Promise<void> {
  const { services, endpoints } = plan
  for (let index = 0; index < count; index++) {
    writeService(mesh, { service: (index * 7) % services, endpoints, state: state(index) })
    await delay(CHANGE_INTERVAL_MS)
  }
}

async function measureSilence(changes: Changes): Promise<SilenceResult> {
  const { plan, controlPlane } = changes
  const rssBytesBefore = await changeAll(changes, 20)
  using silent = new Fleet()
  await silent.count()
  const everything = Array.from({ length: plan.services }, (_, service) => service)
  const plans = Array.from({ length: plan.silent }, (_, index) => planProxy(`silent-${index}`, everything, false))
  const synced = silent.connect(controlPlane.xdsPort, plans)
  await delay(SILENT_AFTER_MS)
  silent.pause()
  const rssBytesDuring = await changeAll(changes, 20 + SILENT_ROUNDS)
  const startedMs = performance.now()
  silent.resume()
  await synced
  return { rounds: SILENT_ROUNDS, rssBytesBefore, rssBytesDuring, syncedMs: performance.now() - startedMs }
}

/** Changes every service, one round after the other; returns the most memory that was seen. */
async function changeAll({ plan, mesh, controlPlane }: Changes, firstCanary: number): Promise<number> {
  let rssBytes = 0
  for (let round = 0; round < SILENT_ROUNDS; round++) {
    writeAll(mesh, plan, firstCanary + round)
    await delay(ROUND_MS)
    rssBytes = Math.max(rssBytes, readRssBytes([controlPlane.pid]))
  }
  return rssBytes
}

/** Something is different of every service. */
function writeAll(mesh: string, { services, endpoints }: ScalePlan, canary: number): void {
  for (let service = 0; service < services; service++) {
    writeService(mesh, { service, endpoints, state: { firstEndpoint: 1, canary } })
  }
}

function readPeakRssBytes(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
}
