import { keyOf, type Resource, type ResourceKey } from '@meltemi/api'
import { compareAge } from './precedence.ts'

/** Resources by the host that they are about. */
export class HostIndex<T extends Resource> {
  readonly #byHost = new Map<string, Map<ResourceKey, T>>()

  set(host: string, resource: T): void {
    const group = this.#byHost.get(host) ?? new Map<ResourceKey, T>()
    group.set(keyOf(resource), resource)
    this.#byHost.set(host, group)
  }

  delete(host: string, key: ResourceKey): void {
    const group = this.#byHost.get(host)
    group?.delete(key)
    if (group?.size === 0) this.#byHost.delete(host)
  }

  /** The first of them is in force. */
  of(host: string): readonly T[] {
    const group = this.#byHost.get(host)
    if (group === undefined) return []
    return group.size === 1 ? [...group.values()] : [...group.values()].sort(compareAge)
  }
}
