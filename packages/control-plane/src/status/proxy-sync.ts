import type { ResourceStatus } from '../admin/backend.ts'
import type { NodeInfo, ProxyStatus } from '../xds/xds-resource.ts'

export type SyncStatus = NonNullable<ResourceStatus['proxies']>

/** For each service that a proxy sees, by host: since which version of its snapshots it is as it is now. */
export type MembersOf = (node: NodeInfo) => ReadonlyMap<string, number>

const MAX_NAMED = 10

/** One connected proxy. */
interface Holder {
  readonly proxy: string
  readonly members: ReadonlyMap<string, number>
  /** Of its snapshots it surely has those up to this version. */
  readonly hasUpTo: number
  /** Why it has no more. */
  readonly reason: string
}

/** Which proxies have what was made of the resources: counted anew from what the proxies have confirmed. */
export class ProxySync {
  #holders: readonly Holder[] = []
  #byHost: ReadonlyMap<string, SyncStatus> = new Map()

  /** Counts anew; returns the hosts for which something is different. */
  update(proxies: readonly ProxyStatus[], membersOf: MembersOf): ReadonlySet<string> {
    this.#holders = holdersOf(proxies, membersOf)
    const before = this.#byHost
    const now = countByHost(this.#holders)
    this.#byHost = now
    const hosts = [...now.keys(), ...[...before.keys()].filter((host) => !now.has(host))]
    return new Set(hosts.filter((host) => !isSame(before.get(host), now.get(host))))
  }

  /** Of a resource that services with these hosts are made of. */
  of(hosts: ReadonlySet<string>): SyncStatus {
    const [only] = hosts
    if (hosts.size === 1 && only !== undefined) return this.#byHost.get(only) ?? NOBODY
    const concerned = this.#holders.filter(({ members }) => some(hosts, (host) => members.has(host)))
    return sum(concerned, ({ members, hasUpTo }) => some(hosts, (host) => (members.get(host) ?? 0) > hasUpTo))
  }
}

const NOBODY: SyncStatus = { synced: 0, total: 0, notSynced: [] }

function holdersOf(proxies: readonly ProxyStatus[], membersOf: MembersOf): readonly Holder[] {
  const holders = new Map<string, Holder>()
  for (const status of proxies) {
    const { node } = status
    const known = holders.get(node.id)
    const next = { proxy: node.id, members: membersOf(node), ...progressOf(status) }
    // A proxy with several streams has what all of them have brought.
    if (known === undefined || next.hasUpTo < known.hasUpTo) holders.set(node.id, next)
  }
  return [...holders.values()]
}

function progressOf({ types, snapshotVersion }: ProxyStatus): Pick<Holder, 'hasUpTo' | 'reason'> {
  const behind = types.filter(({ state }) => state !== 'synced')
  if (types.length === 0) return { hasUpTo: 0, reason: 'has asked for nothing yet' }
  const rejected = behind.find(({ state }) => state === 'rejected')
  return {
    hasUpTo: Math.min(...[snapshotVersion, ...behind.map(({ ackedVersion }) => ackedVersion)].map(Number)),
    reason: rejected === undefined ? 'has not confirmed it yet' : `rejected: ${rejected.error}`,
  }
}

function countByHost(holders: readonly Holder[]): ReadonlyMap<string, SyncStatus> {
  const counts = new Map<string, { synced: number; total: number; notSynced: { proxy: string; reason: string }[] }>()
  for (const { proxy, members, hasUpTo, reason } of holders) {
    for (const [host, version] of members) {
      const count = counts.get(host) ?? { synced: 0, total: 0, notSynced: [] }
      counts.set(host, count)
      count.total++
      if (version <= hasUpTo) count.synced++
      else if (count.notSynced.length < MAX_NAMED) count.notSynced.push({ proxy, reason })
    }
  }
  return counts
}

function sum(holders: readonly Holder[], isBehind: (holder: Holder) => boolean): SyncStatus {
  const behind = holders.filter(isBehind)
  const notSynced = behind.slice(0, MAX_NAMED).map(({ proxy, reason }) => ({ proxy, reason }))
  return { synced: holders.length - behind.length, total: holders.length, notSynced }
}

function isSame(a: SyncStatus | undefined, b: SyncStatus | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  if (a.synced !== b.synced || a.total !== b.total || a.notSynced.length !== b.notSynced.length) return false
  return a.notSynced.every(({ proxy, reason }, index) => {
    const other = b.notSynced[index]
    return proxy === other?.proxy && reason === other.reason
  })
}

function some(hosts: ReadonlySet<string>, test: (host: string) => boolean): boolean {
  for (const host of hosts) if (test(host)) return true
  return false
}
