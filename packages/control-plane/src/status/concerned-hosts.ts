import type { ResourceKey } from '@meltemi/api'
import type { World } from '../store/world.ts'

/** Resource → hosts of the services that are made of it. */
export class ConcernedHosts {
  readonly #hosts = new Map<ResourceKey, Set<string>>()
  /** By host, as it was told last. */
  readonly #keys = new Map<string, ReadonlySet<ResourceKey>>()

  /** Takes over what the last change of the World was about; returns the resources that concern other hosts now. */
  update({ services, changedHosts }: World): ReadonlySet<ResourceKey> {
    const changed = new Set<ResourceKey>()
    for (const host of changedHosts) {
      const before = this.#keys.get(host) ?? new Set<ResourceKey>()
      const after = services.get(host)?.madeOf ?? new Set<ResourceKey>()
      for (const key of before) if (!after.has(key)) changed.add(this.#release(key, host))
      for (const key of after) if (!before.has(key)) changed.add(this.#add(key, host))
      if (after.size === 0) this.#keys.delete(host)
      else this.#keys.set(host, after)
    }
    return changed
  }

  of(key: ResourceKey): ReadonlySet<string> {
    return this.#hosts.get(key) ?? NONE
  }

  keysOf(host: string): ReadonlySet<ResourceKey> {
    return this.#keys.get(host) ?? NONE
  }

  #add(key: ResourceKey, host: string): ResourceKey {
    const hosts = this.#hosts.get(key) ?? new Set<string>()
    this.#hosts.set(key, hosts.add(host))
    return key
  }

  #release(key: ResourceKey, host: string): ResourceKey {
    const hosts = this.#hosts.get(key)
    hosts?.delete(host)
    if (hosts?.size === 0) this.#hosts.delete(key)
    return key
  }
}

const NONE: ReadonlySet<string> = new Set()
