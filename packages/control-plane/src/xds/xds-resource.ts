import type { ResourceType } from '@meltemi/api/xds'

/** One resource as it goes to proxies. Frozen and shared: a delta is a comparison of references, then of versions. */
export interface XdsResource {
  readonly type: ResourceType
  readonly name: string
  /** Hash of the content. */
  readonly version: string
  /** The message, in protobuf. */
  readonly value: Uint8Array
}

/** What one node may see, by type and name; replaced whole with each change. Nodes that see the same share one. */
export interface Snapshot {
  /** Grows with each snapshot of the process; never goes back, also not across restarts: begins at the milliseconds of the start. */
  readonly version: string
  readonly resources: Readonly<Record<ResourceType, ReadonlyMap<string, XdsResource>>>
}

/** What a proxy says of itself. */
export interface NodeInfo {
  readonly id: string
  readonly cluster: string
  readonly metadata: Readonly<Record<string, unknown>>
  /** `meltemi`, `envoy`, `gRPC Node Pure JS` … */
  readonly userAgent: string
}

/** What one proxy has of one type. */
export interface TypeStatus {
  readonly type: ResourceType
  readonly state: 'synced' | 'stale' | 'rejected' | 'not sent'
  readonly sentVersion: string
  readonly ackedVersion: string
  /** Why it rejected the last version. */
  readonly error: string
}

/** A connected proxy, for `proxy-status` and for the status of resources. */
export interface ProxyStatus {
  readonly node: NodeInfo
  readonly connectedAt: string
  /** Of the snapshot that `types` are about, which may not be the newest yet; empty: none. */
  readonly snapshotVersion: string
  readonly types: readonly TypeStatus[]
}
