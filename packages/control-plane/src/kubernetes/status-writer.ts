import { apiVersionOf, kindOf, type Resource, type ResourceKey, type ResourceKind } from '@meltemi/api'
import type { Clock, Logger, MetricRegistry, Timer } from '@meltemi/runtime'
import type { Backend, ResourceStatus, StoredResource } from '../admin/backend.ts'
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
  ...(['RedisService', 'RedisDestination'] as const),
])
/** Between two writes: 20 a second, so that a thousand proxies that come do not keep the API server busy. */
const PACE_MS = 50
/** After one to which nobody answered, or only that it is too much. */
const RETRY_MS = 2_000
/** One that the API server refuses, for example because it may not be written, is tried again so much later. */
const REFUSED_MS = 30_000
/** So that no write is under way any more when the Lease may be another one's. */
const TIMEOUT_MS = 5_000
const NOT_FOUND = 404
const TOO_MANY = 429
const FIELD_MANAGER = 'meltemi'

/**
 * Writes what became of resources into their `status`, by server-side apply. A resource waits at most once, and one that is
 * refused holds up no other.
 */
export class StatusWriter {
  readonly #options: StatusWriterOptions
  readonly #waiting = new Set<ResourceKey>()
  readonly #refused = new Set<ResourceKey>()
  /** As written last. */
  readonly #written = new Map<ResourceKey, string>()
  readonly #stopping = new AbortController()
  readonly #unsubscribe: () => void
  readonly #writes: { add(n: number): void }
  readonly #failures: { add(n: number): void }
  #timer: Timer | undefined
  #refusedTimer: Timer | undefined
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
    this.#refusedTimer?.cancel()
    await this.#turn
  }

  #want(key: ResourceKey): void {
    if (!KINDS.has(key.slice(0, key.indexOf('/')) as ResourceKind) || !this.#options.isLeader()) return
    this.#waiting.add(key)
    this.#schedule(PACE_MS)
  }

  #forget(key: ResourceKey): void {
    this.#waiting.delete(key)
    this.#refused.delete(key)
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
    const code = error instanceof ApiError ? error.statusCode : 0
    if (code === NOT_FOUND || this.#stopping.signal.aborted) return PACE_MS
    this.#failures.add(1)
    const message = error instanceof Error ? error.message : String(error)
    logger.limited('status', 1)?.warn('a status could not be written, it is tried again', { resource: key, message })
    if (code >= 400 && code < 500 && code !== TOO_MANY) return this.#wantLater(key)
    this.#waiting.add(key)
    return RETRY_MS
  }

  #wantLater(key: ResourceKey): number {
    this.#refused.add(key)
    this.#refusedTimer ??= this.#options.clock.setTimer(REFUSED_MS, () => {
      this.#refusedTimer = undefined
      for (const each of this.#refused) this.#want(each)
      this.#refused.clear()
    })
    return PACE_MS
  }

  async #write({ resource, status }: StoredResource): Promise<void> {
    const definition = kindOf(resource.kind)
    const version = definition.versions.at(-1) as string // each kind has one
    const { name, namespace } = resource.metadata
    const apiVersion = apiVersionOf(definition, version)
    const folder = namespace === '' ? '' : `/namespaces/${namespace}`
    const path = `/apis/${apiVersion}${folder}/${definition.plural}/${name}/status?fieldManager=${FIELD_MANAGER}&force=true`
    const metadata = { name, ...(namespace === '' ? {} : { namespace }) }
    const body = { apiVersion, kind: resource.kind, metadata, status: observed(status, resource) }
    await callApi(this.#options.cluster, path, {
      method: 'PATCH',
      contentType: APPLY,
      body,
      signal: this.#stopping.signal,
      timeoutMs: TIMEOUT_MS,
    })
  }
}

/** With the generation that it is said of, as those who wait for a condition want to know. */
function observed(status: ResourceStatus, { metadata }: Resource): object {
  const { generation: observedGeneration } = metadata as { readonly generation?: number }
  return { ...status, conditions: status.conditions.map((condition) => ({ ...condition, observedGeneration })) }
}
