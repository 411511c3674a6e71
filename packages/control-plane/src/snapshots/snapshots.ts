import type { ResourceType } from '@meltemi/api/xds'
import type { Gauge, MetricRegistry } from '@meltemi/runtime'
import { isExported } from '../store/export-to.ts'
import type { StatusNote, World } from '../store/world.ts'
import type { NodeInfo, Snapshot } from '../xds/xds-resource.ts'
import { AddressBook } from './address-book.ts'
import { buildSnapshot } from './build-snapshot.ts'
import { isInScope, type Scope, scopeOf } from './scope.ts'
import type { ServiceTranslator } from './service-translator.ts'

const MAX_SCOPES = 4_096
/** Changes after which a scope that nobody asked for is forgotten. */
const KEPT_REVISIONS = 64
const TYPES: readonly ResourceType[] = ['extensionConfig', 'cluster', 'endpoint', 'listener', 'route']

export interface SnapshotsOptions {
  readonly translator: ServiceTranslator
  readonly metrics: MetricRegistry
  /** Versions of snapshots begin above it: the milliseconds of now, so that those of an earlier process are never met again. */
  readonly startVersion: number
}

/** What is known of one scope. */
interface ScopeState {
  readonly scope: Scope
  snapshot: Snapshot
  /** Host → version of the first snapshot with what the service is now. */
  members: Map<string, number>
  missing: ReadonlySet<string>
  /** Hosts that have changed since the snapshot was made. */
  readonly changed: Set<string>
  /** Revision of the World at which somebody last asked. */
  lastUsed: number
}

/** The World as each proxy may see it: made when a proxy asks, shared by all with the same scope, kept until it changes. */
export class Snapshots {
  readonly #translator: ServiceTranslator
  readonly #addresses = new AddressBook()
  /** By host, what translation had to say. */
  readonly #notes = new Map<string, readonly StatusNote[]>()
  /** By key, the one that was used last at the end. */
  readonly #scopes = new Map<string, ScopeState>()
  readonly #scopeOfNode = new WeakMap<NodeInfo, Scope>()
  readonly #scopeCount: Gauge
  #version: number
  #world: World | undefined

  constructor({ translator, metrics, startVersion }: SnapshotsOptions) {
    this.#translator = translator
    this.#version = startVersion
    this.#scopeCount = metrics.gauge('control_plane.scopes')
  }

  /** Takes over the next World. */
  update(world: World): void {
    this.#world = world
    for (const host of world.changedHosts) this.#translate(world, host)
    for (const state of this.#scopes.values()) {
      if (world.revision - state.lastUsed > KEPT_REVISIONS) this.#scopes.delete(state.scope.key)
      else for (const host of world.changedHosts) if (concerns(state, world, host)) state.changed.add(host)
    }
    this.#scopeCount.set(this.#scopes.size)
  }

  /** What shows only when services are translated, and beside each other. */
  notes(): readonly StatusNote[] {
    return [...[...this.#notes.values()].flat(), ...this.#addresses.notes()]
  }

  /** undefined before the first World. */
  for(node: NodeInfo): Snapshot | undefined {
    return this.#world === undefined ? undefined : this.#stateOf(node, this.#world).snapshot
  }

  /** For each service that a proxy sees, by host: the version of the first snapshot in which it was as it is now. */
  members(node: NodeInfo): ReadonlyMap<string, number> {
    return this.#world === undefined ? new Map() : this.#stateOf(node, this.#world).members
  }

  #translate(world: World, host: string): void {
    const view = world.services.get(host)
    const translated = view === undefined ? undefined : this.#translator.translate(view)
    if (translated === undefined) this.#translator.forget(host)
    this.#addresses.set(host, view, translated?.resources.listeners ?? [])
    if (translated === undefined || translated.notes.length === 0) this.#notes.delete(host)
    else this.#notes.set(host, translated.notes)
  }

  #stateOf(node: NodeInfo, world: World): ScopeState {
    const scope = this.#scopeOfNode.get(node) ?? scopeOf(node)
    this.#scopeOfNode.set(node, scope)
    const known = this.#scopes.get(scope.key)
    const state = known ?? this.#newState(scope, world)
    if (known !== undefined && known.changed.size > 0) this.#rebuild(known, world)
    state.lastUsed = world.revision
    this.#scopes.delete(scope.key)
    this.#scopes.set(scope.key, state)
    this.#forgetOldest()
    return state
  }

  #newState(scope: Scope, world: World): ScopeState {
    const { resources, members, missing } = this.#build(scope, world)
    const version = ++this.#version
    return {
      scope,
      snapshot: { version: String(version), resources },
      members: new Map([...members].map((host) => [host, version])),
      missing,
      changed: new Set(),
      lastUsed: world.revision,
    }
  }

  #rebuild(state: ScopeState, world: World): void {
    const { resources, members, missing } = this.#build(state.scope, world)
    const kept = keepSame(state.snapshot.resources, resources)
    if (kept !== state.snapshot.resources) state.snapshot = { version: String(++this.#version), resources: kept }
    const version = Number(state.snapshot.version)
    const since = (host: string) => (state.changed.has(host) ? version : (state.members.get(host) ?? version))
    state.members = new Map([...members].map((host) => [host, since(host)]))
    state.missing = missing
    state.changed.clear()
  }

  #build(scope: Scope, world: World) {
    return buildSnapshot(world, scope, (view) => this.#translator.translate(view).resources)
  }

  #forgetOldest(): void {
    if (this.#scopes.size <= MAX_SCOPES) return
    for (const key of this.#scopes.keys()) {
      this.#scopes.delete(key)
      return
    }
  }
}

function concerns({ scope, members, missing }: ScopeState, world: World, host: string): boolean {
  if (members.has(host)) return true
  const view = world.services.get(host)
  if (view === undefined) return false
  return isInScope(scope, view) || (missing.has(host) && isExported(view.exportTo, scope.namespace))
}

/** Of each type the map from before, where the new one holds the same. */
function keepSame(before: Snapshot['resources'], after: Snapshot['resources']): Snapshot['resources'] {
  const isSame = (type: ResourceType) => areEqual(before[type], after[type])
  if (TYPES.every(isSame)) return before
  const keep = (type: ResourceType) => (isSame(type) ? before[type] : after[type])
  return {
    extensionConfig: keep('extensionConfig'),
    cluster: keep('cluster'),
    endpoint: keep('endpoint'),
    listener: keep('listener'),
    route: keep('route'),
  }
}

function areEqual<T>(a: ReadonlyMap<string, T>, b: ReadonlyMap<string, T>): boolean {
  if (a.size !== b.size) return false
  for (const [name, value] of a) if (b.get(name) !== value) return false
  return true
}
