import { type ConfigChange, type ListenerConfig, needsIdentity, rdsKey } from '@meltemi/api/model'
import type { Logger } from '@meltemi/runtime'
import { type ChosenPorts, choosePorts } from './choose-ports.ts'
import { ConfigRefused, type Configure, type VersionOf } from './config/configure.ts'
import { findChangeFaults } from './config/find-change-faults.ts'
import { isNoChange, type LiveConfig } from './config/live-config.ts'
import type { SecretStore } from './config/secret-store.ts'
import { sharedBlocks } from './config/shared-blocks.ts'
import type { Inheritance } from './net/inheritance.ts'
import type { ThreadUpdate } from './thread-updates.ts'
import { clusterLimitKey, listenerLimitKey, type NamedCells, type SharedLimits } from './upstream/shared-limits.ts'
import { faultsOf } from './util/config-refused.ts'
import { Turns } from './util/turns.ts'

export interface LiveChangesParts {
  readonly live: LiveConfig
  readonly limits: SharedLimits
  readonly inheritance: Inheritance
  readonly secrets: SecretStore
  readonly logger: Logger
  /** Several threads listen on each port. */
  readonly isShared: boolean
  /**
   * Does the update in all threads and returns no faults, or does nothing and returns why. `commit` is called in between,
   * when all can do it and before the first one does: a thread that starts from then on has it.
   */
  update(update: ThreadUpdate, commit: () => void): Promise<readonly string[]>
}

/**
 * How a change of the configuration comes into force, on the main thread:
 *
 *   known already? ─► faults? ─► ports ─► prepare in all threads ─► LiveConfig ─► use in all threads
 *                        └─────────┴───────────────┴─► ConfigRefused: nothing has changed
 */
export class LiveChanges {
  readonly #parts: LiveChangesParts
  readonly #turns = new Turns()

  constructor(parts: LiveChangesParts) {
    this.#parts = parts
  }

  readonly configure: Configure = (change, versionOf = () => '') =>
    this.#turns.take(() => this.#configure(change, versionOf))

  /** Does something else that must not run beside a change. */
  inTurn<T>(task: () => Promise<T>): Promise<T> {
    return this.#turns.take(task)
  }

  /** The memory of the limits of what is in force, or of what a change brings. */
  limits(change?: ConfigChange): readonly NamedCells[] {
    const { live } = this.#parts
    const coming = new Map(change?.routes.map(({ key, table }) => [key, table]))
    const tableOf = (key: string) => coming.get(key) ?? live.routes.get(key)?.config
    const of = change === undefined ? live.config : { ...change, listeners: this.#touched(change) }
    const keys = [
      ...of.clusters.map(({ name }) => clusterLimitKey(name)),
      ...of.listeners.map(({ address }) => listenerLimitKey(address)),
    ]
    return this.#parts.limits.take(keys, sharedBlocks(of.clusters, of.listeners, tableOf))
  }

  /** Listeners that a change brings, and those in force whose routes it changes. */
  #touched(change: ConfigChange): readonly ListenerConfig[] {
    const named = new Set([...change.listenersRemoved, ...change.listeners.map(({ name }) => name)])
    const others = [...this.#parts.live.listeners.values()].map(({ config }) => config)
    return [...change.listeners, ...others.filter((each) => !named.has(each.name) && hasRoutesOf(change, each))]
  }

  async #configure(change: ConfigChange, versionOf: VersionOf): Promise<void> {
    const { live, secrets } = this.#parts
    const wanted = live.withoutKnown(live.withKnownPorts(change))
    if (isNoChange(wanted)) return
    refuse(findChangeFaults(wanted, live))
    refuse(await secrets.take(wanted))
    const ports = await this.#choosePorts(wanted.listeners)
    const chosen = { ...wanted, listeners: ports.listeners }
    try {
      await this.#putInForce(chosen, () => {
        // all threads listen by now; a client that is told of a port must not get to whoever keeps it
        void ports.release()
        this.#apply(chosen, versionOf)
      })
    } finally {
      await ports.release()
      secrets.keepOnly(live.config)
    }
  }

  async #putInForce(change: ConfigChange, commit: () => void): Promise<void> {
    const touched = new Set([...this.limits(change).map(({ key }) => key), ...this.#keysInForce(change)])
    const update = { modules: undefined, change, limits: this.limits(change) }
    try {
      refuse(await this.#parts.update(update, commit))
    } finally {
      const inForce = new Set(this.#keysInForce(change))
      for (const key of touched) if (!inForce.has(key)) this.#parts.limits.forget(key)
    }
  }

  #apply(change: ConfigChange, versionOf: VersionOf): void {
    const { live, logger } = this.#parts
    const before = new Map(live.listeners)
    live.apply(change, versionOf)
    for (const listener of change.listeners) warnOfNobody(listener, logger)
    for (const { name, address } of change.listeners) {
      const what = before.has(name) ? 'listener changed' : 'listening'
      logger.info(what, { listener: name, address: `${address.host}:${address.port}` })
    }
    for (const name of change.listenersRemoved)
      if (before.has(name)) logger.info('listener removed', { listener: name })
  }

  /** Gives ports to those that ask for any, and makes sure that those that are not open yet can be had. */
  async #choosePorts(listeners: readonly ListenerConfig[]): Promise<ChosenPorts> {
    if (listeners.length === 0) return { listeners, release: async () => {} }
    const open = new Set([...this.#parts.live.listeners.values()].map(({ config }) => listenerLimitKey(config.address)))
    const choose = (listener: ListenerConfig) =>
      open.has(listenerLimitKey(listener.address))
        ? { listeners: [listener], release: async () => {} }
        : choosePorts([listener], this.#parts.isShared, this.#parts.inheritance)
    const results = await Promise.allSettled(listeners.map(async (listener) => choose(listener)))
    const chosen = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
    const release = async () => {
      await Promise.all(chosen.map((each) => each.release()))
    }
    const faults = results.flatMap((result) => (result.status === 'rejected' ? faultsOf(result.reason) : []))
    if (faults.length > 0) await release()
    refuse(faults)
    return { listeners: chosen.flatMap((each) => each.listeners), release }
  }

  /** Of what the change names, as far as it is in force now. */
  #keysInForce(change: ConfigChange): readonly string[] {
    const { clusters, listeners, routes } = this.#parts.live
    const clusterNames = [...change.clusters.map(({ name }) => name), ...change.clustersRemoved]
    const listenerNames = new Set([...change.listeners.map(({ name }) => name), ...change.listenersRemoved])
    const namedClusters = clusterNames.flatMap((name) => clusters.get(name)?.config ?? [])
    const namedListeners = [...listeners.values()]
      .map(({ config }) => config)
      .filter((config) => listenerNames.has(config.name) || hasRoutesOf(change, config))
    return [
      ...namedClusters.map(({ name }) => clusterLimitKey(name)),
      ...namedListeners.map(({ address }) => listenerLimitKey(address)),
      ...sharedBlocks(namedClusters, namedListeners, (key) => routes.get(key)?.config).map(({ key }) => key),
    ]
  }
}

/** It finds its routes where the change has others. */
function hasRoutesOf(change: ConfigChange, { filter }: ListenerConfig): boolean {
  if (filter.kind !== 'meta-protocol' || filter.rds === undefined) return false
  const key = rdsKey(filter.rds)
  return change.routesRemoved.includes(key) || change.routes.some((routes) => routes.key === key)
}

/** A policy that asks who the client is, where no client has to say it, must be seen. */
export function warnOfNobody(listener: ListenerConfig, logger: Logger): void {
  for (const filter of needsIdentity(listener))
    logger.warn('clients need not say who they are, but a filter asks', { listener: listener.name, filter })
}

function refuse(faults: readonly string[]): void {
  if (faults.length > 0) throw new ConfigRefused(faults)
}
