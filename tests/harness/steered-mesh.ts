/** A whole mesh under traffic: a control plane, a proxy and services of four versions, all over real sockets. */

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { VersionClient } from '../../benchmarks/control-plane/version-client.ts'
import { startVersionServices } from '../../benchmarks/control-plane/version-services.ts'
import { type ControlPlaneProcess, startControlPlaneProcess } from './control-plane-process.ts'
import { freePort } from './free-port.ts'
import { GREETER_HOST, greeterRouter, MeshFolder } from './mesh-folder.ts'
import { type MeshProxy, startMeshProxy } from './mesh-proxy.ts'

interface SteeredMeshParts {
  readonly folder: MeshFolder
  readonly controlPlane: ControlPlaneProcess
  readonly proxy: MeshProxy
  readonly port: number
  /** For the token. */
  readonly runtimeFolder: string
}

export interface SteeredMeshOptions {
  /** Where the folder of resources is made; default: among temporary files. */
  readonly parent?: string
  /** For the Node of the control plane. */
  readonly nodeArgs?: readonly string[]
}

const VERSIONS = 4
const REQUESTS_PER_SECOND = 500
/** New clients must be served, too. */
const RENEW_MS = 100
/** Only one version has answered for so long: it is the only one. */
const SURE_MS = 200
const REACH_MS = 20_000
/** A listener, its routes, and of each version and of all together a cluster with its endpoints. */
export const MESH_RESOURCES = 2 + 2 * (VERSIONS + 1)

export class SteeredMesh implements AsyncDisposable {
  readonly folder: MeshFolder
  /** The one that runs, or ran last. */
  controlPlane: ControlPlaneProcess
  readonly proxy: MeshProxy
  readonly port: number
  readonly #runtimeFolder: string
  readonly #stack: AsyncDisposableStack
  readonly #client: VersionClient
  /** Version → when it answered last. */
  readonly #answeredMs = new Map<number, number>()

  constructor(parts: SteeredMeshParts, stack: AsyncDisposableStack) {
    this.folder = parts.folder
    this.controlPlane = parts.controlPlane
    this.proxy = parts.proxy
    this.port = parts.port
    this.#runtimeFolder = parts.runtimeFolder
    this.#stack = stack
    const onAnswer = (version: number) => void this.#answeredMs.set(version, performance.now())
    const load = { requestsPerSecond: REQUESTS_PER_SECOND, renewMs: RENEW_MS }
    this.#client = new VersionClient({ ...load, port: parts.port, onAnswer })
  }

  /** Name of the only route table. */
  get routesName(): string {
    return `${GREETER_HOST}_${this.port}`
  }

  /** Resolves with itself when all requests go to version 0. */
  async begin(): Promise<this> {
    try {
      await this.#client.start()
      await this.reaches(0)
      return this
    } catch (error: unknown) {
      await this[Symbol.asyncDispose]()
      throw error
    }
  }

  /** All requests are to go to this version. */
  route(version: number): void {
    this.folder.write('router.yaml', routerTo(version))
  }

  /** Resolves when all requests go to this version. */
  async reaches(version: number, withinMs = REACH_MS): Promise<void> {
    const sinceMs = performance.now()
    while (!this.#isAlone(version, sinceMs)) {
      const seen = [...this.#answeredMs].map(
        ([each, atMs]) => `v${each} ${Math.round(performance.now() - atMs)} ms ago`,
      )
      assert.ok(performance.now() < sinceMs + withinMs, `not all requests reach v${version}: ${seen.join(', ')}`)
      await sleep(20)
    }
  }

  /** As a machine does that loses its power. */
  async killControlPlane(): Promise<void> {
    await this.controlPlane[Symbol.asyncDispose]()
  }

  /** On the port where it was. */
  async startControlPlane(): Promise<void> {
    const { xdsPort } = this.controlPlane
    const [folder, runtimeFolder] = [this.folder.path, this.#runtimeFolder]
    this.controlPlane = await startControlPlaneProcess({ folder, runtimeFolder, xdsPort })
  }

  /** Ends the traffic; rejects when a single request of all was not answered well. */
  async allAnswered(): Promise<void> {
    await this.#client.stop()
    const log = this.#client.failures.length === 0 ? '' : `; the proxy says: ${this.proxy.process.errors}`
    assert.deepEqual(this.#client.failures, [], `of ${this.#client.requests} requests${log}`)
    assert.ok(this.#client.requests > REQUESTS_PER_SECOND, `only ${this.#client.requests} requests`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.stop()
    await this.proxy[Symbol.asyncDispose]()
    await this.controlPlane[Symbol.asyncDispose]()
    await this.#stack.disposeAsync()
  }

  #isAlone(version: number, sinceMs: number): boolean {
    const nowMs = performance.now()
    const atMs = this.#answeredMs.get(version) ?? 0
    const others = [...this.#answeredMs].filter(([each]) => each !== version).map(([, ms]) => ms)
    return atMs > sinceMs && nowMs - atMs < SURE_MS && nowMs - Math.max(sinceMs, ...others) > SURE_MS
  }
}

/** Resolves when requests are answered by version 0. */
export async function startSteeredMesh({ nodeArgs = [], ...options }: SteeredMeshOptions = {}): Promise<SteeredMesh> {
  await using stack = new AsyncDisposableStack()
  const runtimeFolder = mkdtempSync(join(tmpdir(), 'meltemi-runtime-'))
  stack.defer(() => rmSync(runtimeFolder, { recursive: true, force: true }))
  const { ports } = stack.use(await startVersionServices(VERSIONS))
  const port = await freePort()
  const versions = Object.fromEntries(ports.map((each, version) => [`v${version}`, each]))
  const folder = stack.use(new MeshFolder({ port, versions, ...options }))
  folder.write('router.yaml', routerTo(0))
  const controlPlane = stack.use(await startControlPlaneProcess({ folder: folder.path, runtimeFolder, nodeArgs }))
  const proxy = stack.use(await startMeshProxy({ xdsPort: controlPlane.xdsPort, arguments: ['--node-id', 'real'] }))
  const parts = { folder, controlPlane, proxy, port, runtimeFolder }
  const mesh = new SteeredMesh(parts, stack.move())
  return mesh.begin()
}

export function routerTo(version: number): string {
  return greeterRouter({ [`v${version}`]: 100 })
}
