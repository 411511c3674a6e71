import type { ConfigChange, SocketAddress } from '@meltemi/api/model'
import type { LiveConfig } from './live-config.ts'

/** Why a change does not fit what is in force: one text per fault, none when it does. */
export function findChangeFaults(change: ConfigChange, live: LiveConfig): readonly string[] {
  return [
    ...findNameFaults(change),
    ...findStaticFaults(change, live),
    ...findEndpointFaults(change, live),
    ...findAddressFaults(change, live),
  ]
}

function findNameFaults(change: ConfigChange): readonly string[] {
  const named = [
    ['cluster', [...change.clusters.map(({ name }) => name), ...change.clustersRemoved]],
    ['listener', [...change.listeners.map(({ name }) => name), ...change.listenersRemoved]],
    ['endpoints of', change.endpoints.map(({ cluster }) => cluster)],
    ['routes', [...change.routes.map(({ key }) => key), ...change.routesRemoved]],
  ] as const
  return named.flatMap(([what, names]) => duplicates(names).map((name) => `${what} '${name}' come twice in one change`))
}

function duplicates(names: readonly string[]): readonly string[] {
  const seen = new Set<string>()
  return names.filter((name) => seen.size === seen.add(name).size)
}

function findStaticFaults(change: ConfigChange, live: LiveConfig): readonly string[] {
  const clusters = [...change.clusters.map(({ name }) => name), ...change.clustersRemoved]
  const listeners = [...change.listeners.map(({ name }) => name), ...change.listenersRemoved]
  return [
    ...clusters.filter((name) => live.clusters.get(name)?.isStatic).map((name) => `cluster '${name}'`),
    ...listeners.filter((name) => live.listeners.get(name)?.isStatic).map((name) => `listener '${name}'`),
  ].map((what) => `${what} came with the bootstrap and cannot be changed`)
}

function findEndpointFaults(change: ConfigChange, live: LiveConfig): readonly string[] {
  const changed = new Map(change.clusters.map((config) => [config.name, config]))
  const removed = new Set(change.clustersRemoved)
  return change.endpoints.flatMap(({ cluster }) => {
    const config = changed.get(cluster) ?? (removed.has(cluster) ? undefined : live.clusters.get(cluster)?.config)
    if (config === undefined) return [`endpoints of cluster '${cluster}', which is not there`]
    return config.discovery === 'eds' ? [] : [`endpoints of cluster '${cluster}', which has its own`]
  })
}

/** Of the listeners as they will be no two may have one address. */
function findAddressFaults(change: ConfigChange, live: LiveConfig): readonly string[] {
  if (change.listeners.length === 0) return []
  const gone = new Set([...change.listenersRemoved, ...change.listeners.map(({ name }) => name)])
  const owners = new Map<string, string>()
  for (const { config } of live.listeners.values()) {
    if (!gone.has(config.name)) owners.set(formatAddress(config.address), config.name)
  }
  return change.listeners.flatMap(({ name, address }) => {
    const text = formatAddress(address)
    const owner = owners.get(text)
    if (address.port === 0 || owner === undefined) {
      owners.set(text, name)
      return []
    }
    return [`listener '${name}' cannot have ${text}: listener '${owner}' has it`]
  })
}

function formatAddress({ host, port }: SocketAddress): string {
  return `${host}:${port}`
}
