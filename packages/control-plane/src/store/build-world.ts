import { type DestinationRule, protocolOfPort, type Resource, type ResourceKey } from '@meltemi/api'
import { copyMap } from './copy-map.ts'
import { conflictNotes, failureNotes, homelessNotes, strangerNotes } from './host-notes.ts'
import { buildProtocols, type DefaultProtocol, type ModuleStates, type ProtocolTable } from './protocol-table.ts'
import { buildServiceView, type ServiceResult } from './service-view.ts'
import type { ServiceView, StatusNote, World } from './world.ts'
import { destinationHosts, type HostResources, WorldIndex } from './world-index.ts'

export interface WorldOptions {
  /** Of the cluster: `cluster.local`. */
  readonly domain: string
  readonly defaultProtocols: readonly DefaultProtocol[]
}

/** What becomes different at once. */
export interface WorldChange {
  readonly set: ReadonlyMap<ResourceKey, Resource>
  readonly deleted: readonly ResourceKey[]
  /** Of ApplicationProtocols, all of them; replaced with each change. */
  readonly modules: ModuleStates
}

/** The same words have the same version. */
function isSame(a: Resource | undefined, b: Resource | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  const { resourceVersion } = a.metadata
  return a === b || (resourceVersion !== '' && resourceVersion === b.metadata.resourceVersion)
}

/** Without a view where no resource says that there is such a service. */
type ServiceOutcome = Omit<ServiceResult, 'view'> & { readonly view: ServiceView | undefined }

/**
 * Makes each World out of the one before. What it gives depends only on the resources that are there, not on the order
 * in which they came; what it costs, on how many of them changed.
 */
export class WorldBuilder {
  readonly #defaults: readonly DefaultProtocol[]
  readonly #index: WorldIndex
  /** By host. */
  readonly #notes = new Map<string, readonly StatusNote[]>()
  #modules: ModuleStates = new Map()
  #table: ProtocolTable
  #world: World

  constructor({ domain, defaultProtocols }: WorldOptions) {
    this.#defaults = defaultProtocols
    this.#index = new WorldIndex(domain)
    this.#table = this.#buildProtocols(new Map())
    this.#world = {
      revision: 0,
      resources: new Map(),
      services: new Map(),
      changedHosts: new Set(),
      protocols: this.#table.protocols,
      notes: [],
    }
  }

  get world(): World {
    return this.#world
  }

  /** The World after a change; the same one again when nothing in it is different. */
  apply({ set, deleted, modules }: WorldChange): World {
    const resources = copyMap(this.#world.resources)
    const hosts = new Set<string>()
    let hasProtocols = modules !== this.#modules
    let hasChanged = hasProtocols
    this.#modules = modules
    for (const [key, next] of [...deleted.map((key) => [key, undefined] as const), ...set]) {
      const previous = resources.get(key)
      if (isSame(previous, next)) continue
      hasChanged = true
      hasProtocols ||= (next ?? previous)?.kind === 'ApplicationProtocol'
      if (previous !== undefined) for (const host of this.#index.delete(previous)) hosts.add(host)
      if (next === undefined) resources.delete(key)
      else {
        for (const host of this.#index.add(next)) hosts.add(host)
        resources.set(key, next)
      }
    }
    if (hasProtocols) for (const host of this.#changeProtocols()) hosts.add(host)
    if (hasChanged) this.#world = this.#next(resources, hosts)
    return this.#world
  }

  #next(resources: World['resources'], hosts: ReadonlySet<string>): World {
    const services = hosts.size === 0 ? this.#world.services : this.#rebuild(hosts)
    return {
      revision: this.#world.revision + 1,
      resources,
      services,
      changedHosts: hosts,
      protocols: this.#table.protocols,
      notes: [...this.#table.notes, ...[...this.#notes.values()].flat()],
    }
  }

  #rebuild(hosts: ReadonlySet<string>): World['services'] {
    const services = copyMap(this.#world.services)
    for (const host of hosts) {
      const resources = this.#index.of(host)
      const { view, notes } = this.#tryService(host, resources)
      const all = [...notes, ...conflictNotes(host, resources)]
      if (all.length === 0) this.#notes.delete(host)
      else this.#notes.set(host, all)
      if (view === undefined) services.delete(host)
      else services.set(host, view)
    }
    return services
  }

  /** What breaks on the resources of one service leaves that one as it was. */
  #tryService(host: string, resources: HostResources): ServiceOutcome {
    try {
      return this.#service(host, resources)
    } catch (error: unknown) {
      const reason = error instanceof Error ? error.message : String(error)
      return { view: this.#world.services.get(host), notes: failureNotes(host, resources, reason) }
    }
  }

  #service(host: string, { origins, routers, rules, slices, naming }: HostResources): ServiceOutcome {
    const [origin] = origins
    const strangers = strangerNotes(host, origin, naming)
    if (origin === undefined)
      return { view: undefined, notes: [...homelessNotes(host, [...routers, ...rules]), ...strangers] }
    const sendsTo = routers[0] === undefined ? new Set<string>() : destinationHosts(routers[0])
    const { view, notes } = buildServiceView({
      host,
      origin,
      selected: this.#index.selectedBy(origin),
      slices,
      router: routers[0],
      destinationRule: rules[0],
      sendsTo,
      otherRules: this.#otherRules(host, sendsTo),
      policies: this.#index.policiesFor(host, origin),
      protocols: this.#table.protocols,
    })
    return { view, notes: [...notes, ...strangers] }
  }

  #otherRules(host: string, sendsTo: ReadonlySet<string>): ReadonlyMap<string, DestinationRule> {
    const others = [...sendsTo].filter((each) => each !== host)
    return new Map(
      others.flatMap((each) => {
        const rule = this.#index.ruleOf(each)
        return rule === undefined ? [] : [[each, rule] as const]
      }),
    )
  }

  #buildProtocols(previous: ProtocolTable['protocols']): ProtocolTable {
    const resources = this.#index.protocols
    return buildProtocols({ resources, defaults: this.#defaults, modules: this.#modules, previous })
  }

  /** Returns the hosts with ports that may speak another protocol now. */
  #changeProtocols(): readonly string[] {
    const before = this.#table.protocols
    this.#table = this.#buildProtocols(before)
    return [...this.#world.services.values()].filter((view) => this.#speaksOther(view, before)).map(({ host }) => host)
  }

  #speaksOther({ origin }: ServiceView, before: ProtocolTable['protocols']): boolean {
    const after = this.#table.protocols
    return (origin.spec.ports ?? []).some(({ name = '' }) => {
      const [then, now] = [protocolOfPort(name, before), protocolOfPort(name, after)]
      if (then.kind === 'known' && now.kind === 'known') return before.get(then.protocol) !== after.get(now.protocol)
      // What is unknown is told with the names of all that are known.
      return then.kind !== now.kind || now.kind === 'unknown' || now.kind === 'malformed'
    })
  }
}
