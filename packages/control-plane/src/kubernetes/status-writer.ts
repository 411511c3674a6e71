import { apiVersionOf, kindOf, type ResourceKey, type ResourceKind } from '@meltemi/api'
import type { Clock, Logger, MetricRegistry, Timer } from '@meltemi/runtime'
import type { Backend, StoredResource } from '../admin/backend.ts'
import { APPLY, ApiError, callApi } from './call-api.ts'
import type { Cluster } from './connect-cluster.ts'

export interface StatusWriterOptions {
  readonly cluster: Cluster
  readonly backend: Pick<Backend, 'resources' | 'subscribe'>
  /** Whoever is not writes nothing. */
  readonly isLeader: () => boolean
  readonly logger: Logger
  readonly metrics: MetricRegistry
  readonly clock: Clock
}

/** Those whose definitions have a `status` of ours. */
const KINDS: ReadonlySet<ResourceKind> = new Set([
  ...(['MetaRouter', 'ApplicationProtocol', 'MetaAuthorizationPolicy', 'DubboAuthorizationPolicy'] as const),
])
/** Between two writes: 20 a second, so that a thousand proxies that come do not keep the API server busy. */
const PACE_MS = 50
/** After one that has failed. */
const RETRY_MS = 2_000
const FIELD_MANAGER = 'meltemi'

/** Writes what became of resources into their `status`, by server-side apply. A resource waits at most once. */
export class StatusWriter {
  readonly #options: StatusWriterOptions
  readonly #waiting = new Set<ResourceKey>()
  /** As written last. */
  readonly #written = new Map<ResourceKey, string>()
  readonly #stopping = new AbortController()
  readonly #unsubscribe: () => void
  readonly #writes: { add(n: number): void }
  readonly #failures: { add(n: number): void }
  #timer: Timer | undefined
  #turn: Promise<void> = Promise.resolve()

  constructor(options: StatusWriterOptions) {
    this.#options = options
    this.#writes = options.metrics.counter('control_plane.status_writes')
    this.#failures = options.metrics.counter('control_plane.status_write_failures')
    this.#unsubscribe = options.backend.subscribe(({ events }) => {
      for (const { key, type } of events) {
        if (type === 'DELETED') this.#forget(key)
        else this.#want(key)
      }
    })
  }

  /** For whoever leads from now on: others have written meanwhile. */
  writeAll(): void {
    this.#written.clear()
    for (const key of this.#options.backend.resources().keys()) this.#want(key)
  }

  async stop(): Promise<void> {
    this.#unsubscribe()
    this.#stopping.abort()
    this.#timer?.cancel()
    await this.#turn
  }

  #want(key: ResourceKey): void {
    if (!KINDS.has(key.slice(0, key.indexOf('/')) as ResourceKind) || !this.#options.isLeader()) return
    this.#waiting.add(key)
    this.#schedule(PACE_MS)
  }

  #forget(key: ResourceKey): void {
    this.#waiting.delete(key)
    this.#written.delete(key)
  }

  #schedule(delayMs: number): void {
    if (this.#stopping.signal.aborted) return
    this.#timer ??= this.#options.clock.setTimer(delayMs, () => {
      this.#turn = this.#next().then((waitMs) => {
        this.#timer = undefined
        if (this.#waiting.size > 0) this.#schedule(waitMs)
      })
    })
  }

  /** Returns how long the next one should wait. */
  async #next(): Promise<number> {
    if (!this.#options.isLeader()) this.#waiting.clear()
    const [key] = this.#waiting
    const stored = key === undefined ? undefined : this.#options.backend.resources().get(key)
    if (key === undefined) return PACE_MS
    this.#waiting.delete(key)
    // with the version, for a resource that was made anew has no status
    const text = JSON.stringify([stored?.resource.metadata.resourceVersion, stored?.status])
    if (stored === undefined || this.#written.get(key) === text) return 0
    try {
      await this.#write(stored)
      this.#written.set(key, text)
      this.#writes.add(1)
      return PACE_MS
    } catch (error: unknown) {
      return this.#failed(key, error)
    }
  }

  #failed(key: ResourceKey, error: unknown): number {
    const { logger } = this.#options
    // it is gone
    if (error instanceof ApiError && error.statusCode === 404) return PACE_MS
    if (this.#stopping.signal.aborted) return PACE_MS
    this.#failures.add(1)
    this.#waiting.add(key)
    const message = error instanceof Error ? error.message : String(error)
    logger.limited('status', 1)?.warn('a status could not be written, it is tried again', { resource: key, message })
    return RETRY_MS
  }

  async #write({ resource, status }: StoredResource): Promise<void> {
    const definition = kindOf(resource.kind)
    const version = definition.versions.at(-1) as string // each kind has one
    const { name, namespace } = resource.metadata
    const apiVersion = apiVersionOf(definition, version)
    const folder = namespace === '' ? '' : `/namespaces/${namespace}`
    const path = `/apis/${apiVersion}${folder}/${definition.plural}/${name}/status?fieldManager=${FIELD_MANAGER}&force=true`
    const metadata = { name, ...(namespace === '' ? {} : { namespace }) }
    const body = { apiVersion, kind: resource.kind, metadata, status }
    await callApi(this.#options.cluster, path, {
      method: 'PATCH',
      contentType: APPLY,
      body,
      signal: this.#stopping.signal,
    })
  }
}
