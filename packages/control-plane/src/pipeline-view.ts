import type { Problem, ResourceKey } from '@meltemi/api'
import type { BackendChange, StoredResource } from './admin/backend.ts'
import type { Pipeline, SnapshotServer } from './pipeline.ts'
import type { ProxyStatus, Snapshot } from './xds/xds-resource.ts'

/** What the API reads, wherever resources are kept. */
export abstract class PipelineView {
  readonly #pipeline: Pipeline
  readonly #server: SnapshotServer

  constructor(pipeline: Pipeline, server: SnapshotServer) {
    this.#pipeline = pipeline
    this.#server = server
  }

  isReady(): boolean {
    return this.#pipeline.isReady
  }

  resources(): ReadonlyMap<ResourceKey, StoredResource> {
    return this.#pipeline.book.resources
  }

  problems(): readonly Problem[] {
    return this.#pipeline.book.problems
  }

  subscribe(listener: (change: BackendChange) => void): () => void {
    return this.#pipeline.book.subscribe(listener)
  }

  proxies(): readonly ProxyStatus[] {
    return this.#server.proxies()
  }

  snapshotOf(nodeId: string): Snapshot | undefined {
    const proxy = this.proxies().find(({ node }) => node.id === nodeId)
    return proxy === undefined ? undefined : this.#pipeline.snapshotFor(proxy.node)
  }
}
