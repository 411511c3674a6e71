import { keyOf } from '@meltemi/api'
import type { Clock, Logger, MetricRegistry, Timer } from '@meltemi/runtime'
import type { Backend, StoredResource } from '../admin/backend.ts'
import { Debouncer } from '../store/debouncer.ts'
import { plainHost, serviceHost } from '../store/host-name.ts'
import type { World } from '../store/world.ts'
import { BootstrapWriter } from './bootstrap-writer.ts'
import type { Cluster } from './connect-cluster.ts'
import { EnvoyFilterWriter } from './envoy-filter-writer.ts'
import type { MeshOptions } from './mesh-options.ts'
import { watchMesh } from './mesh-watch.ts'
import { refusedRedis } from './refused-redis.ts'
import { VipWriter } from './vip-writer.ts'
import { WriteRound } from './write-round.ts'

export interface MeshWriterOptions {
  readonly mesh: MeshOptions
  readonly cluster: Cluster
  /** Of the cluster: `cluster.local`. */
  readonly domain: string
  readonly world: () => World
  readonly backend: Pick<Backend, 'resources' | 'subscribe'>
  /** Whoever is not writes nothing. */
  readonly isLeader: () => boolean
  readonly logger: Logger
  readonly metrics: MetricRegistry
  readonly clock: Clock
}

/** Changes that come close together are written together, as Aeraki does. */
const QUIET_MS = 1_000
const MAX_DELAY_MS = 10_000
/** What others have done to what is written here shows then. */
const RESYNC_MS = 30_000
/** After a round in which something failed; twice as long each time, up to the above. */
const RETRY_MS = 1_000

interface Step {
  readonly name: string
  readonly run: (round: WriteRound) => Promise<void>
}

/**
 * Writes into a cluster what proxies of a mesh need besides what they ask for, in rounds: one some time after a change, one
 * after each that failed, and one now and then. Each looks at all there is, so that a second one has nothing to write.
 */
export class MeshWriter {
  readonly #options: MeshWriterOptions
  readonly #steps: readonly Step[]
  readonly #stopping = new AbortController()
  readonly #debouncer: Debouncer
  readonly #unsubscribe: () => void
  readonly #watching: Promise<void> | undefined
  #seen: World | undefined
  #timer: Timer | undefined
  #failures = 0
  #isAsked = false
  #turn: Promise<void> | undefined

  constructor(options: MeshWriterOptions) {
    this.#options = options
    this.#steps = stepsOf(options)
    this.#debouncer = new Debouncer({ ...options, quietMs: QUIET_MS, maxDelayMs: MAX_DELAY_MS }, () => this.#start())
    this.#unsubscribe = options.backend.subscribe(() => {
      // most of what is told is about proxies
      if (options.world() !== this.#seen) this.#poke()
    })
    if (options.mesh.envoyFilters === undefined) return
    this.#watching = watchMesh({ ...options, onChange: () => this.#debouncer.poke() }, this.#stopping.signal)
  }

  /** For whoever leads from now on. */
  writeAll(): void {
    this.#debouncer.flush()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#unsubscribe()
    this.#debouncer.close()
    this.#timer?.cancel()
    await this.#turn
    await this.#watching
  }

  #poke(): void {
    this.#seen = this.#options.world()
    this.#debouncer.poke()
  }

  /** One round at a time; what is asked for meanwhile is done in one more. */
  #start(): void {
    this.#timer?.cancel()
    this.#isAsked = true
    this.#turn ??= this.#run().finally(() => {
      this.#turn = undefined
    })
  }

  async #run(): Promise<void> {
    while (this.#isAsked && !this.#stopping.signal.aborted) {
      this.#isAsked = false
      this.#failures = (await this.#round()) ? 0 : this.#failures + 1
    }
    if (this.#stopping.signal.aborted || !this.#options.isLeader()) return
    const waitMs = this.#failures === 0 ? RESYNC_MS : Math.min(RESYNC_MS, RETRY_MS * 2 ** (this.#failures - 1))
    this.#timer = this.#options.clock.setTimer(waitMs, () => this.#start())
  }

  /** True: all is as it should be. */
  async #round(): Promise<boolean> {
    const round = new WriteRound({ ...this.#options, signal: this.#stopping.signal })
    for (const { name, run } of this.#steps) {
      if (round.isOver) break
      await run(round).catch((error: unknown) => round.fail(name, error))
    }
    return round.failed === 0
  }
}

function stepsOf(options: MeshWriterOptions): readonly Step[] {
  const { mesh, world, cluster, backend } = options
  const steps: Step[] = []
  if (mesh.bootstrapXds !== undefined) {
    const writer = new BootstrapWriter(cluster, mesh.bootstrapXds)
    steps.push({ name: 'ConfigMaps for sidecars', run: async (round) => writer.run(round) })
  }
  if (mesh.allocatesVips) {
    const writer = new VipWriter(cluster)
    steps.push({ name: 'addresses', run: async (round) => writer.run(backend.resources(), world().resources, round) })
  }
  if (mesh.envoyFilters !== undefined) {
    const writer = new EnvoyFilterWriter({ ...options, ...mesh, ...mesh.envoyFilters })
    const run = async (round: WriteRound) => {
      const inputs = {
        world: world(),
        otherHosts: otherHosts(options),
        refusedRedis: refusedRedis(backend.resources(), world()),
        doubtfulNamespaces: doubtfulNamespaces(options),
      }
      return writer.run(inputs, round)
    }
    steps.push({ name: 'EnvoyFilters', run })
  }
  return steps
}

/**
 * Of services that are there and not in force, as they are refused or another one has their name, and of routers that are
 * refused and have no version that is in force.
 */
function otherHosts({ backend, domain, world }: MeshWriterOptions): readonly string[] {
  const { services, resources } = world()
  return [...backend.resources()].flatMap(([key, stored]) =>
    hostOf(stored, domain).filter((host) => {
      if (stored.resource.kind === 'MetaRouter') return !resources.has(key)
      const view = services.get(host)
      return view === undefined || keyOf(view.origin) !== key
    }),
  )
}

/** Without a policy that is refused, and has no version in force, workloads might answer whom they should not. */
function doubtfulNamespaces({ backend, world }: MeshWriterOptions): ReadonlySet<string> {
  const { resources } = world()
  const refused = [...backend.resources()].filter(
    ([key, { resource }]) => resource.kind === 'DubboAuthorizationPolicy' && !resources.has(key),
  )
  return new Set(refused.map(([, { resource }]) => resource.metadata.namespace))
}

/** What is refused may lack what its type promises. */
function hostOf({ resource }: StoredResource, domain: string): readonly string[] {
  const { kind, metadata } = resource
  if (kind === 'Service') return [serviceHost(metadata.name, metadata.namespace, domain)]
  if (kind !== 'ServiceEntry' && kind !== 'MetaRouter') return []
  const { hosts } = (resource.spec ?? {}) as { readonly hosts?: unknown }
  const [host] = Array.isArray(hosts) ? (hosts as readonly unknown[]) : []
  return typeof host === 'string' ? [plainHost(host)] : []
}
