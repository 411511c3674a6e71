import { type ConfigChange, type ListenerConfig, NO_CHANGE, type SocketAddress } from '@meltemi/api/model'
import type { Counter, Gauge } from '@meltemi/runtime'
import { Listener, listenerMaxima } from '../downstream/listener.ts'
import type { ListenerService } from '../downstream/listener-service.ts'
import type { Inheritance, InheritedSocket } from '../net/inheritance.ts'
import type { PreparedRoutes } from '../routing/route-slots.ts'
import { Limits } from '../upstream/limits.ts'
import { type LimitShare, listenerLimitKey } from '../upstream/shared-limits.ts'
import { Breather } from '../util/breather.ts'
import { ConfigRefused, faultsOf } from '../util/config-refused.ts'
import { Departures } from '../util/departures.ts'
import type { Prepared } from '../util/prepared.ts'
import { type BuildContext, buildService, type ComingTable, type ProxyCode, rebuildService } from './build-service.ts'
import { findCodecFaults } from './find-code-faults.ts'
import type { ThreadDuty } from './thread-duty.ts'

/** What becomes different in one thread. */
export interface ProxyUpdate {
  /** undefined: it stays. */
  readonly code?: ProxyCode
  readonly change?: ConfigChange
}

export interface ListenerManagerOptions {
  readonly share: LimitShare
  readonly duty: ThreadDuty
  readonly inheritance: Inheritance
  /** How long connections of a listener that is removed have to finish. */
  readonly drainMs: number
}

/** A service on its way into force, and what it is for. */
interface Step extends Prepared {
  readonly config: ListenerConfig
  readonly listener: Listener
  readonly service: ListenerService
}

/**
 * All listeners that one thread serves, by name. Where a change brings a listener to an address that another one leaves, it
 * takes over the open socket: nobody is refused in between.
 */
export class ListenerManager {
  readonly #options: ListenerManagerOptions
  readonly #listeners = new Map<string, Listener>()
  /** Removed, with connections. */
  readonly #departing = new Set<Listener>()
  readonly #departures: Departures
  readonly #created: Counter
  readonly #failed: Counter
  readonly #draining: Gauge
  #build: BuildContext
  #reusePort = false
  #isDraining = false

  /** Throws an Error when one of them cannot be built. */
  constructor(configs: readonly ListenerConfig[], build: BuildContext, options: ListenerManagerOptions) {
    this.#build = build
    this.#options = options
    this.#departures = new Departures(build.thread.clock)
    this.#created = build.metrics.counter('listener_manager.listener_create_success')
    this.#failed = build.metrics.counter('listener_manager.listener_create_failure')
    this.#draining = build.metrics.gauge('listener_manager.total_listeners_draining')
    for (const config of options.duty.of(configs))
      this.#listeners.set(config.name, this.#create(config, buildService(config, build)))
  }

  /** Those in force. */
  get listeners(): readonly Listener[] {
    return [...this.#listeners.values()]
  }

  /** Those on their way out too. */
  get all(): readonly Listener[] {
    return [...this.#listeners.values(), ...this.#departing]
  }

  /** Rejects when an address cannot be had. */
  async start(reusePort: boolean): Promise<void> {
    this.#reusePort = reusePort
    for (const listener of this.#listeners.values()) {
      await this.#listen(listener)
      listener.open()
    }
  }

  /**
   * Builds services and opens addresses. Rejects with ConfigRefused, and all that it has begun undone, when a service
   * cannot be built or an address not be had.
   */
  async prepare({ code, change: wholeChange = NO_CHANGE }: ProxyUpdate, routes: PreparedRoutes): Promise<Prepared> {
    const change = this.#options.duty.partOf(wholeChange)
    const build = code === undefined ? this.#build : { ...this.#build, ...code }
    const steps: Step[] = []
    const faults: string[] = []
    const breather = new Breather(build.thread.clock)
    for (const prepare of this.#plan(change, build, (key) => routes.table(key))) {
      try {
        steps.push(await prepare())
      } catch (error: unknown) {
        faults.push(...faultsOf(error))
      }
      await breather.step()
    }
    faults.push(...this.#codecFaults(steps, change, routes))
    const followed = this.#followRoutes(steps, change, routes, faults)
    const discard = () => {
      for (const each of followed) each.discard()
      this.#discard(steps)
    }
    if (faults.length > 0) {
      discard()
      throw new ConfigRefused(faults)
    }
    const use = () => {
      for (const each of followed) each.use()
      this.#use(build, steps, change)
    }
    return { use, discard }
  }

  /** Whether a listener in force finds its routes under this key. */
  usesRoutes(key: string): boolean {
    for (const { service } of this.#listeners.values()) if (routesKeyOf(service) === key) return true
    return false
  }

  /** What listens in this thread. */
  get sockets(): readonly InheritedSocket[] {
    return this.listeners.flatMap(({ config, port, fds }) =>
      fds.map((fd) => ({ listener: config.name, address: { host: config.address.host, port }, fd })),
    )
  }

  /** See Listener. */
  async handOver(): Promise<void> {
    await Promise.all(this.listeners.map((listener) => listener.handOver()))
  }

  /** No new connections; those that are here finish. */
  async drain(): Promise<void> {
    this.#isDraining = true
    await Promise.all(this.all.map((listener) => listener.drain()))
  }

  async stop(): Promise<void> {
    this.#isDraining = true
    this.#departures.stop()
    await Promise.all(this.all.map((listener) => listener.stop()))
  }

  /** What has to be prepared, one after the other. */
  #plan(change: ConfigChange, build: BuildContext, table: ComingTable): readonly (() => Step | Promise<Step>)[] {
    const byAddress = new Map(this.listeners.map((listener) => [keyOf(listener.config.address), listener]))
    const changed = change.listeners.map((config) => {
      const there = byAddress.get(keyOf(config.address))
      if (there === undefined) return () => this.#prepareNew(config, build, table)
      return () => prepareService(there, config, buildService(config, build, there.service, table))
    })
    if (build === this.#build) return changed
    const named = new Set([...change.listenersRemoved, ...change.listeners.map(({ name }) => name)])
    const others = this.listeners.filter(({ config }) => !named.has(config.name))
    const rebuilt = others.map(
      (listener) => () =>
        prepareService(listener, listener.config, rebuildService(listener.config, build, listener.service, table)),
    )
    return [...changed, ...rebuilt]
  }

  async #prepareNew(config: ListenerConfig, build: BuildContext, table: ComingTable): Promise<Step> {
    const service = buildService(config, build, undefined, table)
    const listener = this.#create(config, service)
    if (this.#isDraining) await listener.drain()
    try {
      await this.#listen(listener)
    } catch (error: unknown) {
      listener.release()
      throw notListening(config, error)
    }
    return {
      config,
      listener,
      service,
      use: () => listener.open(),
      discard: () => {
        void listener.stop()
        listener.release()
      },
    }
  }

  async #listen(listener: Listener): Promise<void> {
    const { duty, inheritance } = this.#options
    try {
      await listener.listen(this.#reusePort, inheritance.claim(listener.config.address, duty))
      this.#created.add(1)
    } catch (error: unknown) {
      this.#failed.add(1)
      throw error
    }
  }

  /** What services that stay, and those with older connections, make of routes that change. */
  #followRoutes(
    steps: readonly Step[],
    { routes: changed }: ConfigChange,
    routes: PreparedRoutes,
    faults: string[],
  ): readonly Prepared[] {
    const leaving = new Set(steps.map(({ listener }) => listener))
    const staying = this.listeners.filter((listener) => !leaving.has(listener)).map(({ service }) => service.context)
    const built = new Set<unknown>(steps.map(({ service }) => followerOf(service.context)))
    const inForce = new Set<unknown>(staying.map(followerOf))
    return changed.flatMap(({ key }) => {
      const table = routes.table(key)
      if (table === undefined) return []
      const followers = [...this.#build.routes.slot(key).followers].filter((follower) => !built.has(follower))
      return followers.flatMap((follower) => {
        try {
          return [follower.prepare(table)]
        } catch (error: unknown) {
          // what is on its way out keeps nobody from a change: there its filters are the listener's
          if (!inForce.has(follower)) return [{ use: () => follower.drop(), discard: () => {} }]
          faults.push(...faultsOf(error).map((fault) => `routes '${table.name}': ${fault}`))
          return []
        }
      })
    })
  }

  #codecFaults(steps: readonly Step[], { routes: changed }: ConfigChange, routes: PreparedRoutes): readonly string[] {
    const keys = new Set(changed.map(({ key }) => key))
    const stepped = new Set(steps.map(({ listener }) => listener))
    const others = this.listeners.filter((listener) => {
      const key = routesKeyOf(listener.service)
      return key !== undefined && keys.has(key) && !stepped.has(listener)
    })
    return [...steps, ...others].flatMap(({ config, service }) => {
      if (service.kind === 'tcp-proxy') return []
      const table = routes.table(service.routesKey ?? '') ?? service.context.routes.table
      const faults = findCodecFaults(service.context.config, table.routes, service.code[0])
      return faults.map((fault) => `listener '${config.name}', codec '${service.code[0].name}': ${fault}`)
    })
  }

  #use(build: BuildContext, steps: readonly Step[], change: ConfigChange): void {
    this.#build = build
    if (steps.length === 0 && change.listenersRemoved.length === 0) return
    const before = this.listeners
    for (const name of change.listenersRemoved) this.#listeners.delete(name)
    for (const step of steps) {
      this.#listeners.set(step.config.name, step.listener)
      step.use()
    }
    const after = new Set(this.#listeners.values())
    for (const listener of before) if (!after.has(listener)) this.#depart(listener)
    // told to drain since they listen
    if (this.#isDraining) for (const listener of after) void listener.drain()
    this.#forgetRoutes()
  }

  #discard(steps: readonly Step[]): void {
    for (const step of steps) step.discard()
    this.#forgetRoutes()
  }

  #forgetRoutes(): void {
    const used = new Set(this.listeners.map(({ service }) => routesKeyOf(service)))
    this.#build.routes.forgetUnused((key) => used.has(key))
  }

  #depart(listener: Listener): void {
    this.#departing.add(listener)
    this.#draining.set(this.#departing.size)
    void listener.drain()
    this.#departures.add(
      {
        get isUnused() {
          return listener.connectionCount === 0
        },
        leave: () => {
          this.#departing.delete(listener)
          this.#draining.set(this.#departing.size)
          void listener.stop()
          listener.release()
        },
      },
      this.#options.drainMs,
    )
  }

  #create(config: ListenerConfig, service: ListenerService): Listener {
    const { share } = this.#options
    const { thread, metrics, overloadLevel } = this.#build
    const cells = share.cells(listenerLimitKey(config.address))
    const limits = new Limits(cells, share.workers, share.worker, listenerMaxima(config))
    return new Listener({ config, service, thread, metrics, limits, overloadLevel })
  }
}

/** The socket stays; what was built for it, and is not used, had no connections. */
function prepareService(listener: Listener, config: ListenerConfig, service: ListenerService): Step {
  return {
    config,
    listener,
    service,
    use: () => listener.use(config, service),
    discard: () => {
      if (service !== listener.service) service.metrics.release()
    },
  }
}

function followerOf(context: ListenerService['context']): unknown {
  return 'routeFilters' in context ? context.routeFilters : undefined
}

function routesKeyOf(service: ListenerService): string | undefined {
  return service.kind === 'meta-protocol' ? service.routesKey : undefined
}

function keyOf({ host, port }: SocketAddress): string {
  return `${host}:${port}`
}

function notListening({ name, address: { host, port } }: ListenerConfig, cause: unknown): Error {
  const { code, message } = cause as NodeJS.ErrnoException
  const why = code === 'EADDRINUSE' ? 'the port is in use' : message
  return new Error(`listener '${name}' cannot listen on ${host}:${port}: ${why}`, { cause })
}
