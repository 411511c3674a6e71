import { isExported } from '../store/export-to.ts'
import type { ServiceView } from '../store/world.ts'
import type { NodeInfo } from '../xds/xds-resource.ts'

/** Which services a proxy sees. Proxies with the same key share everything. */
export interface Scope {
  readonly key: string
  readonly namespace: string
  /** undefined: all that are exported to the namespace. */
  readonly hosts: ReadonlySet<string> | undefined
}

const DEFAULT_NAMESPACE = 'default'
/** `sidecar~10.0.0.1~name.namespace~namespace.svc.cluster.local` */
const SIDECAR_ID = /^[^~]*~[^~]*~[^~]*\.([^~.]+)~[^~]*$/

/** Namespace by the id of the node or metadata NAMESPACE, narrowed to the hosts in metadata SCOPE where it has some. */
export function scopeOf({ id, metadata }: Pick<NodeInfo, 'id' | 'metadata'>): Scope {
  const namespace = SIDECAR_ID.exec(id)?.[1] ?? (textOf(metadata['NAMESPACE']) || DEFAULT_NAMESPACE)
  const written = metadata['SCOPE']
  const hosts = Array.isArray(written) ? new Set(written.map(textOf).filter((host) => host !== '')) : undefined
  const key = JSON.stringify([namespace, hosts === undefined ? null : [...hosts].sort()])
  return { key, namespace, hosts }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

export function isInScope({ namespace, hosts }: Scope, view: ServiceView): boolean {
  return (hosts === undefined || hosts.has(view.host)) && isExported(view.exportTo, namespace)
}
