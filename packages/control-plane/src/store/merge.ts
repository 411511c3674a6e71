import { type PlacedResource, type Problem, placeAt, type Resource, type ResourceKey } from '@meltemi/api'
import type { SourceSink } from '../sources/source.ts'
import { withVersion } from './resource-version.ts'

/** One resource as it was read last. */
export interface StoreEntry {
  /** With its version. */
  readonly placed: PlacedResource
  /** Of validation. With an error among them the resource is refused. */
  readonly problems: readonly Problem[]
  /** The last version that was good, which is in force; undefined: there was none. */
  readonly accepted: Resource | undefined
  /** Name of its source. */
  readonly source: string
}

/** What became different since the last time. */
export interface StoreChange {
  /** Of what is in force. */
  readonly set: ReadonlyMap<ResourceKey, Resource>
  readonly deleted: readonly ResourceKey[]
  /** All entries that are new, different or gone. */
  readonly touched: ReadonlySet<ResourceKey>
}

export interface StoreOptions {
  readonly validate: (placed: PlacedResource) => readonly Problem[]
  /** There is something to take. */
  readonly onChange: () => void
  /** Every source has told its first state. */
  readonly onSynced: () => void
}

/** The resources of several sources in one. What is invalid is not taken: the version before stays in force. */
export class ResourceStore {
  readonly #options: StoreOptions
  readonly #entries = new Map<ResourceKey, StoreEntry>()
  /** What other sources say of resources that a source has already, by source. */
  readonly #doubles = new Map<string, Map<ResourceKey, PlacedResource>>()
  readonly #sourceProblems = new Map<string, readonly Problem[]>()
  readonly #waitingFor = new Set<string>()
  #set = new Map<ResourceKey, Resource>()
  #deleted = new Set<ResourceKey>()
  #touched = new Set<ResourceKey>()

  constructor(options: StoreOptions) {
    this.#options = options
  }

  /** As read, in force or not. */
  get entries(): ReadonlyMap<ResourceKey, StoreEntry> {
    return this.#entries
  }

  /** True when the first state of every source is here. */
  get isSynced(): boolean {
    return this.#waitingFor.size === 0
  }

  /** What could not be read, what is refused and why, and what is there twice. */
  problems(): readonly Problem[] {
    const doubles = [...this.#doubles.values()].flatMap((found) => [...found.values()])
    return [
      ...[...this.#sourceProblems.values()].flat(),
      ...[...this.#entries.values()].flatMap(({ problems }) => problems),
      ...doubles.map((placed) => doubleProblem(placed, this.#entries.get(placed.key))),
    ]
  }

  /** For one source; all sinks are made before the first source runs. */
  sinkOf(source: string): SourceSink {
    this.#waitingFor.add(source)
    this.#doubles.set(source, new Map())
    return {
      change: (set, deleted) => {
        for (const key of deleted) this.#delete(source, key)
        for (const placed of set.values()) this.#put(source, placed)
        this.#options.onChange()
      },
      synced: () => {
        if (this.#waitingFor.delete(source) && this.isSynced) this.#options.onSynced()
      },
      problems: (problems) => {
        this.#sourceProblems.set(source, problems)
        this.#options.onChange()
      },
    }
  }

  /** Takes what has changed; from then on it is no longer new. */
  take(): StoreChange {
    const change = { set: this.#set, deleted: [...this.#deleted], touched: this.#touched }
    this.#set = new Map()
    this.#deleted = new Set()
    this.#touched = new Set()
    return change
  }

  #put(source: string, read: PlacedResource): void {
    const { key } = read
    const entry = this.#entries.get(key)
    if (entry !== undefined && entry.source !== source) {
      this.#doubles.get(source)?.set(key, read)
      return
    }
    const placed = { ...read, resource: withVersion(read.resource) }
    if (entry?.placed.resource.metadata.resourceVersion === placed.resource.metadata.resourceVersion) {
      this.#move(entry, placed)
      return
    }
    const problems = this.#options.validate(placed)
    const isRefused = problems.some(({ severity }) => severity === 'error')
    const accepted = isRefused ? entry?.accepted : placed.resource
    if (accepted !== undefined && accepted !== entry?.accepted) this.#accept(key, accepted)
    this.#entries.set(key, { placed, problems, accepted, source })
    this.#touched.add(key)
  }

  /** The same words, perhaps in another place. */
  #move(entry: StoreEntry, placed: PlacedResource): void {
    const problems = entry.problems.length === 0 ? entry.problems : this.#options.validate(placed)
    this.#entries.set(placed.key, { ...entry, placed, problems })
    if (!isSamePlace(entry.placed, placed)) this.#touched.add(placed.key)
  }

  #delete(source: string, key: ResourceKey): void {
    this.#doubles.get(source)?.delete(key)
    if (this.#entries.get(key)?.source !== source) return
    this.#entries.delete(key)
    this.#touched.add(key)
    this.#set.delete(key)
    this.#deleted.add(key)
    this.#promote(key)
  }

  /** Whoever had to stand behind has it now. */
  #promote(key: ResourceKey): void {
    for (const [source, doubles] of this.#doubles) {
      const placed = doubles.get(key)
      if (placed === undefined) continue
      doubles.delete(key)
      this.#put(source, placed)
      return
    }
  }

  #accept(key: ResourceKey, resource: Resource): void {
    this.#deleted.delete(key)
    this.#set.set(key, resource)
  }
}

function isSamePlace(a: PlacedResource, b: PlacedResource): boolean {
  return a.file === b.file && a.source.place.line === b.source.place.line
}

function doubleProblem({ file, source, key }: PlacedResource, owner: StoreEntry | undefined): Problem {
  const { line, column } = placeAt(source, ['metadata', 'name'])
  const place = owner === undefined ? 'another source' : `${owner.source} (${owner.placed.file})`
  const message = `${key} comes from ${place} already`
  return { severity: 'error', file, line, column, path: 'metadata.name', message, code: 'duplicate-resource' }
}
