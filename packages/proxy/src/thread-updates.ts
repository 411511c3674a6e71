import type { ConfigChange } from '@meltemi/api/model'
import type { ModuleVersion } from './modules/module-version.ts'
import type { Proxy } from './proxy.ts'
import type { ThreadCode } from './thread-code.ts'
import type { HandedLimits, NamedCells } from './upstream/shared-limits.ts'
import { faultsOf } from './util/config-refused.ts'
import type { Prepared } from './util/prepared.ts'
import { Turns } from './util/turns.ts'

/** What all threads are to do alike. Plain data. */
export interface ThreadUpdate {
  /** All that are to run; undefined: those that run. */
  readonly modules: readonly ModuleVersion[] | undefined
  /** Every listener in it has a port. */
  readonly change: ConfigChange
  /** The memory of the limits of its clusters and listeners; with modules of all, for any listener may be built anew. */
  readonly limits: readonly NamedCells[]
}

export interface ThreadParts {
  readonly proxy: Proxy
  readonly code: ThreadCode
  readonly limits: HandedLimits
}

/**
 * One thread's part in an update: it prepares what is needed, and uses or discards it when it is told what the others
 * have said. What it is told is done in that order, however long one part takes.
 */
export class ThreadUpdates {
  readonly #parts: ThreadParts
  readonly #turns = new Turns()
  #prepared: Prepared | undefined

  constructor(parts: ThreadParts) {
    this.#parts = parts
  }

  /** Resolves with why it cannot be done; with nothing: it can. */
  prepare(update: ThreadUpdate): Promise<readonly string[]> {
    return this.#turns.take(async () => {
      this.#discard()
      try {
        this.#prepared = await this.#prepare(update)
        return []
      } catch (error: unknown) {
        return faultsOf(error)
      }
    })
  }

  /** Puts in force what was prepared last. */
  use(): Promise<void> {
    return this.#turns.take(async () => {
      this.#prepared?.use()
      this.#prepared = undefined
    })
  }

  discard(): Promise<void> {
    return this.#turns.take(async () => this.#discard())
  }

  async #prepare({ modules, change, limits }: ThreadUpdate): Promise<Prepared> {
    const { proxy, code } = this.#parts
    this.#parts.limits.take(limits)
    return proxy.prepare(modules === undefined ? { change } : { change, code: await code.load(modules) })
  }

  #discard(): void {
    this.#prepared?.discard()
    this.#prepared = undefined
  }
}
