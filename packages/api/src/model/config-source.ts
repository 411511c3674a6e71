/** A gRPC service that hands out configuration. */
export interface ApiConfigSource {
  /** Name of the cluster, from the bootstrap, that serves it. */
  readonly cluster: string
  /** Incremental (DELTA_GRPC) instead of state-of-the-world (GRPC). */
  readonly delta: boolean
}

/** Where a resource comes from, and how long what needs it waits for it before it goes on without; default 15,000; 0: for ever. */
export type ConfigSource =
  | { readonly kind: 'ads'; readonly initialFetchTimeoutMs: number }
  | { readonly kind: 'grpc'; readonly api: ApiConfigSource; readonly initialFetchTimeoutMs: number }

/** `dynamic_resources` of a bootstrap. */
export interface DynamicConfig {
  readonly ads: ApiConfigSource | undefined
  readonly listeners: ConfigSource | undefined
  readonly clusters: ConfigSource | undefined
  /** Of listeners that may come, by name: how many connections each may have. */
  readonly connectionLimits?: ReadonlyMap<string, number>
}

/** One string per source, so that equal sources share their subscriptions. */
export function sourceKey(source: ConfigSource): string {
  return source.kind === 'ads' ? 'ads' : `${source.api.delta ? 'delta' : 'grpc'}:${source.api.cluster}`
}
