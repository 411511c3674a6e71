import {
  type ApplicationProtocol,
  type DestinationRule,
  type EndpointSlice,
  keyOf,
  type MetaRouter,
  parseTrafficName,
  type RedisDestination,
  type RedisService,
  type Resource,
  type ResourceKey,
  type Service,
  type ServiceEntry,
  type WorkloadEntry,
} from '@meltemi/api'
import { HostIndex } from './host-index.ts'
import { completeHost, plainHost, serviceHost } from './host-name.ts'
import { LabelIndex, type Labels, SelectorIndex } from './label-index.ts'
import { ownValue } from './own-value.ts'
import { type NamedPolicy, PolicyIndex } from './policy-index.ts'
import { workloadLabels } from './service-endpoints.ts'
import type { AuthorizationPolicy } from './world.ts'

const SERVICE_NAME = 'kubernetes.io/service-name'

/** Everything that is about one host, that in force first. */
export interface HostResources {
  readonly origins: readonly (ServiceEntry | Service)[]
  readonly routers: readonly MetaRouter[]
  readonly rules: readonly DestinationRule[]
  readonly slices: readonly EndpointSlice[]
  /** Those that name the host, of whichever namespace. */
  readonly naming: readonly NamedPolicy[]
}

/** Finds what belongs together, and says for which hosts a resource matters. */
export class WorldIndex {
  readonly #domain: string
  readonly #origins = new HostIndex<ServiceEntry | Service>()
  readonly #routers = new HostIndex<MetaRouter>()
  readonly #rules = new HostIndex<DestinationRule>()
  readonly #slices = new HostIndex<EndpointSlice>()
  readonly #policies: PolicyIndex
  readonly #workloads = new LabelIndex<WorkloadEntry>()
  /** Hosts by what their services select. */
  readonly #selectors = new SelectorIndex<string>()
  /** Host → routers that send to it, with the hosts that they are for. */
  readonly #senders = new Map<string, Map<ResourceKey, string>>()
  readonly #protocols = new Map<ResourceKey, ApplicationProtocol>()

  constructor(domain: string) {
    this.#domain = domain
    this.#policies = new PolicyIndex(domain)
  }

  get protocols(): readonly ApplicationProtocol[] {
    return [...this.#protocols.values()]
  }

  of(host: string): HostResources {
    return {
      origins: this.#origins.of(host),
      routers: this.#routers.of(host),
      rules: this.#rules.of(host),
      slices: this.#slices.of(host),
      naming: this.#policies.naming(host),
    }
  }

  /** Who may send what to a service, in the order of their keys. */
  policiesFor(host: string, origin: ServiceEntry | Service): readonly AuthorizationPolicy[] {
    return this.#policies.of(host, origin.metadata.namespace)
  }

  /** In the order of their keys. */
  selectedBy(origin: ServiceEntry | Service): readonly WorkloadEntry[] {
    return this.#workloads.select(origin.metadata.namespace, selectorOf(origin))
  }

  ruleOf(host: string): DestinationRule | undefined {
    return this.#rules.of(host)[0]
  }

  /** Returns the hosts whose services may be different now. */
  add(resource: Resource): readonly string[] {
    const key = keyOf(resource)
    switch (resource.kind) {
      case 'ApplicationProtocol':
        this.#protocols.set(key, resource)
        return []
      // no view shows them: what stands in the place of Aeraki looks for them by itself
      case 'RedisService':
      case 'RedisDestination':
        return []
      case 'MetaRouter':
        for (const to of destinationHosts(resource)) this.#addSender(to, key, routerHost(resource))
        this.#routers.set(routerHost(resource), resource)
        break
      case 'DestinationRule':
        this.#rules.set(this.#ruleHost(resource), resource)
        break
      case 'ServiceEntry':
      case 'Service':
        this.#origins.set(this.#originHost(resource), resource)
        this.#selectors.set(key, resource.metadata.namespace, selectorOf(resource), this.#originHost(resource))
        this.#policies.setOrigin(resource, this.#originHost(resource))
        break
      case 'WorkloadEntry':
        this.#workloads.set(key, resource.metadata.namespace, workloadLabels(resource), resource)
        break
      case 'EndpointSlice':
        this.#slices.set(this.#sliceHost(resource), resource)
        break
      case 'MetaAuthorizationPolicy':
      case 'DubboAuthorizationPolicy':
        this.#policies.set(resource)
        break
      default:
        resource satisfies never
    }
    return this.#concerned(resource)
  }

  /** Takes a resource away that was added. Returns the hosts whose services may be different now. */
  delete(resource: Resource): readonly string[] {
    const key = keyOf(resource)
    switch (resource.kind) {
      case 'ApplicationProtocol':
        this.#protocols.delete(key)
        return []
      case 'RedisService':
      case 'RedisDestination':
        return []
      case 'MetaRouter':
        for (const to of destinationHosts(resource)) this.#deleteSender(to, key)
        this.#routers.delete(routerHost(resource), key)
        break
      case 'DestinationRule':
        this.#rules.delete(this.#ruleHost(resource), key)
        break
      case 'ServiceEntry':
      case 'Service':
        this.#origins.delete(this.#originHost(resource), key)
        this.#selectors.delete(key, resource.metadata.namespace, selectorOf(resource))
        this.#policies.deleteOrigin(resource)
        break
      case 'WorkloadEntry':
        this.#workloads.delete(key, resource.metadata.namespace, workloadLabels(resource))
        break
      case 'EndpointSlice':
        this.#slices.delete(this.#sliceHost(resource), key)
        break
      case 'MetaAuthorizationPolicy':
      case 'DubboAuthorizationPolicy':
        this.#policies.delete(resource)
        break
      default:
        resource satisfies never
    }
    return this.#concerned(resource)
  }

  #concerned(resource: Exclude<Resource, ApplicationProtocol | RedisService | RedisDestination>): readonly string[] {
    switch (resource.kind) {
      case 'MetaRouter':
        return [routerHost(resource)]
      case 'DestinationRule': {
        const host = this.#ruleHost(resource)
        return [host, ...(this.#senders.get(host)?.values() ?? [])]
      }
      case 'ServiceEntry':
      case 'Service':
        return [this.#originHost(resource)]
      case 'WorkloadEntry':
        return this.#selectors.selecting(resource.metadata.namespace, workloadLabels(resource))
      case 'EndpointSlice':
        return [this.#sliceHost(resource)]
      case 'MetaAuthorizationPolicy':
      case 'DubboAuthorizationPolicy':
        return this.#policies.concerned(resource)
      default:
        return resource satisfies never
    }
  }

  #addSender(to: string, router: ResourceKey, host: string): void {
    const senders = this.#senders.get(to) ?? new Map<ResourceKey, string>()
    senders.set(router, host)
    this.#senders.set(to, senders)
  }

  #deleteSender(to: string, router: ResourceKey): void {
    const senders = this.#senders.get(to)
    senders?.delete(router)
    if (senders?.size === 0) this.#senders.delete(to)
  }

  #originHost(origin: ServiceEntry | Service): string {
    if (origin.kind === 'ServiceEntry') return plainHost(origin.spec.hosts[0] ?? '')
    return serviceHost(origin.metadata.name, origin.metadata.namespace, this.#domain)
  }

  #ruleHost({ spec, metadata }: DestinationRule): string {
    return completeHost(spec.host, metadata.namespace, this.#domain)
  }

  /** A slice that names no service is one of a service that nobody has. */
  #sliceHost({ metadata }: EndpointSlice): string {
    return serviceHost(ownValue(metadata.labels, SERVICE_NAME) ?? '', metadata.namespace, this.#domain)
  }
}

/** Hosts that a router sends requests, or copies of them, to, or has proxies ask. */
export function destinationHosts({ spec }: MetaRouter): ReadonlySet<string> {
  const destinations = (spec.routes ?? []).flatMap(({ route = [], mirror }) => [
    ...route.map(({ destination }) => destination),
    ...(mirror === undefined ? [] : [mirror]),
  ])
  const asked = spec.globalRateLimit === undefined ? undefined : parseTrafficName(spec.globalRateLimit.rateLimitService)
  const hosts = [...destinations, ...(asked === undefined ? [] : [asked])].map(({ host }) => plainHost(host))
  return new Set(hosts.filter((host) => host !== ''))
}

function routerHost({ spec }: MetaRouter): string {
  return plainHost(spec.hosts[0] ?? '')
}

function selectorOf(origin: ServiceEntry | Service): Labels {
  return (origin.kind === 'ServiceEntry' ? origin.spec.workloadSelector?.labels : origin.spec.selector) ?? {}
}
