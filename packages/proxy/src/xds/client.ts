import type { ProxyConfig, ResourceContext } from '@meltemi/api'
import { type ConfigSource, sourceKey } from '@meltemi/api/model'
import type { ResourceType } from '@meltemi/api/xds'
import type { Clock, GroupedRegistry, Logger, Timer } from '@meltemi/runtime'
import type { Configure } from '../config/configure.ts'
import type { Random } from '../util/random.ts'
import type { CodecModules } from './codec-modules.ts'
import { describeFaults } from './describe-faults.ts'
import { onlyWanted } from './held-resources.ts'
import { Intake, type Received } from './intake.ts'
import type { Link } from './link.ts'
import { Links } from './links.ts'
import { need } from './plan-change.ts'
import type { ResourceCache } from './resource-cache.ts'
import { readResponse } from './sent-response.ts'
import type { XdsResponse, XdsTransport } from './transport.ts'
import type { DeliveredSecrets, Update } from './update.ts'
import { type FixedConfig, rdsOf, sourcesOf, type WantedConfig, wantedNames } from './wanted-config.ts'
import { secretNames, secretSources } from './wanted-secrets.ts'
import { Warming } from './warming.ts'
import { XdsStats } from './xds-stats.ts'

export interface XdsClientParts {
  /** The bootstrap, with what is in force at the start. */
  readonly config: ProxyConfig
  /** Listeners of the bootstrap that are not in force yet: they wait for their routes. */
  readonly waiting: FixedConfig['listeners']
  readonly context: ResourceContext
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: GroupedRegistry
  readonly transport: XdsTransport
  readonly configure: Configure
  readonly modules: CodecModules
  /** undefined: there is nowhere to put any. */
  readonly secrets?: DeliveredSecrets | undefined
  /** undefined: nothing is kept on the disk. */
  readonly cache: ResourceCache | undefined
  readonly userAgentVersion: string
  /** The first configuration is in force, or what is missing of it was waited for long enough. */
  onReady(): void
}

/** A control plane that says nothing for so long at the start cannot be reached, as far as the cache is concerned. */
const SILENCE_MS = 3_000
/** More responses than these are not kept: the stream begins anew, from what is in force. */
const MAX_WAITING = 1_000

/**
 * Gets configuration from control planes and puts it in force, on the main thread:
 *
 *   Links ── responses ──► queue ──► makeUpdate (read, checked) ──► Warming (what can be) ──► data plane
 *     ▲                                   │ rejected                      │ refused
 *     └───────── ACK or NACK ─────────────┴───────────────────────────────┘
 *
 * What came in while the update before was being made is taken together: one change for all of it.
 */
export class XdsClient {
  readonly #parts: XdsClientParts
  readonly #links: Links
  readonly #warming: Warming
  readonly #stats: XdsStats
  readonly #intake: Intake
  /** Types of which everything is wanted, as long as there was no response. */
  readonly #fetching = new Map<ResourceType, ConfigSource>()
  readonly #queue: Received[] = []
  #isWorking = false
  /** Something may come into force although no response has come. */
  #isDue = true
  #isReady = false
  #isClosed = false
  #silence: Timer | undefined
  /** What was asked for all that it refers to. */
  #asked: WantedConfig | undefined

  constructor(parts: XdsClientParts) {
    const { config, clock, logger, metrics, configure, waiting, modules } = parts
    this.#parts = parts
    this.#stats = new XdsStats(metrics, clock)
    this.#links = new Links({
      ...parts,
      held: () => this.#intake.held,
      onResponse: (link, response) => this.#onResponse(link, response),
      onLost: (link, reason, hadAnswered) => this.#onLost(link, reason, hadAnswered),
    })
    this.#warming = new Warming({
      config,
      clock,
      logger,
      configure,
      rules: {
        hasCodec: (name, digest) => modules.hasCodec(name, digest),
        codecWaitMs: config.dynamic.listeners?.initialFetchTimeoutMs ?? 0,
      },
      fetching: () => this.#fetchNeeds(),
      onTimer: (need) => this.#onTimer(need),
    })
    this.#intake = new Intake({
      ...parts,
      fixed: { clusters: config.clusters.filter(({ discovery }) => discovery === 'eds'), listeners: waiting },
      warming: this.#warming,
      onTaken: (received, update) => this.#answer(received, update),
    })
  }

  /** Codecs from the control plane that listeners in force have. */
  get codecs(): Warming['codecs'] {
    return this.#warming.codecs
  }

  /** Throws when a source has nobody to ask. What comes is put in force from now on. */
  start(): void {
    const { clusters, listeners } = this.#parts.config.dynamic
    if (clusters !== undefined) this.#fetch('cluster', clusters)
    if (listeners !== undefined) this.#fetch('listener', listeners)
    this.#askForNames()
    this.#links.open()
    this.#silence = this.#parts.clock.setTimer(SILENCE_MS, () => {
      for (const link of this.#links.all) if (!link.hasAnswered) void this.#useCache(link)
    })
    void this.#work()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#silence?.cancel()
    this.#links.close()
    this.#warming.close()
    await this.#parts.cache?.close()
  }

  #fetch(type: ResourceType, source: ConfigSource): void {
    this.#fetching.set(type, source)
    this.#links.subscribe(type, source)
    this.#stats.attempted(type, sourceKey(source))
  }

  #fetchNeeds(): ReadonlyMap<string, number> {
    return new Map([...this.#fetching].map(([type, source]) => [need('first', type), source.initialFetchTimeoutMs]))
  }

  #onResponse(link: Link, message: XdsResponse): void {
    this.#stats.setConnected(this.#links.all.every(({ hasAnswered }) => hasAnswered))
    const response = readResponse(message)
    const subscription = response === undefined ? undefined : link.subscription(response.type)
    if (response === undefined || subscription === undefined) {
      const writer = this.#parts.logger.limited('xds: nobody asked', 1)
      writer?.warn('the control plane sent what nobody asked for', { typeUrl: message.typeUrl })
      return
    }
    subscription.heard(response.nonce)
    if (this.#queue.length >= MAX_WAITING) {
      link.restart()
      return
    }
    const { incarnation } = link
    this.#queue.push({ link, incarnation, response, atMs: this.#parts.clock.now(), isCached: false })
    void this.#work()
  }

  #onLost(link: Link, reason: string, hadAnswered: boolean): void {
    const fields = { source: link.source, reason }
    if (hadAnswered) this.#parts.logger.warn('control plane lost', fields)
    else this.#parts.logger.limited(`xds: ${link.source}`, 1)?.warn('control plane cannot be reached', fields)
    this.#stats.setConnected(false)
    for (const type of link.types) this.#stats.lost(type, link.source)
    if (!hadAnswered) void this.#useCache(link)
  }

  /** Only where nothing has come yet: what comes is newer. */
  async #useCache(link: Link): Promise<void> {
    const { cache, clock, logger } = this.#parts
    if (this.#isReady) return
    const cached = (await cache?.load()) ?? []
    const usable = cached.filter(({ source, type }) => source === link.source && this.#intake.isEmpty(type, source))
    if (usable.length === 0 || this.#isClosed) return
    logger.warn('configuration from the disk is used', { source: link.source })
    for (const { type, version, resources } of usable) {
      const response = { type, isDelta: true, version, nonce: '', resources, removed: [] }
      this.#queue.push({ link, incarnation: 0, response, atMs: clock.now(), isCached: true })
    }
    void this.#work()
  }

  #onTimer(over: string | undefined): void {
    if (over !== undefined) this.#reportOver(over)
    this.#isDue = true
    void this.#work()
  }

  #reportOver(over: string): void {
    const writer = this.#parts.logger.limited('xds: over', 10)
    writer?.warn('configuration goes on without what it has waited for', { need: over })
    for (const listener of this.#intake.wanted.listeners.values()) {
      if (over === need('routes', listener.name)) this.#stats.routesTimedOut(listener)
    }
    for (const type of this.#fetching.keys()) if (over === need('first', type)) this.#stats.timedOut(type)
  }

  /** Takes what waits, until nothing does. */
  async #work(): Promise<void> {
    if (this.#isWorking) return
    this.#isWorking = true
    try {
      while (!this.#isClosed && (this.#isDue || this.#queue.length > 0)) {
        this.#isDue = false
        await this.#take(withoutSuperseded(this.#queue.splice(0)))
        this.#settle()
      }
    } catch (error: unknown) {
      this.#parts.logger.error('configuration could not be taken', { error: String(error) })
    } finally {
      this.#isWorking = false
    }
  }

  async #take(batch: readonly Received[]): Promise<void> {
    for (const { response } of batch) this.#fetching.delete(response.type)
    const faults = await this.#intake.take(batch)
    if (faults.length > 0) this.#parts.logger.error('configuration cannot be put in force', { faults })
  }

  #answer({ link, incarnation, response, atMs, isCached }: Received, { faults, named, changed, absent }: Update): void {
    const { type, version, nonce } = response
    const { logger, clock } = this.#parts
    const subscription = link.subscription(type)
    this.#giveUp(type, link.source, absent)
    if (faults.length > 0) {
      const fields = { type, source: link.source, version, faults: describeFaults(faults) }
      logger.limited(`xds: refused ${type}`, 5)?.error('configuration refused', fields)
    }
    if (isCached || subscription === undefined) return
    const durationMs = clock.now() - atMs
    if (faults.length === 0) this.#stats.accepted(type, link.source, { version, named, changed, durationMs })
    else this.#stats.rejected(type, link.source, response.resources.length === 0)
    link.answer(incarnation, subscription.answer(nonce, faults.length === 0 ? undefined : describeFaults(faults)))
  }

  /** What the control plane does not have is not waited for. */
  #giveUp(type: ResourceType, source: string, absent: readonly string[]): void {
    const names = new Set(absent)
    if (names.size === 0) return
    const { clusters, listeners } = this.#intake.wanted
    for (const { name, eds } of clusters.values()) {
      const isAsked = type === 'endpoint' && eds !== undefined && sourceKey(eds.source) === source
      if (isAsked && names.has(eds.serviceName)) this.#warming.giveUp(need('endpoints', name))
    }
    for (const listener of listeners.values()) {
      const rds = rdsOf(listener)
      const isAsked = type === 'route' && rds !== undefined && sourceKey(rds.source) === source
      if (isAsked && names.has(rds.routeConfigName)) this.#warming.giveUp(need('routes', listener.name))
    }
    this.#isDue = true
  }

  /** Something is in force that was not before: what else is wanted now, and is it all? */
  #settle(): void {
    this.#askForNames()
    this.#dropModules()
    this.#stats.setWarming(this.#warming.countOpen(this.#intake.wanted))
    const isComplete = !this.#isDue && this.#queue.length === 0 && this.#warming.openNeeds.length === 0
    if (!this.#isReady && isComplete) {
      this.#isReady = true
      this.#parts.onReady()
    }
    // what is only half there must not take the place of what was whole
    if (this.#isReady) this.#parts.cache?.save(this.#intake.held)
  }

  /** Modules that no listener needs any more, nor will soon. */
  #dropModules(): void {
    const held = [...this.#intake.held.all('extensionConfig').values()].flatMap(({ resources }) => [
      ...resources.values(),
    ])
    const needed = new Set([...this.#warming.digests, ...held.map(({ value }) => value.digest)])
    this.#parts.modules.keepDelivered(needed).catch((error: unknown) => {
      this.#parts.logger.error('modules that nobody needs cannot be dropped', { error: String(error) })
    })
  }

  #askForNames(): void {
    const { wanted, held } = this.#intake
    const isSame = wanted.clusters === this.#asked?.clusters && wanted.listeners === this.#asked.listeners
    this.#asked = wanted
    if (isSame) return
    const { ads, listeners } = this.#parts.config.dynamic
    // what listeners need comes from where they come from, unless there is a stream for everything
    const modules = ads === undefined && listeners !== undefined ? sourceKey(listeners) : 'ads'
    const fixed = this.#parts.config
    const names = [...wantedNames(wanted, modules), ...secretNames([fixed, wanted])]
    const sources = new Map([...sourcesOf(wanted), ...secretSources([fixed, wanted])])
    if (listeners !== undefined) sources.set(sourceKey(listeners), listeners)
    this.#intake.keep(onlyWanted(held, names))
    this.#links.setNames(names, sources)
    this.#stats.setListeners(wanted.listeners)
  }
}

/** Of state-of-the-world responses only the newest of a stream and type matters. */
function withoutSuperseded(batch: readonly Received[]): readonly Received[] {
  return batch.filter(({ link, response: { type, isDelta } }, index) => {
    if (isDelta) return true
    return !batch.slice(index + 1).some((later) => later.link === link && later.response.type === type)
  })
}
