import { createHash } from 'node:crypto'
import { keyOf, type Problem, parseResources, type Resource, type ResourceKey } from '@meltemi/api'
import type {
  Backend,
  BackendChange,
  ProxyStatus,
  ResourceEvent,
  ResourceWrite,
  Snapshot,
  StoredResource,
  WriteOutcome,
} from '../backend.ts'

/** Resources in memory, as the API sees them, for tests of the API alone. */
export class MemoryBackend implements Backend {
  ready = true
  connected: readonly ProxyStatus[] = []
  readonly snapshots = new Map<string, Snapshot>()
  /** What the next writes end with, instead of being done. */
  refusal: WriteOutcome | undefined
  #resources = new Map<ResourceKey, StoredResource>()
  readonly #listeners = new Set<(change: BackendChange) => void>()

  constructor(resources: readonly Resource[] = []) {
    for (const resource of resources) this.put(resource)
  }

  /** Of those who want to be told of changes. */
  get listenerCount(): number {
    return this.#listeners.size
  }

  isReady(): boolean {
    return this.ready
  }

  resources(): ReadonlyMap<ResourceKey, StoredResource> {
    return this.#resources
  }

  problems(): readonly Problem[] {
    return []
  }

  subscribe(listener: (change: BackendChange) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  proxies(): readonly ProxyStatus[] {
    return this.connected
  }

  snapshotOf(nodeId: string): Snapshot | undefined {
    return this.snapshots.get(nodeId)
  }

  async write(write: ResourceWrite): Promise<WriteOutcome> {
    if (this.refusal !== undefined) return this.refusal
    const key = write.kind === 'delete' ? write.key : keyOf(write.resource)
    const before = this.#resources.get(key)
    if (write.kind === 'create') {
      if (before !== undefined) return { kind: 'exists' }
    } else {
      if (before === undefined) return { kind: 'missing' }
      const { resourceVersion } = before.resource.metadata
      if (write.expectedVersion !== '' && write.expectedVersion !== resourceVersion) {
        return { kind: 'conflict', version: resourceVersion }
      }
    }
    if (write.kind === 'delete') {
      if (!write.isDryRun) this.remove(key)
      return { kind: 'done', stored: before as StoredResource }
    }
    const stored = toStored(write.resource)
    if (!write.isDryRun) this.put(write.resource)
    return { kind: 'done', stored }
  }

  put(resource: Resource): void {
    const key = keyOf(resource)
    const stored = toStored(resource)
    this.#tell({ type: this.#resources.has(key) ? 'MODIFIED' : 'ADDED', key, stored })
  }

  remove(key: ResourceKey): void {
    const stored = this.#resources.get(key)
    if (stored !== undefined) this.#tell({ type: 'DELETED', key, stored })
  }

  #tell(event: ResourceEvent): void {
    this.#resources = new Map(this.#resources)
    if (event.type === 'DELETED') this.#resources.delete(event.key)
    else this.#resources.set(event.key, event.stored)
    for (const listener of this.#listeners) listener({ events: [event], hasOtherProblems: false })
  }
}

export function metaRouter(
  name: string,
  more: { readonly labels?: Record<string, string>; readonly host?: string } = {},
): Resource {
  const { labels = {}, host = 'greeter.example.com' } = more
  const json = {
    apiVersion: 'metaprotocol.aeraki.io/v1alpha1',
    kind: 'MetaRouter',
    metadata: { name, labels },
    spec: { hosts: [host], routes: [{ name: 'all', route: [{ destination: { host } }] }] },
  }
  const [placed] = parseResources(JSON.stringify(json), '').resources
  if (placed === undefined) throw new Error('the resource of the test is none')
  return placed.resource
}

function toStored(resource: Resource): StoredResource {
  const { metadata, ...content } = resource
  const { resourceVersion: _, ...named } = metadata
  const hash = createHash('sha256')
    .update(JSON.stringify([named, content]))
    .digest('hex')
  return {
    resource: { ...resource, metadata: { ...metadata, resourceVersion: hash.slice(0, 16) } } as Resource,
    status: {
      conditions: [
        {
          type: 'Accepted',
          status: 'True',
          reason: 'Accepted',
          message: '',
          lastTransitionTime: '2026-11-26T12:00:00Z',
        },
      ],
      proxies: { synced: 2, total: 3, notSynced: [{ proxy: 'c', reason: 'not connected long enough' }] },
    },
    origin: 'memory',
  }
}
