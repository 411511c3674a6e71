import { KINDS, type KindDefinition, type PlacedResource, type ResourceKey, type ResourceKind } from '@meltemi/api'
import { type Clock, type Logger, systemClock } from '@meltemi/runtime'
import type { Source, SourceSink } from '../sources/source.ts'
import { type ApiObject, podKey, toResource } from './api-object.ts'
import type { Cluster } from './connect-cluster.ts'
import { KindWatch } from './kind-watch.ts'
import { PodLabels } from './pod-labels.ts'

export interface KubernetesSourceOptions {
  readonly cluster: Cluster
  readonly logger: Logger
  readonly clock?: Clock
}

const PODS_PATH = '/api/v1/pods'

/** The resources of a cluster, as they change. Workloads have the labels of their pods. */
export class KubernetesSource implements Source {
  readonly name = 'kubernetes'
  readonly #options: Required<KubernetesSourceOptions>
  readonly #pods = new PodLabels()
  /** What was told of each kind. */
  readonly #told = new Map<ResourceKind, Set<ResourceKey>>()
  readonly #unlisted = new Set<string>()
  /** Until everything has been listed. */
  #first: Map<ResourceKey, PlacedResource> | null = new Map()

  constructor(options: KubernetesSourceOptions) {
    this.#options = { clock: systemClock, ...options }
  }

  async run(sink: SourceSink, signal: AbortSignal): Promise<void> {
    for (const { kind } of KINDS) this.#unlisted.add(kind)
    this.#unlisted.add('Pod')
    await Promise.all([...KINDS.map((kind) => this.#watch(kind, sink, signal)), this.#watchPods(sink, signal)])
  }

  #watch(kind: KindDefinition, sink: SourceSink, signal: AbortSignal): Promise<void> {
    const paths = kind.versions.toReversed().map((version) => pathOf(kind, version))
    let version = kind.versions.at(-1) ?? ''
    const read = (object: ApiObject) => this.#read(kind, version, object)
    const told = new Set<ResourceKey>()
    this.#told.set(kind.kind, told)
    const watch = new KindWatch({
      ...this.#options,
      paths,
      sink: {
        onList: (objects, path) => {
          version = kind.versions.toReversed()[paths.indexOf(path)] ?? version
          this.#replace(told, objects.map(read), sink)
          this.#listed(kind.kind, sink)
        },
        onChange: (object) => this.#tell(sink, [read(object)], []),
        onDelete: (object) => {
          const { key } = read(object)
          this.#pods.forgetSlice(key)
          this.#tell(sink, [], [key])
        },
      },
    })
    return watch.run(signal)
  }

  #watchPods(sink: SourceSink, signal: AbortSignal): Promise<void> {
    const changed = (slices: readonly PlacedResource[]) => {
      if (slices.length > 0) this.#tell(sink, slices, [])
    }
    const watch = new KindWatch({
      ...this.#options,
      paths: [PODS_PATH],
      isMetadataOnly: true,
      sink: {
        onList: (pods) => {
          changed(this.#pods.replace(pods))
          this.#listed('Pod', sink)
        },
        onChange: (pod) => changed(this.#pods.set(pod)),
        onDelete: ({ metadata: { namespace = '', name } }) => changed(this.#pods.delete(podKey(namespace, name))),
      },
    })
    return watch.run(signal)
  }

  #read(kind: KindDefinition, version: string, object: ApiObject): PlacedResource {
    const placed = toResource(kind, version, object)
    return kind.kind === 'EndpointSlice' ? this.#pods.label(placed) : placed
  }

  #replace(told: ReadonlySet<ResourceKey>, placed: readonly PlacedResource[], sink: SourceSink): void {
    const now = new Set(placed.map(({ key }) => key))
    const gone = [...told].filter((key) => !now.has(key))
    for (const key of gone) this.#pods.forgetSlice(key)
    if (placed.length > 0 || gone.length > 0) this.#tell(sink, placed, gone)
  }

  #tell(sink: SourceSink, placed: readonly PlacedResource[], deleted: readonly ResourceKey[]): void {
    for (const { key, resource } of placed) this.#told.get(resource.kind)?.add(key)
    for (const key of deleted) this.#told.get(key.slice(0, key.indexOf('/')) as ResourceKind)?.delete(key)
    const set = new Map(placed.map((each) => [each.key, each]))
    if (this.#first === null) {
      sink.change(set, deleted)
      return
    }
    for (const [key, each] of set) this.#first.set(key, each)
    for (const key of deleted) this.#first.delete(key)
  }

  /** The first state is told at once, when it is whole. */
  #listed(name: string, sink: SourceSink): void {
    this.#unlisted.delete(name)
    if (this.#unlisted.size > 0 || this.#first === null) return
    const first = this.#first
    this.#first = null
    sink.change(first, [])
    sink.synced()
  }
}

/** Of all objects of a kind, in all namespaces. */
function pathOf({ group, plural }: KindDefinition, version: string): string {
  return group === '' ? `/api/${version}/${plural}` : `/apis/${group}/${version}/${plural}`
}
