import type { MirrorStats } from './mirror-stats.ts'

/** What copies under way may hold, for one listener and thread. */
const MAX_HELD_BYTES = 32 * 1024 * 1024
/** Of a copy besides its bytes, so that small ones are limited too. */
const COPY_BYTES = 512
/** Of overload: from here on nothing is mirrored. */
const SHED_LEVEL = 1

/** What all mirrors of one listener share on one thread: their stats, and the memory that their copies may hold. */
export class Mirroring {
  readonly stats: MirrorStats
  readonly #overloadLevel: () => number
  #heldBytes = 0

  constructor(stats: MirrorStats, overloadLevel: () => number) {
    this.stats = stats
    this.#overloadLevel = overloadLevel
  }

  /** Whether a copy of so many bytes may be made; then they are to be released once. */
  tryHold(messageBytes: number): boolean {
    if (this.#overloadLevel() >= SHED_LEVEL) return false
    const heldBytes = this.#heldBytes + messageBytes + COPY_BYTES
    // one alone may be as large as messages may be
    if (this.#heldBytes > 0 && heldBytes > MAX_HELD_BYTES) return false
    this.#heldBytes = heldBytes
    return true
  }

  release(messageBytes: number): void {
    this.#heldBytes -= messageBytes + COPY_BYTES
  }
}
