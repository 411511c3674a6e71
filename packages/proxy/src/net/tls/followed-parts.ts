import type { TlsNeeds } from './tls-material.ts'
import { isSame, type TlsParts } from './tls-secrets.ts'
import type { TlsStats } from './tls-stats.ts'
import type { TlsThread } from './tls-thread.ts'

/** The secrets of one side of TLS, in one thread, as they change. */
export class FollowedParts {
  readonly #needs: TlsNeeds
  readonly #thread: TlsThread
  readonly #stats: TlsStats
  #version = -1
  #parts: TlsParts | undefined

  constructor(needs: TlsNeeds, thread: TlsThread, stats: TlsStats) {
    this.#needs = needs
    this.#thread = thread
    this.#stats = stats
  }

  /** Calls `use` with all of them when some are others than those that were used last. */
  follow(use: (parts: TlsParts) => void): void {
    const { secrets } = this.#thread
    if (secrets.version === this.#version) return
    this.#version = secrets.version
    const parts = secrets.parts(this.#needs)
    if (parts === undefined || isSame(parts, this.#parts)) return
    const isFirst = this.#parts === undefined
    try {
      use(parts)
      this.#parts = parts
      if (!isFirst) this.#stats.contextUpdated.add(1)
    } catch (error: unknown) {
      // each part was tried before, but not together; what was good stays
      this.#thread.logFailure('secrets', error instanceof Error ? error.message : String(error))
    }
  }
}
