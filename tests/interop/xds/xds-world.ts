/** A server of xDS with a world that a test changes. */

import { createHash } from 'node:crypto'
import { setImmediate, setTimeout } from 'node:timers/promises'
import type { ResourceType } from '@meltemi/api/xds'
import { type ProxyStatus, type Snapshot, type XdsResource, XdsServer } from '@meltemi/control-plane'
import { createLogger, MergedRegistry } from '@meltemi/runtime'

const WAIT_MS = 15_000

/** The bytes of each resource by its name. */
export type Bytes = Readonly<Record<string, Uint8Array>>
export type WorldContents = Readonly<Partial<Record<ResourceType, Bytes>>>

export class XdsWorld implements AsyncDisposable {
  #server: XdsServer | undefined
  #metrics = new MergedRegistry()
  #snapshot: Snapshot
  #changes = 0
  #port = 0

  private constructor(contents: WorldContents) {
    this.#snapshot = this.#next(contents)
  }

  static async start(contents: WorldContents): Promise<XdsWorld> {
    const world = new XdsWorld(contents)
    await world.listen()
    return world
  }

  get port(): number {
    return this.#port
  }

  get proxies(): readonly ProxyStatus[] {
    return this.#server?.proxies() ?? []
  }

  /** A server that knows nothing of the one before, on the same port. */
  async listen(): Promise<void> {
    this.#metrics = new MergedRegistry()
    const logger = createLogger({ level: 'off' })
    this.#server = new XdsServer({ snapshotFor: () => this.#snapshot, metrics: this.#metrics, logger })
    const { port } = await this.#server.listen({ host: '127.0.0.1', port: this.#port })
    this.#port = port
  }

  async close(): Promise<void> {
    await this.#server?.close()
  }

  change(contents: WorldContents): void {
    this.#snapshot = this.#next(contents)
    this.#server?.push()
  }

  count(name: string): number {
    const metric = this.#metrics.read().find((each) => each.name === `control_plane.xds.${name}`)
    return metric === undefined || metric.kind === 'histogram' ? Number.NaN : metric.value
  }

  /** What each type of the only proxy is in: `cluster synced`. */
  states(): readonly string[] {
    return this.proxies.flatMap(({ types }) => types.map(({ type, state }) => `${type} ${state}`))
  }

  /** Resolves when there is one proxy and it has the newest of each of these. */
  async synced(...types: readonly ResourceType[]): Promise<void> {
    // A change reaches the proxies in the next turn.
    await setImmediate()
    const expected = types.map((type) => `${type} synced`).join()
    await until(
      () => this.states().join() === expected,
      () => `${this.states().join()}, not ${expected}`,
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #next(contents: WorldContents): Snapshot {
    const of = (type: ResourceType) => toResources(type, contents[type] ?? {})
    const resources = {
      extensionConfig: of('extensionConfig'),
      secret: of('secret'),
      cluster: of('cluster'),
      endpoint: of('endpoint'),
      listener: of('listener'),
      route: of('route'),
    }
    return { version: `1000-${this.#changes++}`, resources }
  }
}

/** Rejects with what `describe` says when it takes too long. */
export async function until(condition: () => boolean | Promise<boolean>, describe: () => string): Promise<void> {
  const endMs = performance.now() + WAIT_MS
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error(`after ${WAIT_MS} ms: ${describe()}`)
    await setTimeout(5)
  }
}

function toResources(type: ResourceType, bytes: Bytes): ReadonlyMap<string, XdsResource> {
  return new Map(Object.entries(bytes).map(([name, value]) => [name, { type, name, version: hash(value), value }]))
}

function hash(value: Uint8Array): string {
  return createHash('sha256').update(value).digest('hex').slice(0, 16)
}
