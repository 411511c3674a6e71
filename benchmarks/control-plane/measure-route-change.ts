// How long it takes from a change of a router's resource until requests go the new way: a control plane, a proxy under
// load, and simulated ones beside it. Each change sends all requests to another version, so an answer tells which change
// was in force; where changes are put through together, one that was never in force alone counts when a later one is.

import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ControlPlaneProcess, startControlPlaneProcess } from '../../tests/harness/control-plane-process.ts'
import { freePort } from '../../tests/harness/free-port.ts'
import { GREETER_HOST, MeshFolder } from '../../tests/harness/mesh-folder.ts'
import { startMeshProxy } from '../../tests/harness/mesh-proxy.ts'
import { delay } from '../with-meltemi.ts'
import { Fleet } from './fleet.ts'
import { VersionClient } from './version-client.ts'
import { startVersionServices, type VersionServices } from './version-services.ts'

export interface RouteChangePlan {
  readonly changes: number
  readonly intervalMs: number
  readonly requestsPerSecond: number
  /** Proxies that are simulated, besides the real one. */
  readonly simulated: number
  /** By the HTTP API, or by writing the file. */
  readonly by: 'api' | 'file'
}

export interface RouteChangeResult {
  readonly plan: RouteChangePlan
  /** Of each change, counted from before it is written: to the first answer of the new version, or of a later one. */
  readonly firstNewMs: readonly number[]
  /** To the last answer of an older version. */
  readonly lastOldMs: readonly number[]
  readonly requests: number
  readonly failures: readonly string[]
}

/** So many that no version comes again before it is out of sight, at 50 changes a second of which a second's go out together. */
const VERSIONS = 128
const WARM_UP_MS = 1_000
const EFFECT_MS = 3_000

export async function measureRouteChange(plan: RouteChangePlan): Promise<RouteChangeResult> {
  const runtimeFolder = mkdtempSync(join(tmpdir(), 'meltemi-route-change-'))
  await using services = await startVersionServices(VERSIONS)
  const port = await freePort()
  using mesh = new MeshFolder({ port, versions: namedPorts(services), multiplexing: true })
  writeRouter(mesh.path, 0)
  using fleet = new Fleet()
  try {
    await using controlPlane = await startControlPlaneProcess({ folder: mesh.path, runtimeFolder })
    await using proxy = await startMeshProxy({ xdsPort: controlPlane.xdsPort, arguments: ['--node-id', 'real'] })
    await fleet.connect(controlPlane.xdsPort, planFleet(plan.simulated, port))
    const witness = new Witness()
    const client = new VersionClient({
      port,
      requestsPerSecond: plan.requestsPerSecond,
      onAnswer: (version) => witness.answered(version),
    })
    await client.start()
    await delay(WARM_UP_MS)
    await changeAll(plan, witness, (version) => change(plan, { controlPlane, folder: mesh.path, version }))
    await delay(EFFECT_MS)
    await client.stop()
    const { requests, failures } = client
    const why = failures.length === 0 ? [] : [proxy.process.errors, controlPlane.process.errors]
    return { plan, ...witness.times(), requests, failures: [...failures, ...why] }
  } finally {
    rmSync(runtimeFolder, { recursive: true, force: true })
  }
}

function namedPorts({ ports }: VersionServices): Record<string, number> {
  return Object.fromEntries(ports.map((port, version) => [`v${version}`, port]))
}

function planFleet(count: number, port: number) {
  return Array.from({ length: count }, (_, index) => ({
    id: `simulated-${index}`,
    scope: undefined,
    routes: [`${GREETER_HOST}_${port}`],
    // a listener, its routes, and of each version and of all together a cluster with its endpoints
    resources: 2 + 2 * (VERSIONS + 1),
  }))
}

async function changeAll(
  { changes, intervalMs }: RouteChangePlan,
  witness: Witness,
  change: (version: number) => Promise<void>,
): Promise<void> {
  const writes: Promise<void>[] = []
  const startedMs = performance.now()
  for (let number = 1; number <= changes; number++) {
    const waitMs = startedMs + number * intervalMs - performance.now()
    if (waitMs > 0) await delay(waitMs)
    writes.push(change(witness.changed()))
  }
  await Promise.all(writes)
}

interface Change {
  readonly controlPlane: ControlPlaneProcess
  readonly folder: string
  readonly version: number
}

async function change({ by }: RouteChangePlan, { controlPlane, folder, version }: Change): Promise<void> {
  if (by === 'file') return writeRouter(folder, version)
  const { apiUrl, token } = controlPlane
  const path = '/apis/metaprotocol.aeraki.io/v1alpha1/namespaces/default/metarouters/greeter'
  const reply = await fetch(apiUrl + path, {
    method: 'PUT',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: router(version),
  })
  if (!reply.ok) throw new Error(`the API answers ${reply.status}: ${await reply.text()}`)
  await reply.body?.cancel()
}

function writeRouter(folder: string, version: number): void {
  const file = join(folder, 'router.json')
  writeFileSync(`${file}.new`, router(version))
  renameSync(`${file}.new`, file)
}

/** In JSON, everything to one version. */
function router(version: number): string {
  return JSON.stringify({
    apiVersion: 'metaprotocol.aeraki.io/v1alpha1',
    kind: 'MetaRouter',
    metadata: { name: 'greeter', namespace: 'default' },
    spec: {
      hosts: [GREETER_HOST],
      routes: [{ name: 'all', route: [{ destination: { host: GREETER_HOST, subset: `v${version}` } }] }],
    },
  })
}

/** Which answers came when, by number of the change. */
class Witness {
  readonly #changedMs = [performance.now()]
  readonly #firstMs: number[] = []
  readonly #lastMs: number[] = []

  /** A change begins; returns the version that it is to. */
  changed(): number {
    this.#changedMs.push(performance.now())
    return (this.#changedMs.length - 1) % VERSIONS
  }

  answered(version: number): void {
    const newest = this.#changedMs.length - 1
    const number = newest - ((newest - version + VERSIONS) % VERSIONS)
    const nowMs = performance.now()
    this.#firstMs[number] ??= nowMs
    this.#lastMs[number] = nowMs
  }

  times(): { readonly firstNewMs: readonly number[]; readonly lastOldMs: readonly number[] } {
    const { length } = this.#changedMs
    const firstNewMs: number[] = []
    const lastOldMs: number[] = []
    let first = Number.POSITIVE_INFINITY
    for (let number = length - 1; number > 0; number--) {
      first = Math.min(first, this.#firstMs[number] ?? Number.POSITIVE_INFINITY)
      firstNewMs[number - 1] = first - (this.#changedMs[number] ?? 0)
    }
    let last = 0
    for (let number = 1; number < length; number++) {
      last = Math.max(last, this.#lastMs[number - 1] ?? 0)
      lastOldMs[number - 1] = last - (this.#changedMs[number] ?? 0)
    }
    return { firstNewMs, lastOldMs }
  }
}
