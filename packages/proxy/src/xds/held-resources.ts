import type {
  ClusterConfig,
  DeliveredModule,
  EndpointConfig,
  ListenerConfig,
  RouteTableConfig,
  SecretConfig,
} from '@meltemi/api'
import type { ResourceType } from '@meltemi/api/xds'

/** Of these types resources are asked for by name; of the others everything is wanted. */
const NAMED: readonly ResourceType[] = ['extensionConfig', 'secret', 'endpoint', 'route']

export function isNamed(type: ResourceType): boolean {
  return NAMED.includes(type)
}

export interface WantedNames {
  readonly type: ResourceType
  readonly source: string
  /** Sorted. */
  readonly names: readonly string[]
}

/** What a resource of each type is once it is read. */
export interface ResourceValues {
  readonly extensionConfig: DeliveredModule
  readonly secret: SecretConfig
  readonly cluster: ClusterConfig
  readonly endpoint: readonly EndpointConfig[]
  readonly listener: ListenerConfig
  readonly route: RouteTableConfig
}

export interface HeldResource<T extends ResourceType = ResourceType> {
  readonly version: string
  /** As it was sent. */
  readonly body: Uint8Array
  readonly value: ResourceValues[T]
}

/** What was accepted of one type from one source. */
export interface HeldType<T extends ResourceType = ResourceType> {
  /** Of the last response that was accepted. */
  readonly version: string
  /** By name. */
  readonly resources: ReadonlyMap<string, HeldResource<T>>
}

const NOTHING: HeldType<never> = { version: '', resources: new Map() }

/** Everything that was accepted; a change makes a new one, so that the one before can stay. */
export class HeldResources {
  readonly #types: ReadonlyMap<string, HeldType>

  constructor(types: ReadonlyMap<string, HeldType> = new Map()) {
    this.#types = types
  }

  get<T extends ResourceType>(type: T, source: string): HeldType<T> {
    return (this.#types.get(keyOf(type, source)) as HeldType<T> | undefined) ?? NOTHING
  }

  /** Of all sources, by source. */
  all<T extends ResourceType>(type: T): ReadonlyMap<string, HeldType<T>> {
    const prefix = keyOf(type, '')
    const entries = [...this.#types].filter(([key]) => key.startsWith(prefix))
    return new Map(entries.map(([key, held]) => [key.slice(prefix.length), held as HeldType<T>]))
  }

  /** Whether nothing of a type is another. */
  isSame(type: ResourceType, other: HeldResources): boolean {
    const [mine, others] = [this.all(type), other.all(type)]
    return (
      mine.size === others.size &&
      [...mine].every(([source, { resources }]) => others.get(source)?.resources === resources)
    )
  }

  with<T extends ResourceType>(type: T, source: string, held: HeldType<T>): HeldResources {
    return new HeldResources(new Map(this.#types).set(keyOf(type, source), held))
  }
}

/** Without resources that were asked for by name and are not any more. */
export function onlyWanted(held: HeldResources, wanted: readonly WantedNames[]): HeldResources {
  const names = new Map(wanted.map((each) => [keyOf(each.type, each.source), new Set(each.names)]))
  let left = held
  for (const type of NAMED) {
    for (const [source, { version, resources }] of held.all(type)) {
      const kept = [...resources].filter(([name]) => names.get(keyOf(type, source))?.has(name))
      if (kept.length < resources.size) left = left.with(type, source, { version, resources: new Map(kept) })
    }
  }
  return left
}

function keyOf(type: ResourceType, source: string): string {
  return `${type}/${source}`
}
