import type { ConfigChange, ListenerConfig } from '@meltemi/api/model'

/** Which threads there are, and which listeners each of them serves. Plain data. */
export interface ThreadPlan {
  /** Threads that share the listeners that no other thread has; 1: it may be the main thread. */
  readonly shared: number
  /** Names of listeners that have a thread each, which serves nothing else; those threads come after the others. */
  readonly own: readonly string[]
}

export function threadsOf({ shared, own }: ThreadPlan): number {
  return shared + own.length
}

/** What one of the threads serves. */
export class ThreadDuty {
  /** All there is, by one thread. */
  static readonly everything: ThreadDuty = new ThreadDuty({ shared: 1, own: [] }, 0)
  /** Among the threads that serve the same: a number, and how many there are. */
  readonly place: number
  readonly places: number
  readonly #own: readonly string[]
  readonly #name: string | undefined

  constructor({ shared, own }: ThreadPlan, thread: number) {
    const isShared = thread < shared
    this.place = isShared ? thread : 0
    this.places = isShared ? shared : 1
    this.#own = own
    this.#name = own[thread - shared]
  }

  serves(listener: string): boolean {
    return this.#name === undefined ? !this.#own.includes(listener) : listener === this.#name
  }

  /** Those of them that it serves. */
  of(listeners: readonly ListenerConfig[]): readonly ListenerConfig[] {
    return listeners.filter(({ name }) => this.serves(name))
  }

  /** What of a change is its business: all but listeners that others serve. */
  partOf(change: ConfigChange): ConfigChange {
    const listenersRemoved = change.listenersRemoved.filter((name) => this.serves(name))
    return { ...change, listeners: this.of(change.listeners), listenersRemoved }
  }
}
