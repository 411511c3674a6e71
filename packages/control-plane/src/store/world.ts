import type {
  ApplicationProtocol,
  DestinationRule,
  MetaRouter,
  Resource,
  ResourceKey,
  Service,
  ServiceEntry,
} from '@meltemi/api'

/**
 * The immutable state that everything is translated from: the resources that were accepted, and one view per service.
 * A change makes a new World, in which a service that nothing has changed for is the same object as before: so what was
 * made of it can be kept by its identity.
 */
export interface World {
  /** Grows by one with every change. */
  readonly revision: number
  readonly resources: ReadonlyMap<ResourceKey, Resource>
  /** By host. */
  readonly services: ReadonlyMap<string, ServiceView>
  /** By name of the protocol. */
  readonly protocols: ReadonlyMap<string, ProtocolView>
}

/** One service with all that concerns it. */
export interface ServiceView {
  /** Fully qualified: `hosts[0]` of a ServiceEntry, `<name>.<namespace>.svc.<domain>` of a Service. */
  readonly host: string
  readonly namespace: string
  readonly origin: ServiceEntry | Service
  /** Own addresses (VIPs); empty: none. */
  readonly addresses: readonly string[]
  /** Namespaces that may use it; `*`: all. */
  readonly exportTo: readonly string[]
  /** `static`: endpoints have addresses; `dns`: they have names; `none`: connections go where the client meant. */
  readonly resolution: 'static' | 'dns' | 'none'
  readonly ports: readonly ServicePort[]
  readonly endpoints: readonly WorkloadEndpoint[]
  /** Of the MetaRouters for this host the one in force: the oldest, then the first by name. */
  readonly router: MetaRouter | undefined
  readonly destinationRule: DestinationRule | undefined
}

export interface ServicePort {
  readonly name: string
  readonly number: number
  /** By name of the port: `tcp-metaprotocol-<protocol>[-suffix]`; undefined: plain TCP. */
  readonly protocol: ProtocolView | undefined
}

export interface WorkloadEndpoint {
  /** IP address, or a name where the service resolves by DNS. */
  readonly address: string
  /** Number of the service's port → port of the workload. */
  readonly ports: ReadonlyMap<number, number>
  readonly labels: Readonly<Record<string, string>>
  /** At least 1. */
  readonly weight: number
  readonly healthy: boolean
}

export interface ProtocolView {
  readonly name: string
  /** Registered name of the codec. */
  readonly codec: string
  readonly origin: ApplicationProtocol | undefined
  /** The module that brings the codec, as far as it could be fetched. */
  readonly module: CodecModule | undefined
}

export interface CodecModule {
  /** SHA-256 in hex. */
  readonly digest: string
  readonly source: Uint8Array
}
