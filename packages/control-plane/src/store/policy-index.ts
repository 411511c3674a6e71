import { keyOf, type ResourceKey, type Service, type ServiceEntry } from '@meltemi/api'
import { HostIndex } from './host-index.ts'
import { completeHost } from './host-name.ts'
import type { AuthorizationPolicy } from './world.ts'

/** A policy, and which of its `hosts` a service is. */
export interface NamedPolicy {
  readonly policy: AuthorizationPolicy
  readonly index: number
}

/** Finds the policies for a service: those of its own namespace that name it, or no service at all. */
export class PolicyIndex {
  readonly #domain: string
  readonly #named = new HostIndex<AuthorizationPolicy>()
  /** Namespace → policies for all its services. */
  readonly #general = new Map<string, Map<ResourceKey, AuthorizationPolicy>>()
  /** Namespace → origins of its services, with their hosts. */
  readonly #hosts = new Map<string, Map<ResourceKey, string>>()

  constructor(domain: string) {
    this.#domain = domain
  }

  set(policy: AuthorizationPolicy): void {
    const hosts = this.#hostsOf(policy)
    for (const host of hosts) this.#named.set(host, policy)
    if (hosts.length === 0) put(this.#general, policy.metadata.namespace, keyOf(policy), policy)
  }

  delete(policy: AuthorizationPolicy): void {
    for (const host of this.#hostsOf(policy)) this.#named.delete(host, keyOf(policy))
    take(this.#general, policy.metadata.namespace, keyOf(policy))
  }

  setOrigin(origin: ServiceEntry | Service, host: string): void {
    put(this.#hosts, origin.metadata.namespace, keyOf(origin), host)
  }

  deleteOrigin(origin: ServiceEntry | Service): void {
    take(this.#hosts, origin.metadata.namespace, keyOf(origin))
  }

  /** Hosts whose services may have other policies when this one comes or goes. */
  concerned(policy: AuthorizationPolicy): readonly string[] {
    const hosts = this.#hostsOf(policy)
    return hosts.length > 0 ? hosts : [...(this.#hosts.get(policy.metadata.namespace)?.values() ?? [])]
  }

  /** In the order of their keys. */
  of(host: string, namespace: string): readonly AuthorizationPolicy[] {
    const named = this.#named.of(host).filter(({ metadata }) => metadata.namespace === namespace)
    const all = [...named, ...(this.#general.get(namespace)?.values() ?? [])]
    return all.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
  }

  /** All that name a host, of whichever namespace. */
  naming(host: string): readonly NamedPolicy[] {
    return this.#named.of(host).map((policy) => ({ policy, index: this.#hostsOf(policy).indexOf(host) }))
  }

  #hostsOf({ spec, metadata }: AuthorizationPolicy): readonly string[] {
    return (spec.hosts ?? []).map((host) => completeHost(host, metadata.namespace, this.#domain))
  }
}

function put<T>(groups: Map<string, Map<ResourceKey, T>>, name: string, key: ResourceKey, value: T): void {
  const group = groups.get(name) ?? new Map<ResourceKey, T>()
  groups.set(name, group.set(key, value))
}

function take<T>(groups: Map<string, Map<ResourceKey, T>>, name: string, key: ResourceKey): void {
  const group = groups.get(name)
  group?.delete(key)
  if (group?.size === 0) groups.delete(name)
}
