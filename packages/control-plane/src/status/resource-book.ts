import { type Problem, type ResourceKey, ResourceProblems } from '@meltemi/api'
import type { Clock } from '@meltemi/runtime'
import type { BackendChange, ResourceEvent, ResourceStatus, StoredResource } from '../admin/backend.ts'
import type { StoreEntry } from '../store/merge.ts'
import type { StatusNote, World } from '../store/world.ts'
import type { ProxyStatus } from '../xds/xds-resource.ts'
import { ConcernedHosts } from './concerned-hosts.ts'
import { conditionOf } from './condition.ts'
import { type MembersOf, ProxySync } from './proxy-sync.ts'

/** What the book is brought up to date with. */
export interface BookUpdate {
  readonly world: World
  readonly entries: ReadonlyMap<ResourceKey, StoreEntry>
  /** Entries that are new, different or gone. */
  readonly touched: ReadonlySet<ResourceKey>
  /** All that is to be said of any resource beyond what is wrong with it alone. */
  readonly notes: readonly StatusNote[]
  /** Of the store. */
  readonly problems: readonly Problem[]
  readonly proxies: readonly ProxyStatus[]
  readonly membersOf: MembersOf
}

/** Every resource with what became of it, for those who ask and those who watch. */
export class ResourceBook {
  readonly #clock: Clock
  readonly #concerned = new ConcernedHosts()
  readonly #sync = new ProxySync()
  readonly #listeners = new Set<(change: BackendChange) => void>()
  #resources = new Map<ResourceKey, StoredResource>()
  /** Somebody has them, for whom they must stay as they are. */
  #areHeld = false
  #notes: ReadonlyMap<ResourceKey, readonly StatusNote[]> = new Map()
  #problems: readonly Problem[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Replaced whole with each change. */
  get resources(): ReadonlyMap<ResourceKey, StoredResource> {
    this.#areHeld = true
    return this.#resources
  }

  get problems(): readonly Problem[] {
    return this.#problems
  }

  subscribe(listener: (change: BackendChange) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  update(update: BookUpdate): void {
    const { world, entries, touched, notes, problems, proxies, membersOf } = update
    const moved = this.#concerned.update(world)
    const before = this.#notes
    this.#notes = Map.groupBy(withoutDoubles(notes), ({ key }) => key)
    const hosts = this.#sync.update(proxies, membersOf)
    const synced = [...hosts].flatMap((host) => [...this.#concerned.keysOf(host)])
    const keys = new Set([...touched, ...moved, ...before.keys(), ...this.#notes.keys(), ...synced])
    const said = [...this.#notes.values()].flat().flatMap((note) => problemOf(note, entries.get(note.key)))
    this.#publish(this.#turnOver(keys, entries), [...problems, ...said])
  }

  /** What proxies have is different; nothing else is. */
  updateProxies(entries: BookUpdate['entries'], proxies: readonly ProxyStatus[], membersOf: MembersOf): void {
    const hosts = this.#sync.update(proxies, membersOf)
    const keys = new Set([...hosts].flatMap((host) => [...this.#concerned.keysOf(host)]))
    this.#publish(this.#turnOver(keys, entries), this.#problems)
  }

  #turnOver(keys: ReadonlySet<ResourceKey>, entries: BookUpdate['entries']): readonly ResourceEvent[] {
    const events = [...keys].flatMap((key) => this.#event(key, entries.get(key)) ?? [])
    if (events.length === 0) return events
    if (this.#areHeld) this.#resources = new Map(this.#resources)
    this.#areHeld = false
    for (const { key, type, stored } of events) {
      if (type === 'DELETED') this.#resources.delete(key)
      else this.#resources.set(key, stored)
    }
    return events
  }

  #event(key: ResourceKey, entry: StoreEntry | undefined): ResourceEvent | undefined {
    const before = this.#resources.get(key)
    if (entry === undefined) return before === undefined ? undefined : { type: 'DELETED', key, stored: before }
    const stored = this.#stored(key, entry, before)
    if (before === undefined) return { type: 'ADDED', key, stored }
    return isSame(before, stored) ? undefined : { type: 'MODIFIED', key, stored }
  }

  #stored(key: ResourceKey, entry: StoreEntry, before: StoredResource | undefined): StoredResource {
    const { placed, accepted, problems } = entry
    const isRefused = problems.some(({ severity }) => severity === 'error')
    const said = (this.#notes.get(key) ?? []).flatMap((note) => problemOf(note, entry))
    const now = () => new Date(this.#clock.wallTime()).toISOString()
    const previous = before?.status.conditions[0]
    const condition = conditionOf([...problems, ...said], isRefused && accepted !== undefined, previous, now)
    const status: ResourceStatus =
      accepted === undefined
        ? { conditions: [condition] }
        : { conditions: [condition], proxies: this.#sync.of(this.#concerned.of(key)) }
    return { resource: placed.resource, status, origin: originOf(entry) }
  }

  #publish(events: readonly ResourceEvent[], problems: readonly Problem[]): void {
    const hasOtherProblems = !areSame(problems, this.#problems)
    if (hasOtherProblems) this.#problems = problems
    if (events.length === 0 && !hasOtherProblems) return
    for (const listener of this.#listeners) listener({ events, hasOtherProblems })
  }
}

/** Of a workload that several services select, each of them may say the same. */
function withoutDoubles(notes: readonly StatusNote[]): readonly StatusNote[] {
  return [...new Map(notes.map((note) => [JSON.stringify(note), note])).values()]
}

/** Nothing when the resource is gone meanwhile. */
function problemOf(note: StatusNote, entry: StoreEntry | undefined): readonly Problem[] {
  if (entry === undefined) return []
  const problems = new ResourceProblems(entry.placed)
  const { severity, code, path, message, fix } = note
  if (severity === 'error') problems.error({ code, path, message, fix })
  else problems.warning({ code, path, message, fix })
  return problems.sorted()
}

function originOf({ placed, source }: StoreEntry): string {
  const { line } = placed.source.place
  return line > 0 ? `${placed.file}:${line}` : source
}

function isSame(a: StoredResource, b: StoredResource): boolean {
  return (
    a.origin === b.origin &&
    a.resource.metadata.resourceVersion === b.resource.metadata.resourceVersion &&
    JSON.stringify(a.status) === JSON.stringify(b.status)
  )
}

function areSame(a: readonly Problem[], b: readonly Problem[]): boolean {
  return a.length === b.length && JSON.stringify(a) === JSON.stringify(b)
}
