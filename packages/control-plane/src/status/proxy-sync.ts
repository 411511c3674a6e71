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

/** Proxies that see one service. */
interface Tally {
  total: number
  /** Those that do not have what it is now, and why. */
  readonly behind: Map<string, string>
}

/**
 * Which proxies have what was made of the resources, by what they have confirmed. Of a proxy for which nothing is
 * different, that is with the same status and the same members, nothing is counted again.
 */
export class ProxySync {
  /** By id of the proxy. */
  #holders: ReadonlyMap<string, Holder> = new Map()
  readonly #holderOf = new WeakMap<ProxyStatus, Holder>()
  /** By host. */
  readonly #tallies = new Map<string, Tally>()

  /** Counts what is different; returns the hosts that it is different for. */
  update(proxies: readonly ProxyStatus[], membersOf: MembersOf): ReadonlySet<string> {
    const before = this.#holders
    const changed = new Set<string>()
    this.#holders = this.#holdersOf(proxies, membersOf)
    for (const [id, holder] of before) this.#leave(holder, this.#holders.get(id), changed)
    for (const [id, holder] of this.#holders) this.#enter(holder, before.get(id), changed)
    return changed
  }

  /** Of a resource that services with these hosts are made of. */
  of(hosts: ReadonlySet<string>): SyncStatus {
    const [only] = hosts
    if (hosts.size === 1 && only !== undefined) return statusOf(this.#tallies.get(only))
    const tally: Tally = { total: 0, behind: new Map() }
    for (const { proxy, members, hasUpTo, reason } of this.#holders.values()) {
      const versions = versionsIn(members, hosts)
      if (versions.length > 0) tally.total++
      if (versions.some((version) => version > hasUpTo)) tally.behind.set(proxy, reason)
    }
    return statusOf(tally)
  }

  #holdersOf(proxies: readonly ProxyStatus[], membersOf: MembersOf): ReadonlyMap<string, Holder> {
    const holders = new Map<string, Holder>()
    for (const status of proxies) {
      const holder = this.#toHolder(status, membersOf(status.node))
      const known = holders.get(holder.proxy)
      // A proxy with several streams has what all of them have brought.
      if (known === undefined || holder.hasUpTo < known.hasUpTo) holders.set(holder.proxy, holder)
    }
    return holders
  }

  #toHolder(status: ProxyStatus, members: Holder['members']): Holder {
    const known = this.#holderOf.get(status)
    if (known?.members === members) return known
    const holder = { proxy: status.node.id, members, ...progressOf(status) }
    this.#holderOf.set(status, holder)
    return holder
  }

  /** Takes a proxy away from the services that it does not see any more. */
  #leave({ proxy, members }: Holder, next: Holder | undefined, changed: Set<string>): void {
    if (next?.members === members) return
    for (const host of members.keys()) {
      const tally = this.#tallies.get(host)
      if (tally === undefined || next?.members.has(host)) continue
      changed.add(host)
      tally.behind.delete(proxy)
      if (--tally.total === 0) this.#tallies.delete(host)
    }
  }

  #enter(holder: Holder, before: Holder | undefined, changed: Set<string>): void {
    if (holder === before) return
    const { proxy, members, hasUpTo, reason } = holder
    members.forEach((version, host) => {
      const tally = this.#tallyOf(host)
      const isNew = !before?.members.has(host)
      const why = version > hasUpTo ? reason : undefined
      if (!isNew && tally.behind.get(proxy) === why) return
      changed.add(host)
      if (isNew) tally.total++
      if (why === undefined) tally.behind.delete(proxy)
      else tally.behind.set(proxy, why)
    })
  }

  #tallyOf(host: string): Tally {
    const known = this.#tallies.get(host)
    if (known !== undefined) return known
    const tally: Tally = { total: 0, behind: new Map() }
    this.#tallies.set(host, tally)
    return tally
  }
}

const NOBODY: SyncStatus = { synced: 0, total: 0, notSynced: [] }

function statusOf(tally: Tally | undefined): SyncStatus {
  if (tally === undefined) return NOBODY
  const { total, behind } = tally
  const notSynced: { readonly proxy: string; readonly reason: string }[] = []
  for (const [proxy, reason] of behind) {
    if (notSynced.length === MAX_NAMED) break
    notSynced.push({ proxy, reason })
  }
  return { synced: total - behind.size, total, notSynced }
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

/** Of those members that are among the hosts; looks at the smaller of the two. */
function versionsIn(members: ReadonlyMap<string, number>, hosts: ReadonlySet<string>): readonly number[] {
  if (members.size < hosts.size) return [...members].flatMap(([host, version]) => (hosts.has(host) ? [version] : []))
  return [...hosts].flatMap((host) => members.get(host) ?? [])
}
