import type { ResourceKey } from '@meltemi/api'
import type { ApiPath } from './api-path.ts'
import type { Backend, StoredResource } from './backend.ts'
import { type LabelSelector, parseLabelSelector } from './label-selector.ts'
import { badRequest } from './status-error.ts'

/** Which resources a list or a watch is about. */
export class ResourceSelection {
  readonly path: ApiPath
  readonly #hasLabels: LabelSelector
  readonly #name: string
  readonly #namespace: string

  /** Throws a StatusError for selectors that it does not know. */
  constructor(path: ApiPath, query: URLSearchParams) {
    const fields = parseFieldSelector(query.get('fieldSelector') ?? '')
    this.path = path
    this.#hasLabels = parseLabelSelector(query.get('labelSelector') ?? '')
    this.#name = path.name || (fields.get('metadata.name') ?? '')
    this.#namespace = path.namespace || (fields.get('metadata.namespace') ?? '')
  }

  includes({ resource }: StoredResource): boolean {
    const { name, namespace, labels } = resource.metadata
    if (resource.kind !== this.path.kind.kind) return false
    if (this.#name !== '' && name !== this.#name) return false
    if (this.#namespace !== '' && namespace !== this.#namespace) return false
    return this.#hasLabels(labels)
  }

  /** By namespace, then by name. */
  list(backend: Backend): readonly StoredResource[] {
    const found: [ResourceKey, StoredResource][] = []
    for (const entry of backend.resources()) if (this.includes(entry[1])) found.push(entry)
    return found.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, stored]) => stored)
  }
}

const FIELD = /^(metadata\.(?:name|namespace))==?([A-Za-z0-9.-]{0,253})$/

function parseFieldSelector(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>()
  for (const term of text === '' ? [] : text.split(',')) {
    const [, field, value] = FIELD.exec(term) ?? []
    if (field === undefined || value === undefined) {
      throw badRequest('fieldSelector: expected metadata.name=… or metadata.namespace=…')
    }
    fields.set(field, value)
  }
  return fields
}
