import type {
  ApplicationProtocol,
  DestinationRule,
  DubboAuthorizationPolicy,
  EndpointSlice,
  MetaAuthorizationPolicy,
  MetaRouter,
  RedisDestination,
  RedisService,
  Service,
  ServiceEntry,
  WorkloadEntry,
} from '../gen/resources/types.ts'
import type { ResourceKey } from '../model/index.ts'

/** All that the control plane acts on. */
export type Resource =
  | ApplicationProtocol
  | MetaRouter
  | MetaAuthorizationPolicy
  | DubboAuthorizationPolicy
  | RedisService
  | RedisDestination
  | ServiceEntry
  | WorkloadEntry
  | DestinationRule
  | Service
  | EndpointSlice

export type ResourceKind = Resource['kind']

export function keyOf({ kind, metadata }: Pick<Resource, 'kind' | 'metadata'>): ResourceKey {
  return resourceKey(kind, metadata.namespace, metadata.name)
}

/** `namespace` is empty for cluster-scoped kinds. Versions of one kind share their keys. */
export function resourceKey(kind: ResourceKind, namespace: string, name: string): ResourceKey {
  return `${kind}/${namespace}/${name}`
}

/** How a resource is named in messages: `MetaRouter default/router`. */
export function describeResource({ kind, metadata }: Pick<Resource, 'kind' | 'metadata'>): string {
  const { namespace, name } = metadata
  return `${kind} ${namespace === '' ? name : `${namespace}/${name}`}`
}
