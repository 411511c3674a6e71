import { copyMap } from '../store/copy-map.ts'
import { compareAge } from '../store/precedence.ts'
import type { ServiceView } from '../store/world.ts'
import type { Snapshot, XdsResource } from '../xds/xds-resource.ts'
import type { Member, ScopeContent } from './build-snapshot.ts'
import type { ListenerResource, ServiceResources } from './encode-service.ts'

const TYPES = ['cluster', 'endpoint', 'route'] as const
type OwnType = (typeof TYPES)[number]
/** Of each of these types a service has resources of its own, which no other service is concerned by. */
const LISTS = { cluster: 'clusters', endpoint: 'endpoints', route: 'routes' } as const

/**
 * The content of a scope after services with these hosts have changed, at the cost of what has changed. undefined: more
 * is different than what is their own, such as listeners or where routes lead, so the content must be built anew.
 */
export function patchSnapshot(
  content: ScopeContent,
  hosts: ReadonlySet<string>,
  viewOf: (host: string) => ServiceView | undefined,
  resourcesOf: (view: ServiceView) => ServiceResources,
): ScopeContent | undefined {
  const members = copyMap(content.members)
  const patch = new Patch(content.resources)
  for (const host of hosts) {
    const before = content.members.get(host)
    const view = viewOf(host)
    if (before === undefined || view === undefined) return undefined
    const after = { view, resources: resourcesOf(view), isTarget: before.isTarget }
    if (!isPatchable(before, after)) return undefined
    members.set(host, after)
    for (const type of TYPES) {
      if (type === 'route' && after.isTarget) continue
      patch.replace(type, before.resources[LISTS[type]], after.resources[LISTS[type]])
    }
  }
  return { ...content, members, resources: patch.resources }
}

function isPatchable(before: Member, after: Member): boolean {
  if (after.isTarget) return true
  return (
    areSame(before.view.sendsTo, after.view.sendsTo) &&
    areSameListeners(before.resources.listeners, after.resources.listeners) &&
    compareAge(before.view.origin, after.view.origin) === 0
  )
}

/** Copies of those types only that something is different of. */
class Patch {
  readonly #copies: Partial<Record<OwnType, Map<string, XdsResource>>> = {}
  #resources: Snapshot['resources']

  constructor(resources: Snapshot['resources']) {
    this.#resources = resources
  }

  /** The same object as before when nothing is different. */
  get resources(): Snapshot['resources'] {
    return this.#resources
  }

  replace(type: OwnType, before: readonly XdsResource[], after: readonly XdsResource[]): void {
    if (before.length === after.length && before.every((resource, index) => resource === after[index])) return
    const copy = this.#copies[type] ?? copyMap(this.#resources[type])
    this.#copies[type] = copy
    this.#resources = { ...this.#resources, [type]: copy }
    const names = new Set(after.map(({ name }) => name))
    for (const { name } of before) if (!names.has(name)) copy.delete(name)
    for (const resource of after) copy.set(resource.name, resource)
  }
}

function areSame(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((each) => b.has(each))
}

function areSameListeners(before: readonly ListenerResource[], after: readonly ListenerResource[]): boolean {
  return (
    before.length === after.length &&
    before.every(({ resource, module }, index) => {
      const other = after[index]
      return resource === other?.resource && module === other.module
    })
  )
}
