import type { ResourceType } from '@meltemi/api/xds'
import type { Gauge, MetricRegistry } from '@meltemi/runtime'
import { copyMap } from '../store/copy-map.ts'
import { isExported } from '../store/export-to.ts'
import type { ServiceView, StatusNote, World } from '../store/world.ts'
import type { NodeInfo, Snapshot } from '../xds/xds-resource.ts'
import { AddressBook } from './address-book.ts'
import { buildSnapshot, type ScopeContent, tryTarget } from './build-snapshot.ts'
import type { ServiceResources } from './encode-service.ts'
import { patchSnapshot } from './patch-snapshot.ts'
import { type Scope, scopeOf } from './scope.ts'
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
  content: ScopeContent
  snapshot: Snapshot
  /** Host → version of the first snapshot with what the service is now. */
  members: ReadonlyMap<string, number>
  /** Hosts that have changed since the snapshot was made. */
  readonly changed: Set<string>
  /** Revision of the World at which somebody last asked. */
  lastUsed: number
  isForgotten: boolean
}

/** The World as each proxy may see it: made when a proxy asks, shared by all with the same scope, kept until it changes. */
export class Snapshots {
  readonly #translator: ServiceTranslator
  readonly #addresses = new AddressBook()
  /** By host, what translation had to say. */
  readonly #notes = new Map<string, readonly StatusNote[]>()
  /** By key. */
  readonly #scopes = new Map<string, ScopeState>()
  readonly #stateOfNode = new WeakMap<NodeInfo, ScopeState>()
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
      if (world.revision - state.lastUsed > KEPT_REVISIONS) this.#forget(state)
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
    const known = this.#stateOfNode.get(node)
    const state = known === undefined || known.isForgotten ? this.#findState(node, world) : known
    if (state.changed.size > 0) this.#renew(state, world)
    state.lastUsed = world.revision
    return state
  }

  #findState(node: NodeInfo, world: World): ScopeState {
    const scope = scopeOf(node)
    const state = this.#scopes.get(scope.key) ?? this.#newState(scope, world)
    this.#stateOfNode.set(node, state)
    return state
  }

  #newState(scope: Scope, world: World): ScopeState {
    if (this.#scopes.size >= MAX_SCOPES) this.#forgetOldest()
    const content = this.#build(scope, world)
    const version = ++this.#version
    const state = {
      scope,
      content,
      snapshot: { version: String(version), resources: content.resources },
      members: new Map([...content.members.keys()].map((host) => [host, version])),
      changed: new Set<string>(),
      lastUsed: world.revision,
      isForgotten: false,
    }
    this.#scopes.set(scope.key, state)
    return state
  }

  #renew(state: ScopeState, world: World): void {
    const { scope, changed } = state
    const viewOf = (host: string) => tryTarget(host, world, scope)
    const patched = patchSnapshot(state.content, changed, viewOf, this.#resourcesOf)
    if (patched === undefined) this.#rebuild(state, world)
    else this.#patch(state, patched)
    changed.clear()
  }

  #rebuild(state: ScopeState, world: World): void {
    const { changed, members } = state
    const content = this.#build(state.scope, world)
    const version = this.#take(state, { ...content, resources: keepSame(state.content.resources, content.resources) })
    const since = (host: string) => (changed.has(host) ? version : (members.get(host) ?? version))
    state.members = new Map([...content.members.keys()].map((host) => [host, since(host)]))
  }

  /** The members are those that they were. */
  #patch(state: ScopeState, content: ScopeContent): void {
    const version = this.#take(state, content)
    const members = copyMap(state.members)
    for (const host of state.changed) members.set(host, version)
    state.members = members
  }

  /** Returns the version of the snapshot with this content. */
  #take(state: ScopeState, content: ScopeContent): number {
    const { resources } = content
    if (resources !== state.snapshot.resources) state.snapshot = { version: String(++this.#version), resources }
    state.content = content
    return Number(state.snapshot.version)
  }

  #build(scope: Scope, world: World): ScopeContent {
    return buildSnapshot(world, scope, this.#resourcesOf)
  }

  readonly #resourcesOf = (view: ServiceView): ServiceResources => this.#translator.translate(view).resources

  #forgetOldest(): void {
    const [oldest] = [...this.#scopes.values()].sort((a, b) => a.lastUsed - b.lastUsed)
    if (oldest !== undefined) this.#forget(oldest)
  }

  #forget(state: ScopeState): void {
    state.isForgotten = true
    this.#scopes.delete(state.scope.key)
  }
}

function concerns({ scope, content }: ScopeState, world: World, host: string): boolean {
  const { members, missing } = content
  if (members.has(host)) return true
  if (scope.hosts?.has(host) === false && !missing.has(host)) return false
  const view = world.services.get(host)
  return view !== undefined && isExported(view.exportTo, scope.namespace)
}

/** Of each type the map from before, where the new one holds the same. */
function keepSame(before: Snapshot['resources'], after: Snapshot['resources']): Snapshot['resources'] {
  const isSame = (type: ResourceType) => areEqual(before[type], after[type])
  if (TYPES.every(isSame)) return before
  const keep = (type: ResourceType) => (isSame(type) ? before[type] : after[type])
  return {
    extensionConfig: keep('extensionConfig'),
    secret: keep('secret'),
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
