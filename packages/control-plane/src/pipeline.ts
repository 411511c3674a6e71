import { formatProblem, type Problem } from '@meltemi/api'
import type { Clock, Counter, Gauge, Histogram, Logger, MetricRegistry, Timer } from '@meltemi/runtime'
import { ModuleStore } from './modules/module-store.ts'
import { ServiceTranslator } from './snapshots/service-translator.ts'
import { Snapshots } from './snapshots/snapshots.ts'
import type { SourceSink } from './sources/source.ts'
import { ResourceBook } from './status/resource-book.ts'
import { WorldBuilder, type WorldOptions } from './store/build-world.ts'
import { Debouncer } from './store/debouncer.ts'
import { ResourceStore } from './store/merge.ts'
import type { ModuleStates } from './store/protocol-table.ts'
import { validateResource } from './store/validate.ts'
import type { World } from './store/world.ts'
import type { NodeInfo, ProxyStatus, Snapshot } from './xds/xds-resource.ts'

/** Whoever hands snapshots out to proxies. */
export interface SnapshotServer {
  push(): void
  proxies(): readonly ProxyStatus[]
}

export interface PipelineOptions extends WorldOptions {
  /** Where services without an address of their own listen. */
  readonly listenHost: string
  readonly trustDomains: readonly string[]
  readonly moduleCache: string | undefined
  readonly quietMs: number
  readonly maxDelayMs: number
  /** What is wrong with resources goes to the log when it comes. */
  readonly logsProblems: boolean
  readonly logger: Logger
  readonly metrics: MetricRegistry
  readonly clock: Clock
}

/** How long a start waits for modules: without them proxies would lose what they have. */
const MODULES_WAIT_MS = 5_000
/** What proxies confirm one after the other is counted once in this time. */
const STATUS_MS = 250
const PROBLEM_LINES_PER_SECOND = 50

/**
 * sources ─▶ store ─▶ World ─▶ snapshots ─▶ proxies
 *                       └────▶ status of each resource
 *
 * Each change runs through all of it in one turn, some time after it came, together with those that came with it.
 */
export class Pipeline {
  readonly store: ResourceStore
  readonly snapshots: Snapshots
  readonly book: ResourceBook
  /** Resolves when the first World, with all that sources have, is in force. */
  readonly ready: Promise<void>
  readonly #options: PipelineOptions
  readonly #builder: WorldBuilder
  readonly #modules: ModuleStore
  readonly #debouncer: Debouncer
  readonly #updates: Counter
  readonly #updateMs: Histogram
  readonly #services: Gauge
  #server: SnapshotServer | undefined
  #isReady = false
  #becomeReady: () => void = () => {}
  #waiting: (() => void)[] = []
  #readyTimer: Timer | undefined
  #statusTimer: Timer | undefined
  #told: ReadonlySet<string> = new Set()

  constructor(options: PipelineOptions) {
    const { logger, metrics, clock } = options
    this.#options = options
    this.ready = new Promise((resolve) => {
      this.#becomeReady = resolve
    })
    this.#debouncer = new Debouncer(options, () => this.#update())
    this.store = new ResourceStore({
      validate: validateResource,
      onChange: () => this.#poke(),
      onSynced: () => this.#start(),
    })
    this.#modules = new ModuleStore({
      cacheDirectory: options.moduleCache,
      logger,
      metrics,
      clock,
      onChange: () => this.#poke(),
    })
    this.#builder = new WorldBuilder(options)
    const translator = new ServiceTranslator(options)
    this.snapshots = new Snapshots({ translator, metrics, startVersion: clock.wallTime() })
    this.book = new ResourceBook(clock)
    this.#updates = metrics.counter('control_plane.updates')
    this.#updateMs = metrics.histogram('control_plane.update_ms')
    this.#services = metrics.gauge('control_plane.services')
  }

  get world(): World {
    return this.#builder.world
  }

  get modules(): ModuleStates {
    return this.#modules.states
  }

  get isReady(): boolean {
    return this.#isReady
  }

  /** For one source; all of them before the first one runs. */
  sinkOf(source: string): SourceSink {
    return this.store.sinkOf(source)
  }

  /** From now on this server is told of changes, and asked what proxies have. */
  serve(server: SnapshotServer): void {
    this.#server = server
  }

  /** Throws before the first World. */
  snapshotFor(node: NodeInfo): Snapshot {
    const snapshot = this.#isReady ? this.snapshots.for(node) : undefined
    if (snapshot === undefined) throw new Error('the resources have not all been read yet')
    return snapshot
  }

  /** Proxies have come, gone, confirmed or refused. */
  onProxies(): void {
    this.#statusTimer ??= this.#options.clock.setTimer(STATUS_MS, () => {
      this.#statusTimer = undefined
      this.book.updateProxies(this.store.entries, this.#proxies(), this.#membersOf)
    })
  }

  /** Resolves when all that came before this call is in force. */
  settled(): Promise<void> {
    if (!this.#debouncer.isPending) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  close(): void {
    this.#debouncer.close()
    this.#modules.close()
    this.#readyTimer?.cancel()
    this.#statusTimer?.cancel()
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  /** Until the first state is whole nothing is told to anyone. */
  #poke(): void {
    if (this.#isReady) this.#debouncer.poke()
    else if (this.store.isSynced && !this.#modules.hasPending) this.#begin()
  }

  #start(): void {
    this.#wantModules()
    if (!this.#modules.hasPending) this.#begin()
    else this.#readyTimer = this.#options.clock.setTimer(MODULES_WAIT_MS, () => this.#begin())
  }

  #begin(): void {
    if (this.#isReady) return
    this.#readyTimer?.cancel()
    this.#isReady = true
    this.#debouncer.flush()
    this.#becomeReady()
  }

  #update(): void {
    const { clock, logger } = this.#options
    const startMs = clock.now()
    try {
      this.#run()
    } catch (error: unknown) {
      logger.error('a change could not be put through, what was in force stays', { error })
    }
    this.#updates.add(1)
    this.#updateMs.record(clock.now() - startMs)
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  #run(): void {
    const { set, deleted, touched } = this.store.take()
    if ([...touched].some((key) => key.startsWith('ApplicationProtocol/'))) this.#wantModules()
    const before = this.world
    const world = this.#builder.apply({ set, deleted, modules: this.#modules.states })
    if (world !== before) {
      this.snapshots.update(world)
      this.#services.set(world.services.size)
      this.#server?.push()
      this.onProxies()
    }
    this.book.update({
      world,
      entries: this.store.entries,
      touched,
      notes: [...world.notes, ...this.snapshots.notes()],
      problems: this.store.problems(),
      proxies: this.#proxies(),
      membersOf: this.#membersOf,
    })
    if (this.#options.logsProblems) this.#logNew(this.book.problems)
  }

  readonly #membersOf = (node: NodeInfo): ReadonlyMap<string, number> => this.snapshots.members(node)

  #proxies(): readonly ProxyStatus[] {
    return this.#server?.proxies() ?? []
  }

  #wantModules(): void {
    this.#modules.want(
      [...this.store.entries.values()].flatMap(({ accepted, placed }) =>
        accepted?.kind === 'ApplicationProtocol' ? [{ protocol: accepted, file: placed.file }] : [],
      ),
    )
  }

  /** Each problem once, when it comes. */
  #logNew(problems: readonly Problem[]): void {
    const serious = problems.filter(({ severity }) => severity !== 'note').map(formatProblem)
    for (const line of serious) {
      if (this.#told.has(line)) continue
      this.#options.logger.limited('problem', PROBLEM_LINES_PER_SECOND)?.warn(line)
    }
    this.#told = new Set(serious)
  }
}
