import { describeResource, type PlacedResource, type Problem, placeAt, type ResourceKey } from '@meltemi/api'

/**
 * Which file says what. A resource that stands in two files is that of the file that had it first, of files that came
 * together that with the first name; when that one drops it, the next one has it.
 */
export class ResourceClaims {
  /** By file. */
  readonly #files = new Map<string, ReadonlyMap<ResourceKey, PlacedResource>>()
  /** Key → files that have it, the one that counts first. */
  readonly #claims = new Map<ResourceKey, string[]>()
  readonly #doubled = new Set<ResourceKey>()
  /** Key → what was told last. */
  readonly #told = new Map<ResourceKey, PlacedResource>()
  readonly #dirty = new Set<ResourceKey>()

  /** How many resources there are, each counted once. */
  get size(): number {
    return this.#claims.size
  }

  /** Everything that a file says now; nothing when it is gone. */
  replace(file: string, resources: ReadonlyMap<ResourceKey, PlacedResource>): void {
    const before = this.#files.get(file)
    for (const key of before?.keys() ?? []) if (!resources.has(key)) this.#drop(key, file)
    for (const key of resources.keys()) this.#claim(key, file)
    if (resources.size === 0) this.#files.delete(file)
    else this.#files.set(file, resources)
  }

  /** The file whose words count. */
  ownerOf(key: ResourceKey): string | undefined {
    return this.#claims.get(key)?.[0]
  }

  /** What is different since the last time. */
  take(): { readonly set: ReadonlyMap<ResourceKey, PlacedResource>; readonly deleted: readonly ResourceKey[] } {
    const set = new Map<ResourceKey, PlacedResource>()
    const deleted: ResourceKey[] = []
    for (const key of this.#dirty) {
      const placed = this.#placed(key)
      if (placed === this.#told.get(key)) continue
      if (placed === undefined) {
        deleted.push(key)
        this.#told.delete(key)
      } else {
        set.set(key, placed)
        this.#told.set(key, placed)
      }
    }
    this.#dirty.clear()
    return { set, deleted }
  }

  /** One for each place that does not count. */
  problems(): readonly Problem[] {
    return [...this.#doubled].flatMap((key) => {
      const [owner, ...others] = (this.#claims.get(key) ?? []).flatMap((file) => this.#files.get(file)?.get(key) ?? [])
      return owner === undefined ? [] : others.map((placed) => doubleProblem(placed, owner))
    })
  }

  #placed(key: ResourceKey): PlacedResource | undefined {
    const owner = this.ownerOf(key)
    return owner === undefined ? undefined : this.#files.get(owner)?.get(key)
  }

  #claim(key: ResourceKey, file: string): void {
    const files = this.#claims.get(key) ?? []
    if (!files.includes(file)) files.push(file)
    this.#claims.set(key, files)
    if (files.length > 1) this.#doubled.add(key)
    this.#dirty.add(key)
  }

  #drop(key: ResourceKey, file: string): void {
    const files = (this.#claims.get(key) ?? []).filter((each) => each !== file)
    if (files.length === 0) this.#claims.delete(key)
    else this.#claims.set(key, files)
    if (files.length < 2) this.#doubled.delete(key)
    this.#dirty.add(key)
  }
}

/** Says at one place that a resource stands at another. */
export function doubleProblem({ resource, file, source }: PlacedResource, owner: PlacedResource): Problem {
  const { line, column } = placeAt(source, ['metadata', 'name'])
  return {
    severity: 'error',
    file,
    line,
    column,
    path: 'metadata.name',
    message: `${describeResource(resource)} stands in ${owner.file}:${owner.source.place.line} already, which counts`,
    code: 'duplicate-resource',
    fix: 'give one of them another name, or delete it',
  }
}
