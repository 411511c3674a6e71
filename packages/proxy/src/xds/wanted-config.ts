import {
  type ClusterConfig,
  type ConfigSource,
  type EndpointConfig,
  type ListenerConfig,
  type RdsConfig,
  type RouteTableConfig,
  sourceKey,
} from '@meltemi/api/model'
import type { ResourceType } from '@meltemi/api/xds'
import { type HeldResource, HeldResources, type WantedNames } from './held-resources.ts'

/** What comes with the bootstrap and waits for something that does not. */
export interface FixedConfig {
  /** Of type EDS. */
  readonly clusters: readonly ClusterConfig[]
  /** With rds. */
  readonly listeners: readonly ListenerConfig[]
}

/** What the control plane and the bootstrap want to be in force, and what is there for it. */
export interface WantedConfig {
  readonly clusters: ReadonlyMap<string, ClusterConfig>
  readonly listeners: ReadonlyMap<string, ListenerConfig>
  /** By `endpointsKey`. */
  readonly endpoints: ReadonlyMap<string, readonly EndpointConfig[]>
  /** By `rdsKey`. */
  readonly routes: ReadonlyMap<string, RouteTableConfig>
}

export function endpointsKey({ serviceName, source }: NonNullable<ClusterConfig['eds']>): string {
  return `${sourceKey(source)}/${serviceName}`
}

export function rdsOf({ filter }: ListenerConfig): RdsConfig | undefined {
  return filter.kind === 'meta-protocol' ? filter.rds : undefined
}

/** SHA-256 of the module that must bring the listener's codec. */
export function digestOf({ filter }: ListenerConfig): string | undefined {
  return filter.kind === 'meta-protocol' ? filter.codec.moduleDigest : undefined
}

export function codecOf({ filter }: ListenerConfig): string {
  return filter.kind === 'meta-protocol' ? filter.codec.name : ''
}

/** Makes of what is held what is wanted; parts that are the same as before are the same objects. */
export class WantedConfigs {
  readonly #fixed: FixedConfig
  #held: HeldResources
  #wanted: WantedConfig

  constructor(fixed: FixedConfig) {
    this.#fixed = fixed
    this.#held = new HeldResources()
    this.#wanted = {
      clusters: new Map(fixed.clusters.map(byName)),
      listeners: new Map(fixed.listeners.map(byName)),
      endpoints: new Map(),
      routes: new Map(),
    }
  }

  of(held: HeldResources): WantedConfig {
    const { clusters, listeners } = this.#fixed
    const named = <T extends 'cluster' | 'listener'>(type: T) => valuesOf(held, type, (_, name) => name)
    const isSame = (type: ResourceType) => held.isSame(type, this.#held)
    this.#wanted = {
      clusters: isSame('cluster') ? this.#wanted.clusters : new Map([...clusters.map(byName), ...named('cluster')]),
      listeners: isSame('listener')
        ? this.#wanted.listeners
        : new Map([...listeners.map(byName), ...named('listener')]),
      endpoints: isSame('endpoint') ? this.#wanted.endpoints : new Map(valuesOf(held, 'endpoint', keyIn)),
      routes: isSame('route') ? this.#wanted.routes : new Map(valuesOf(held, 'route', keyIn)),
    }
    this.#held = held
    return this.#wanted
  }
}

/** Names to ask for. `modules`: the source of codec modules. */
export function wantedNames(wanted: WantedConfig, modules: string): readonly WantedNames[] {
  const names = new Map<string, { type: ResourceType; source: string; names: Set<string> }>()
  const add = (type: ResourceType, source: string, name: string): void => {
    const key = `${type}/${source}`
    const entry = names.get(key) ?? { type, source, names: new Set() }
    names.set(key, entry)
    entry.names.add(name)
  }
  for (const { eds } of wanted.clusters.values()) {
    if (eds !== undefined) add('endpoint', sourceKey(eds.source), eds.serviceName)
  }
  for (const listener of wanted.listeners.values()) {
    const rds = rdsOf(listener)
    if (rds !== undefined) add('route', sourceKey(rds.source), rds.routeConfigName)
    if (digestOf(listener) !== undefined) add('extensionConfig', modules, codecOf(listener))
  }
  return [...names.values()].map((entry) => ({ ...entry, names: [...entry.names].toSorted() }))
}

/** Where the sources of a configuration lead, by key. */
export function sourcesOf(wanted: WantedConfig): ReadonlyMap<string, ConfigSource> {
  const sources = [
    ...[...wanted.clusters.values()].flatMap(({ eds }) => eds?.source ?? []),
    ...[...wanted.listeners.values()].flatMap((listener) => rdsOf(listener)?.source ?? []),
  ]
  return new Map(sources.map((source) => [sourceKey(source), source]))
}

function byName<T extends { readonly name: string }>(config: T): readonly [string, T] {
  return [config.name, config]
}

function valuesOf<T extends ResourceType>(
  held: HeldResources,
  type: T,
  keyOf: (source: string, name: string) => string,
): readonly (readonly [string, HeldResource<T>['value']])[] {
  return [...held.all(type)].flatMap(([source, { resources }]) =>
    [...resources].map(([name, { value }]) => [keyOf(source, name), value] as const),
  )
}

function keyIn(source: string, name: string): string {
  return `${source}/${name}`
}
