import { type ClusterConfig, type ConfigSource, type ListenerConfig, sourceKey } from '@meltemi/api/model'
import { wantedSecrets } from '../config/secret-store.ts'
import type { WantedNames } from './held-resources.ts'

/** Who may need secrets: what came with the bootstrap, and what a control plane wants to be in force. */
interface Users {
  readonly clusters: readonly ClusterConfig[] | ReadonlyMap<string, ClusterConfig>
  readonly listeners: readonly ListenerConfig[] | ReadonlyMap<string, ListenerConfig>
}

interface Asked {
  readonly name: string
  readonly source: ConfigSource
}

/** Names to ask for, by source. */
export function secretNames(users: readonly Users[]): readonly WantedNames[] {
  const bySource = Map.groupBy(asked(users), ({ source }) => sourceKey(source))
  return [...bySource].map(([source, refs]) => ({
    type: 'secret' as const,
    source,
    names: [...new Set(refs.map(({ name }) => name))].toSorted(),
  }))
}

/** Where their sources lead, by key. */
export function secretSources(users: readonly Users[]): ReadonlyMap<string, ConfigSource> {
  return new Map(asked(users).map(({ source }) => [sourceKey(source), source]))
}

function asked(users: readonly Users[]): readonly Asked[] {
  return users.flatMap(({ clusters, listeners }) => {
    const refs = wantedSecrets({ clusters: [...clusters.values()], listeners: [...listeners.values()] })
    return refs.flatMap(({ name, source }) => (source.kind === 'path' ? [] : [{ name, source }]))
  })
}
