/** Resources as users write them: Kubernetes objects. What stands in `spec` is described by the CRDs in deploy/crds. */

export interface ObjectMeta {
  readonly name: string
  /** `default` unless said otherwise; empty for cluster-scoped kinds. */
  readonly namespace: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  /** Hash of what the resource says; changes with each change. Given in a request it must be the one in force. */
  readonly resourceVersion: string
  /** RFC 3339; empty: unknown. */
  readonly creationTimestamp: string
}

/** `Kind/namespace/name`, with an empty namespace for cluster-scoped kinds. */
export type ResourceKey = string & { readonly resourceKey?: never }
