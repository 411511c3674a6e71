import type { ProxyStatus } from './backend.ts'

type TypeStatus = ProxyStatus['types'][number]

/** A proxy with all its streams as one: Envoy and others open one for each thing that they ask for. */
export interface ProxyReport extends ProxyStatus {
  readonly streams: number
}

/** Of what two streams have the one that is worse off counts. */
const BADNESS: Readonly<Record<TypeStatus['state'], number>> = { 'not sent': 0, synced: 1, stale: 2, rejected: 3 }

/** One for each node, in the order in which they came. */
export function mergeStreams(proxies: readonly ProxyStatus[]): readonly ProxyReport[] {
  const merged = new Map<string, ProxyReport>()
  for (const proxy of proxies) {
    const before = merged.get(proxy.node.id)
    merged.set(proxy.node.id, before === undefined ? { ...proxy, streams: 1 } : joined(before, proxy))
  }
  return [...merged.values()]
}

function joined(before: ProxyReport, proxy: ProxyStatus): ProxyReport {
  const types = new Map(before.types.map((each) => [each.type, each]))
  for (const each of proxy.types) {
    const other = types.get(each.type)
    if (other === undefined || BADNESS[each.state] > BADNESS[other.state]) types.set(each.type, each)
  }
  const [connectedAt = ''] = [before.connectedAt, proxy.connectedAt].sort()
  const isOlder = Number(before.snapshotVersion) < Number(proxy.snapshotVersion)
  const { snapshotVersion } = isOlder ? before : proxy
  return { node: before.node, connectedAt, snapshotVersion, types: [...types.values()], streams: before.streams + 1 }
}
