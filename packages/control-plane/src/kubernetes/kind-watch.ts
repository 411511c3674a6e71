import type { Clock, Logger } from '@meltemi/runtime'
import type { ApiObject } from './api-object.ts'
import { ApiError } from './call-api.ts'
import type { Cluster } from './connect-cluster.ts'
import { listObjects, type ObjectsCall } from './list-objects.ts'
import { type OnWatchEvent, type WatchEventType, watchObjects } from './watch-objects.ts'

export interface KindSink {
  /** All there is, anew each time. `path`: under which of the paths it was found. */
  onList(objects: readonly ApiObject[], path: string): void
  onChange(object: ApiObject): void
  onDelete(object: ApiObject): void
}

export interface KindWatchOptions {
  readonly cluster: Cluster
  /** Of the kind, in each version that would do, the best one first. */
  readonly paths: readonly string[]
  /** Only their `metadata` is wanted. */
  readonly isMetadataOnly?: boolean
  readonly sink: KindSink
  readonly logger: Logger
  readonly clock: Clock
  /** In [0, 1). */
  readonly random?: () => number
}

const FIRST_WAIT_MS = 250
const MAX_WAIT_MS = 30_000
const NOT_FOUND = 404
const GONE = 410

/** `empty`: before anything came. */
type WatchEnd = 'ended' | 'empty' | 'gone'

/**
 * One kind of objects, from now on:
 *
 *   list ──► watch ──► it ends, or breaks ──► watch from the last version seen, after a wait when it broke
 *    ▲         └─────► 410: that version is forgotten
 *    └─────────────────────┘
 *
 * What was told stays while nobody answers. A kind that the server does not know has no objects; it is asked for again.
 */
export class KindWatch {
  readonly #options: KindWatchOptions
  readonly #random: () => number
  #failures = 0
  #version = ''

  constructor(options: KindWatchOptions) {
    this.#options = options
    this.#random = options.random ?? Math.random
  }

  /** Until it is aborted; rejects never. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const path = await this.#list(signal)
      if (path !== undefined) await this.#follow(path, signal)
    }
  }

  /** Returns the path that has answered; undefined: none has, and some time has passed. */
  async #list(signal: AbortSignal): Promise<string | undefined> {
    const { cluster, paths, sink } = this.#options
    for (const path of paths) {
      try {
        const { items, resourceVersion } = await listObjects(
          cluster,
          path,
          this.#call('PartialObjectMetadataList', signal),
        )
        this.#version = resourceVersion
        sink.onList(items, path)
        return path
      } catch (error: unknown) {
        if (error instanceof ApiError && error.statusCode === NOT_FOUND) continue
        await this.#failed(error, signal)
        return undefined
      }
    }
    sink.onList([], paths[0] ?? '')
    this.#failures++
    await this.#wait(signal)
    return undefined
  }

  /** Until what happened since is not known any more. */
  async #follow(path: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const end = await this.#watch(path, signal)
        if (end !== 'ended') await this.#pause(signal)
        if (end === 'gone') return
      } catch (error: unknown) {
        const { statusCode } = error as { readonly statusCode?: number }
        if (statusCode === GONE || statusCode === NOT_FOUND) return this.#pause(signal)
        await this.#failed(error, signal)
      }
    }
  }

  async #watch(path: string, signal: AbortSignal): Promise<WatchEnd> {
    let end: WatchEnd = 'empty'
    const onEvent: OnWatchEvent = (type, object) => {
      if (type === 'ERROR') end = 'gone'
      else if (end !== 'gone') end = 'ended'
      if (type !== 'ERROR') this.#onEvent(type, object)
    }
    const call = this.#call('PartialObjectMetadata', signal)
    await watchObjects(this.#options.cluster, path, this.#version, onEvent, call)
    return end
  }

  #call(kind: string, signal: AbortSignal): ObjectsCall {
    if (!this.#options.isMetadataOnly) return { signal }
    return { signal, accept: `application/json;as=${kind};g=meta.k8s.io;v=v1` }
  }

  #onEvent(type: WatchEventType, object: ApiObject): void {
    const { sink, logger } = this.#options
    this.#failures = 0
    this.#version = object.metadata.resourceVersion ?? this.#version
    if (type === 'BOOKMARK') return
    try {
      if (type === 'DELETED') sink.onDelete(object)
      else sink.onChange(object)
    } catch (error: unknown) {
      logger.error('an object could not be taken over', { error })
    }
  }

  async #failed(error: unknown, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return
    this.#failures++
    const message = error instanceof Error ? error.message : String(error)
    this.#options.logger.limited('kubernetes', 1)?.warn('the API server cannot be asked, what it said stays', {
      path: this.#options.paths[0],
      message,
    })
    await this.#wait(signal)
  }

  /** Whoever answers, but never with an event, is not asked without end either. */
  #pause(signal: AbortSignal): Promise<void> {
    this.#failures++
    return this.#wait(signal)
  }

  /** Twice as long each time, and not all at the same moment. */
  #wait(signal: AbortSignal): Promise<void> {
    const mostMs = Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(this.#failures, 10))
    return new Promise((resolve) => {
      if (signal.aborted) return resolve()
      const end = () => {
        timer.cancel()
        signal.removeEventListener('abort', end)
        resolve()
      }
      const timer = this.#options.clock.setTimer(mostMs * (0.5 + this.#random() / 2), end)
      signal.addEventListener('abort', end, { once: true })
    })
  }
}
