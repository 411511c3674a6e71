import type { ProxyConfig, ResourceContext } from '@meltemi/api'
import type { ResourceType } from '@meltemi/api/xds'
import type { CodecModules } from './codec-modules.ts'
import { HeldResources } from './held-resources.ts'
import type { Link } from './link.ts'
import type { SentResponse } from './sent-response.ts'
import { type DeliveredSecrets, makeUpdate, type Update } from './update.ts'
import { versionsIn } from './versions.ts'
import { type FixedConfig, type WantedConfig, WantedConfigs } from './wanted-config.ts'
import type { Warming } from './warming.ts'

/** A response that has come, and from where. */
export interface Received {
  readonly link: Link
  /** Of the link's stream. */
  readonly incarnation: number
  readonly response: SentResponse
  readonly atMs: number
  /** It comes from the disk. */
  readonly isCached: boolean
}

export interface IntakeParts {
  readonly config: ProxyConfig
  readonly fixed: FixedConfig
  readonly context: ResourceContext
  readonly modules: CodecModules
  /** undefined: there is nowhere to put any. */
  readonly secrets?: DeliveredSecrets | undefined
  readonly warming: Warming
  /** A response was taken, as far as it was good; what is held has it. */
  onTaken(received: Received, update: Update): void
}

/** Makes of responses what is held, and puts what that means in force: what cannot be in force is not held. */
export class Intake {
  readonly #parts: IntakeParts
  readonly #wanted: WantedConfigs
  #held = new HeldResources()

  constructor(parts: IntakeParts) {
    this.#parts = parts
    this.#wanted = new WantedConfigs(parts.fixed)
  }

  get held(): HeldResources {
    return this.#held
  }

  /** What is held now is only a part of what was. */
  keep(held: HeldResources): void {
    this.#held = held
  }

  get wanted(): WantedConfig {
    return this.#wanted.of(this.#held)
  }

  /** Nothing of this type has ever come from there. */
  isEmpty(type: ResourceType, source: string): boolean {
    const { version, resources } = this.#held.get(type, source)
    return version === '' && resources.size === 0
  }

  /** All in one change if it can be, else one after the other. Returns why nothing at all can be put in force, if so. */
  async take(batch: readonly Received[]): Promise<readonly string[]> {
    const news = batch.filter(({ isCached, link, response }) => !isCached || this.isEmpty(response.type, link.source))
    const refused = await this.#takeTogether(news)
    if (refused.length > 0) for (const received of news) await this.#takeAlone(received)
    return news.length === 0 ? refused : []
  }

  async #takeTogether(batch: readonly Received[]): Promise<readonly string[]> {
    let held = this.#held
    const updates: Update[] = []
    for (const received of batch) {
      const update = await this.#update(received, received.response, held)
      updates.push(update)
      held = update.held
    }
    const refused = await this.#put(held, new Set(updates.flatMap(({ fresh }) => [...fresh])))
    if (refused.length > 0) return refused
    this.#held = held
    for (const [index, received] of batch.entries()) this.#parts.onTaken(received, updates[index] as Update)
    return []
  }

  async #takeAlone(received: Received): Promise<void> {
    this.#parts.onTaken(received, await this.#takePart(received, received.response))
  }

  /** Of a delta response that is refused as a whole, what is good is found by halves. */
  async #takePart(received: Received, response: SentResponse): Promise<Update> {
    const update = await this.#update(received, response, this.#held)
    const refused = await this.#put(update.held, update.fresh)
    const { resources, type, isDelta } = response
    if (refused.length === 0) {
      this.#held = update.held
      return update
    }
    const middle = resources.length >> 1
    if (!isDelta || middle === 0) {
      const name = isDelta ? ` ${JSON.stringify(resources[0]?.name ?? '')}` : ''
      const faults = [...update.faults, ...refused.map((why) => `${type}${name}: ${why}`)]
      return { ...update, named: [], changed: [], faults }
    }
    const first = await this.#takePart(received, { ...response, resources: resources.slice(0, middle) })
    const second = await this.#takePart(received, { ...response, resources: resources.slice(middle), removed: [] })
    return {
      ...second,
      faults: [...first.faults, ...second.faults],
      named: [...first.named, ...second.named],
      changed: [...first.changed, ...second.changed],
      absent: update.absent,
    }
  }

  #update({ link, isCached }: Received, response: SentResponse, held: HeldResources): Promise<Update> {
    const { context, modules, secrets } = this.#parts
    const cached = response.resources.map(({ name }) => name)
    const rules = {
      context,
      names: isCached ? cached : (link.subscription(response.type)?.names ?? []),
      allowsOthers: link.isAds,
      nameFault: (type: ResourceType, name: string) => this.#nameFault(type, name),
    }
    return makeUpdate({ source: link.source, response, rules }, held, modules, secrets)
  }

  #nameFault(type: ResourceType, name: string): string | undefined {
    const { config, fixed } = this.#parts
    const taken = type === 'cluster' ? config.clusters : [...config.listeners, ...fixed.listeners]
    const isTaken = (type === 'cluster' || type === 'listener') && taken.some((each) => each.name === name)
    return isTaken ? 'came with the bootstrap and cannot be changed' : undefined
  }

  #put(held: HeldResources, fresh: ReadonlySet<object>): Promise<readonly string[]> {
    const wanted = this.#wanted.of(held)
    return this.#parts.warming.apply(wanted, fresh, versionsIn(held, wanted))
  }
}
