import type {
  ApplicationProtocol,
  DestinationRule,
  DubboAuthorizationPolicy,
  Locality,
  MetaAuthorizationPolicy,
  MetaRouter,
  ProblemCode,
  Resource,
  ResourceKey,
  ResourcePath,
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
  /** Hosts whose service is another object than in the World before, or no longer there. */
  readonly changedHosts: ReadonlySet<string>
  /** By name of the protocol. */
  readonly protocols: ReadonlyMap<string, ProtocolView>
  /** What shows only beside the other resources. */
  readonly notes: readonly StatusNote[]
}

/** One service with all that concerns it. */
export interface ServiceView {
  /** Fully qualified: `hosts[0]` of a ServiceEntry, `<name>.<namespace>.svc.<domain>` of a Service. */
  readonly host: string
  readonly namespace: string
  readonly origin: ServiceEntry | Service
  /** Own IP addresses (VIPs); empty: none. */
  readonly addresses: readonly string[]
  /** Namespaces that may use it; `*`: all. */
  readonly exportTo: readonly string[]
  /** `static`: endpoints have addresses; `dns`: they have names; `none`: connections go where the client meant. */
  readonly resolution: 'static' | 'dns' | 'none'
  /** Without those that cannot be served: of an unknown protocol, or not TCP. */
  readonly ports: readonly ServicePort[]
  readonly endpoints: readonly WorkloadEndpoint[]
  /** Requests of many clients share connections to a workload. */
  readonly multiplexing: boolean
  /** Proxies tell workloads who calls them: another proxy in front of these reads it, and takes it away. */
  readonly tellsPeers: boolean
  /** Of the MetaRouters for this host the one in force: the oldest, then the first by name. */
  readonly router: MetaRouter | undefined
  readonly destinationRule: DestinationRule | undefined
  /** Who may send what to it, in the order of their keys. */
  readonly policies: readonly AuthorizationPolicy[]
  /** Keys of all resources that it is made of. */
  readonly madeOf: ReadonlySet<ResourceKey>
  /** Hosts that its router sends requests, or copies of them, to, or has proxies ask. */
  readonly sendsTo: ReadonlySet<string>
  /** By host: those in force for the other services that the router sends to. */
  readonly otherRules: ReadonlyMap<string, DestinationRule>
}

export type AuthorizationPolicy = MetaAuthorizationPolicy | DubboAuthorizationPolicy

export interface ServicePort {
  readonly name: string
  readonly number: number
  /** By name of the port: `tcp-metaprotocol-<protocol>[-suffix]`; undefined: plain TCP. */
  readonly protocol: ProtocolView | undefined
}

export interface WorkloadEndpoint {
  /** IP address, or a name where the service resolves by DNS. */
  readonly address: string
  /** Number of the service's port → port of the workload. A port that is not here is not served by this workload. */
  readonly ports: ReadonlyMap<number, number>
  readonly labels: Readonly<Record<string, string>>
  /** At least 1. */
  readonly weight: number
  readonly healthy: boolean
  /** Where it runs; default: not known. */
  readonly locality?: Locality
}

export interface ProtocolView {
  readonly name: string
  /** Registered name of the codec. */
  readonly codec: string
  readonly origin: ApplicationProtocol | undefined
  /** The module that brings the codec, as far as it could be fetched. */
  readonly module: CodecModule | undefined
  /** False: the codec comes with a module that is not there yet, so nothing can listen for the protocol. */
  readonly isReady: boolean
}

export interface CodecModule {
  /** SHA-256 in hex. */
  readonly digest: string
  readonly source: Uint8Array
}

/** Something to be said of a resource, beyond what is wrong with it alone. */
export interface StatusNote {
  readonly key: ResourceKey
  /** `error`: the resource, or a part of it, is not in force. */
  readonly severity: 'error' | 'warning'
  readonly code: ProblemCode
  /** Place inside the resource; empty: all of it. */
  readonly path: ResourcePath
  readonly message: string
  /** What to do about it. */
  readonly fix?: string
}
