import type { ConfigChange, ProxyConfig } from '@meltemi/api/model'
import type { Clock, Logger, Timer } from '@meltemi/runtime'
import type { Configure, VersionOf } from '../config/configure.ts'
import { faultsOf } from '../util/config-refused.ts'
import { InForce } from './in-force.ts'
import { Needs } from './needs.ts'
import { OpenCount } from './open-count.ts'
import { type Plan, type PlanningRules, planChange } from './plan-change.ts'
import { codecOf, digestOf, type WantedConfig } from './wanted-config.ts'

/** What the data plane has refused, for a port that is in use for example, is tried again after this time. */
const RETRY_MS = 5_000

export interface WarmingParts {
  /** What is in force at the start. */
  readonly config: Pick<ProxyConfig, 'clusters' | 'listeners'>
  readonly clock: Clock
  readonly logger: Logger
  readonly configure: Configure
  readonly rules: Pick<PlanningRules, 'hasCodec' | 'codecWaitMs'>
  /** Needs besides those of the configuration itself: first responses that are still to come. */
  fetching(): ReadonlyMap<string, number>
  /** `apply` may bring more into force now: a need is over, or what was refused may work by now. */
  onTimer(need: string | undefined): void
}

/** Puts what is wanted in force as soon as it can be, and remembers what is missing. */
export class Warming {
  readonly #parts: WarmingParts
  readonly #inForce: InForce
  readonly #needs: Needs
  /** By configuration; with why. */
  readonly #refused = new Map<object, string>()
  readonly #openClusters: OpenCount
  readonly #openListeners: OpenCount
  #retry: Timer | undefined

  constructor(parts: WarmingParts) {
    this.#parts = parts
    this.#inForce = new InForce(parts.config)
    this.#openClusters = new OpenCount(this.#inForce.clusters)
    this.#openListeners = new OpenCount(this.#inForce.listeners)
    this.#needs = new Needs(parts.clock, (need) => parts.onTimer(need))
  }

  /** Needs that are still waited for. */
  get openNeeds(): readonly string[] {
    return this.#needs.open
  }

  /** Digests of the modules that listeners in force have their codecs from. */
  get digests(): readonly string[] {
    return [...this.#inForce.listeners.values()].flatMap(({ config }) => digestOf(config) ?? [])
  }

  /** The codecs of these listeners, each with that digest. */
  get codecs(): readonly { readonly codec: string; readonly digest: string }[] {
    const listeners = [...this.#inForce.listeners.values()]
    const codecs = listeners.flatMap(({ config }) => {
      const digest = digestOf(config)
      return digest === undefined ? [] : { codec: codecOf(config), digest }
    })
    return [...new Map(codecs.map((each) => [`${each.codec} ${each.digest}`, each])).values()]
  }

  /** How much of what is wanted is not in force, or not in the form that is wanted. */
  countOpen(wanted: WantedConfig): { readonly clusters: number; readonly listeners: number } {
    return {
      clusters: this.#openClusters.of(wanted.clusters),
      listeners: this.#openListeners.of(wanted.listeners),
    }
  }

  giveUp(need: string): void {
    this.#needs.giveUp(need)
  }

  /**
   * Returns why the data plane refuses what is new (`fresh`, its configurations), and then nothing has changed. Anything
   * else that it refuses, which has become ready by chance now, is left out and tried again later.
   */
  async apply(wanted: WantedConfig, fresh: ReadonlySet<object>, versionOf: VersionOf): Promise<readonly string[]> {
    const { change, needs } = this.#plan(wanted)
    const faults = await this.#configure(change, versionOf)
    if (faults.length === 0) this.#setNeeds(needs)
    const others = faults.length === 0 ? [] : itemsOf(change).filter((item) => !fresh.has(item.config))
    return others.length === 0 ? faults : this.#applyOneByOne(wanted, others, versionOf)
  }

  close(): void {
    this.#needs.close()
    this.#retry?.cancel()
  }

  async #applyOneByOne(
    wanted: WantedConfig,
    others: readonly Item[],
    versionOf: VersionOf,
  ): Promise<readonly string[]> {
    for (const { config } of others) this.#refused.set(config, '')
    const faults = await this.#configure(this.#plan(wanted).change, versionOf)
    for (const { config, name } of others) {
      this.#refused.delete(config)
      if (faults.length > 0) continue
      const why = await this.#configure(this.#plan(wanted).change, versionOf)
      if (why.length > 0) this.#refuse(config, name, why.join('; '))
    }
    if (faults.length === 0) this.#setNeeds(this.#plan(wanted).needs)
    return faults
  }

  #setNeeds(needs: ReadonlyMap<string, number>): void {
    this.#needs.set(new Map([...needs, ...this.#parts.fetching()]))
  }

  #refuse(config: object, name: string, why: string): void {
    this.#refused.set(config, why)
    this.#parts.logger.error('configuration cannot be put in force, it is tried again', { name, why })
    this.#retry ??= this.#parts.clock.setTimer(RETRY_MS, () => {
      this.#retry = undefined
      this.#refused.clear()
      this.#parts.onTimer(undefined)
    })
  }

  #plan(wanted: WantedConfig): Plan {
    return planChange(wanted, this.#inForce, {
      ...this.#parts.rules,
      isOver: (need) => this.#needs.isOver(need),
      isRefused: (config) => this.#refused.has(config),
    })
  }

  /** Returns why not. */
  async #configure(change: ConfigChange, versionOf: VersionOf): Promise<readonly string[]> {
    if (Object.values(change).every((part: readonly unknown[]) => part.length === 0)) return []
    try {
      await this.#parts.configure(change, versionOf)
      this.#inForce.apply(change)
      if (change.clusters.length + change.clustersRemoved.length > 0) this.#openClusters.forget()
      if (change.listeners.length + change.listenersRemoved.length > 0) this.#openListeners.forget()
      return []
    } catch (error: unknown) {
      return faultsOf(error)
    }
  }
}

interface Item {
  readonly name: string
  readonly config: object
}

function itemsOf({ clusters, listeners, routes }: ConfigChange): readonly Item[] {
  return [
    ...clusters.map((config) => ({ name: `cluster ${config.name}`, config })),
    ...routes.map(({ key, table }) => ({ name: `routes ${key}`, config: table })),
    ...listeners.map((config) => ({ name: `listener ${config.name}`, config })),
  ]
}
