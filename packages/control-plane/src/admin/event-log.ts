import type { ResourceKey } from '@meltemi/api'
import type { Backend, ResourceEvent, StoredResource } from './backend.ts'

const DEFAULT_CAPACITY = 4_096

/** A change of a resource with its place among all of them. */
export interface LoggedEvent extends ResourceEvent {
  readonly revision: number
  /** As it was; undefined for one that is new. */
  readonly previous: StoredResource | undefined
}

export interface EventLogOptions {
  /** How many of the last changes are kept; default 4,096. */
  readonly capacity?: number
  /** Revisions begin above it; default the milliseconds of now, so that those of another process never fit. */
  readonly startRevision?: number
}

/**
 * The last changes of resources, from which watchers read at their own pace. One that falls behind by more than the
 * log holds has missed something and must begin anew; the log never waits for it.
 */
export class EventLog {
  readonly #ring: LoggedEvent[] = []
  readonly #capacity: number
  readonly #startRevision: number
  readonly #last: Map<ResourceKey, StoredResource>
  readonly #unsubscribe: () => void
  readonly #waiting = new Set<() => void>()
  #revision: number

  constructor(backend: Backend, options: EventLogOptions = {}) {
    this.#capacity = options.capacity ?? DEFAULT_CAPACITY
    this.#startRevision = options.startRevision ?? Date.now()
    this.#revision = this.#startRevision
    this.#last = new Map(backend.resources())
    this.#unsubscribe = backend.subscribe(({ events }) => this.#append(events))
  }

  /** Of the newest change. */
  get revision(): number {
    return this.#revision
  }

  /** The change after `revision`; `gone` when it is no longer, or was never, known; undefined when there is none yet. */
  next(revision: number): LoggedEvent | 'gone' | undefined {
    if (revision === this.#revision) return undefined
    const isKept = revision < this.#revision && revision >= this.#revision - this.#ring.length
    if (!isKept) return 'gone'
    return this.#ring[(revision - this.#startRevision) % this.#capacity] ?? 'gone'
  }

  /** Resolves with the next change, or when `signal` is aborted. */
  changed(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const settle = (): void => {
        this.#waiting.delete(settle)
        signal.removeEventListener('abort', settle)
        resolve()
      }
      this.#waiting.add(settle)
      signal.addEventListener('abort', settle)
    })
  }

  close(): void {
    this.#unsubscribe()
    for (const settle of this.#waiting) settle()
  }

  #append(events: readonly ResourceEvent[]): void {
    for (const event of events) {
      const previous = this.#last.get(event.key)
      this.#ring[(this.#revision - this.#startRevision) % this.#capacity] = {
        ...event,
        previous,
        revision: ++this.#revision,
      }
      if (event.type === 'DELETED') this.#last.delete(event.key)
      else this.#last.set(event.key, event.stored)
    }
    if (events.length > 0) for (const settle of this.#waiting) settle()
  }
}
