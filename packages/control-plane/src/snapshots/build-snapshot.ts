import type { ResourceType } from '@meltemi/api/xds'
import { isExported } from '../store/export-to.ts'
import { compareAge } from '../store/precedence.ts'
import type { ServiceView, World } from '../store/world.ts'
import type { Snapshot, XdsResource } from '../xds/xds-resource.ts'
import type { ListenerResource, ServiceResources } from './encode-service.ts'
import { isInScope, type Scope } from './scope.ts'
import { visibleView } from './visible-view.ts'

/** What the proxies of one scope need, and of which services it is made. */
export interface ScopeContent {
  readonly resources: Snapshot['resources']
  /** By host. */
  readonly members: ReadonlyMap<string, Member>
  /** Hosts that routes send to without their being in it: they may come. */
  readonly missing: ReadonlySet<string>
}

/** A service as proxies of the scope see it. */
export interface Member {
  readonly view: ServiceView
  readonly resources: ServiceResources
  /** It is not in the scope: routes of others lead to it, so it has clusters and endpoints there and nothing else. */
  readonly isTarget: boolean
}

type Contents = Readonly<Record<ResourceType, Map<string, XdsResource>>>

/**
 * Everything of the services in the scope; of others that their routes send to what these need: clusters with their
 * endpoints. Of listeners that want the same address the one of the oldest service is there.
 */
export function buildSnapshot(
  world: World,
  scope: Scope,
  resourcesOf: (view: ServiceView) => ServiceResources,
): ScopeContent {
  const contents = emptyContents()
  const listeners = new Map<string, Claim>()
  const services = servicesIn(world, scope).map((view) => scopedView(view, scope))
  const members = new Map<string, Member>()
  for (const view of services) {
    const resources = resourcesOf(view)
    members.set(view.host, { view, resources, isTarget: false })
    addAll(contents.route, resources.routes)
    addTargets(contents, resources)
    for (const listener of resources.listeners) claim(listeners, { view, listener })
  }
  const missing = new Set<string>()
  for (const host of new Set(services.flatMap(({ sendsTo }) => [...sendsTo]))) {
    if (members.has(host)) continue
    const target = tryTarget(host, world, scope)
    if (target === undefined) missing.add(host)
    else members.set(host, { view: target, resources: resourcesOf(target), isTarget: true })
  }
  for (const { resources, isTarget } of members.values()) if (isTarget) addTargets(contents, resources)
  for (const { listener } of listeners.values()) addListener(contents, listener)
  return { resources: contents, members, missing }
}

/** The service as proxies of the scope see it, also if it is only one that routes lead to; undefined: it is none of theirs. */
export function tryTarget(host: string, world: World, scope: Scope): ServiceView | undefined {
  const view = world.services.get(host)
  return view !== undefined && isExported(view.exportTo, scope.namespace) ? scopedView(view, scope) : undefined
}

interface Claim {
  readonly view: ServiceView
  readonly listener: ListenerResource
}

function scopedView(view: ServiceView, { namespace }: Scope): ServiceView {
  return visibleView(view, namespace)
}

function emptyContents(): Contents {
  return {
    extensionConfig: new Map(),
    secret: new Map(),
    cluster: new Map(),
    endpoint: new Map(),
    listener: new Map(),
    route: new Map(),
  }
}

function servicesIn(world: World, scope: Scope): readonly ServiceView[] {
  if (scope.hosts === undefined) return [...world.services.values()].filter((view) => isInScope(scope, view))
  return [...scope.hosts].flatMap((host) => {
    const view = world.services.get(host)
    return view !== undefined && isInScope(scope, view) ? [view] : []
  })
}

function addTargets(contents: Contents, { clusters, endpoints }: ServiceResources): void {
  addAll(contents.cluster, clusters)
  addAll(contents.endpoint, endpoints)
}

function addListener(contents: Contents, { resource, module }: ListenerResource): void {
  contents.listener.set(resource.name, resource)
  if (module !== undefined) contents.extensionConfig.set(module.name, module)
}

function addAll(target: Map<string, XdsResource>, resources: readonly XdsResource[]): void {
  for (const resource of resources) target.set(resource.name, resource)
}

function claim(listeners: Map<string, Claim>, next: Claim): void {
  const address = `${next.listener.address} ${next.listener.port}`
  const owner = listeners.get(address)
  if (owner === undefined || compareAge(next.view.origin, owner.view.origin) < 0) listeners.set(address, next)
}
