import type { PlacedResource, Problem, ResourceKey } from '@meltemi/api'

/** Something that resources come from. The store drops what has not changed, debounces and merges. */
export interface Source {
  readonly name: string
  /** Runs until `signal` is aborted; rejects only when it cannot go on at all. */
  run(sink: SourceSink, signal: AbortSignal): Promise<void>
}

export interface SourceSink {
  /** All at once: what is set and deleted in one call is in force together. Whether they are valid is not asked here. */
  change(set: ReadonlyMap<ResourceKey, PlacedResource>, deleted: readonly ResourceKey[]): void
  /** What the source has now is all there is: the first state is whole. */
  synced(): void
  /** What could not be read, in full, anew each time; the resources that were read before stay. */
  problems(problems: readonly Problem[]): void
}
