import type { SourceNode } from '../document/source-node.ts'
import type { ResourceKey } from '../model/index.ts'
import { keyOf, type Resource } from './resource.ts'

/** A resource, and where it was read. */
export interface PlacedResource {
  readonly key: ResourceKey
  /**
   * As written, without `status`, and with the defaults of metadata. Whether the rest has the fields of its type is known
   * once it has been validated.
   */
  readonly resource: Resource
  /** As the user gave it; empty: it did not come from a file. */
  readonly file: string
  /** Its text; `placeAt` finds a path in it. */
  readonly source: SourceNode
}

/** A resource that did not come as text: its problems have no file, line and column. */
export function withoutPlace(resource: Resource): PlacedResource {
  const source: SourceNode = { kind: 'scalar', place: { line: 0, column: 0 }, value: null }
  return { key: keyOf(resource), resource, file: '', source }
}
