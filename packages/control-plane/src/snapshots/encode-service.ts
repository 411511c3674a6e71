import { createHash } from 'node:crypto'
import type { ListenerConfig } from '@meltemi/api'
import { encodeCluster, encodeCodecModule, encodeEndpoints, encodeListener, encodeRoutes } from '@meltemi/api/encode'
import type { ResourceType } from '@meltemi/api/xds'
import type { CodecModule, ProtocolView, ServiceView } from '../store/world.ts'
import type { ServiceConfig } from '../translate/translate-service.ts'
import type { XdsResource } from '../xds/xds-resource.ts'

/** What proxies need for one service, as it goes to them. */
export interface ServiceResources {
  readonly listeners: readonly ListenerResource[]
  /** All but listeners: what a proxy that sees the service always gets. */
  readonly routes: readonly XdsResource[]
  readonly clusters: readonly XdsResource[]
  readonly endpoints: readonly XdsResource[]
}

/** A listener can be had only while no other has its address. */
export interface ListenerResource {
  readonly address: string
  readonly port: number
  readonly resource: XdsResource
  /** The module that its codec comes with. */
  readonly module: XdsResource | undefined
}

export const NO_RESOURCES: ServiceResources = { listeners: [], routes: [], clusters: [], endpoints: [] }

/** In protobuf. What is the same as before is the same object, so that a delta is a comparison of references. */
export function encodeService(view: ServiceView, config: ServiceConfig, previous: ServiceResources): ServiceResources {
  const known = new Map(allOf(previous).map((resource) => [`${resource.type} ${resource.name}`, resource]))
  const resource = (type: ResourceType, name: string, value: Uint8Array): XdsResource => {
    const version = contentVersion(value)
    const same = known.get(`${type} ${name}`)
    return same?.version === version ? same : { type, name, version, value }
  }
  return {
    listeners: config.listeners.map((listener) => ({
      address: listener.address.host,
      port: listener.address.port,
      resource: resource('listener', listener.name, encodeListener(listener)),
      module: moduleOf(view, listener),
    })),
    routes: config.routes.map((table) => resource('route', table.name, encodeRoutes(table))),
    clusters: config.clusters.map((cluster) => resource('cluster', cluster.name, encodeCluster(cluster))),
    endpoints: config.endpoints.map((each) => resource('endpoint', each.cluster, encodeEndpoints(each))),
  }
}

function allOf({ listeners, routes, clusters, endpoints }: ServiceResources): readonly XdsResource[] {
  return [...listeners.map(({ resource }) => resource), ...routes, ...clusters, ...endpoints]
}

function moduleOf(view: ServiceView, { address }: ListenerConfig): XdsResource | undefined {
  const protocol = view.ports.find(({ number }) => number === address.port)?.protocol
  return protocol?.module === undefined ? undefined : moduleResource(protocol, protocol.module)
}

/** A module is some megabytes, and the same for all services of a protocol. */
const moduleResources = new WeakMap<CodecModule, XdsResource>()

function moduleResource({ codec }: ProtocolView, module: CodecModule): XdsResource {
  const known = moduleResources.get(module)
  if (known?.name === codec) return known
  const value = encodeCodecModule({ codec, ...module })
  const resource: XdsResource = { type: 'extensionConfig', name: codec, version: module.digest.slice(0, 16), value }
  moduleResources.set(module, resource)
  return resource
}

function contentVersion(value: Uint8Array): string {
  return createHash('sha256').update(value).digest('hex').slice(0, 16)
}
