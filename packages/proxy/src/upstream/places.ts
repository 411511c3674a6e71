import type { Clock } from '@meltemi/runtime'
import type { TurnClock } from '../util/turn-clock.ts'
import type { UpstreamConnection } from './connection.ts'
import { LimitKind, type Limits } from './limits.ts'

/** A pool, as the others of its cluster see it. */
export interface PlaceHolder {
  /** Closes one connection that nobody uses; false: there is none. */
  closeIdle(): boolean
  /** There may be a place now for what waits. */
  onPlace(): void
}

/**
 * The places under a cluster's `max_connections`, which all pools of all threads share. Who gets none waits and says
 * so; an idle connection elsewhere then makes room. A thread that has no connection at all goes before those that have
 * some, and gets one from them as soon as it is free: else their load could keep it from ever having one.
 *
 *   thread A, all places, some idle          thread B, none
 *                                            request: no place, wants one, rings
 *   hears the bell, closes an idle one,  ◄──
 *   which frees a place and rings        ──► hears the bell, takes it
 */
export class Places {
  readonly #limits: Limits
  readonly #turn: TurnClock
  readonly #clock: Clock
  /** Of this thread, those with connections. */
  readonly #pools = new Set<PlaceHolder>()
  /** Of this thread, those that wait. */
  readonly #wanting = new Set<PlaceHolder>()
  /** On its way out for another thread: one at a time, or all would go for a single request. */
  #leaving: UpstreamConnection | null = null
  #isLookingSoon = false
  #isStopped = false

  constructor(limits: Limits, turn: TurnClock, clock: Clock) {
    this.#limits = limits
    this.#turn = turn
    this.#clock = clock
    if (limits.isShared) void this.#listen()
  }

  /** Somebody, here or in another thread, waits for a place. Asked for every reply. */
  get isWanted(): boolean {
    return this.#limits.isWanted
  }

  /** Whether other threads may leave a place to one who got none: they have some, or go first. */
  get isWorthWaiting(): boolean {
    const limits = this.#limits
    const { Connections } = LimitKind
    return limits.isShared && (limits.used(Connections) > limits.held(Connections) || limits.free(Connections) > 0)
  }

  /** Takes a place, if there is one that is not due to a thread which has none. */
  tryTake(): boolean {
    const limits = this.#limits
    if (limits.isWanted && limits.free(LimitKind.Connections) <= limits.starvingBefore()) return false
    return limits.tryAcquire(LimitKind.Connections)
  }

  release(): void {
    if (this.#wanting.size > 0) this.#limits.waitAnew()
    this.#limits.release(LimitKind.Connections)
    if (this.#leaving?.isClosed) this.#leaving = null
    if (this.#limits.isWanted) this.#ring()
  }

  join(pool: PlaceHolder): void {
    this.#pools.add(pool)
  }

  leave(pool: PlaceHolder): void {
    this.#pools.delete(pool)
  }

  /** Closes an idle connection of this thread; false: there is none. */
  closeIdle(): boolean {
    for (const pool of this.#pools) if (pool.closeIdle()) return true
    return false
  }

  /** The pool hears of places from now on. */
  want(pool: PlaceHolder): void {
    if (this.#wanting.has(pool)) return
    this.#wanting.add(pool)
    if (this.#wanting.size === 1) this.#limits.want()
    // also for this thread: a place may have become free just before
    this.#ring()
  }

  unwant(pool: PlaceHolder): void {
    if (!this.#wanting.delete(pool) || this.#wanting.size > 0) return
    this.#limits.unwant()
    // what was kept free for this thread is others' now
    if (this.#limits.isWanted) this.#ring()
  }

  /** One that wanted several places has got one of them. */
  wantMore(): void {
    this.#ring()
  }

  /**
   * Whether `connection`, which has nothing to do or has just finished something, should make room. False as well when
   * it will do so with its last reply.
   */
  isNeededElsewhere(connection: UpstreamConnection, isWaitedForHere: boolean): boolean {
    if (connection.owner !== null || !this.#limits.isOpen(LimitKind.Connections)) return false
    const isStarving = this.#limits.starvingBefore() > 0
    if (connection.isIdle) return isStarving || !isWaitedForHere
    if (isStarving && this.#leaving === null) {
      this.#leaving = connection
      connection.drain()
    }
    return false
  }

  stop(): void {
    this.#isStopped = true
    // for the one who listens here
    if (this.#limits.isShared) this.#limits.ring()
  }

  #ring(): void {
    if (this.#limits.isShared) this.#limits.ring()
    else this.#lookSoon()
  }

  /** Not at once: the one who rings is in the middle of something. */
  #lookSoon(): void {
    if (this.#isLookingSoon) return
    this.#isLookingSoon = true
    this.#clock.setImmediate(() => {
      this.#isLookingSoon = false
      this.#look()
    })
  }

  async #listen(): Promise<void> {
    let heard = 0
    while (!this.#isStopped) {
      heard = await this.#limits.nextRing(heard)
      this.#look()
    }
  }

  #look(): void {
    if (this.#isStopped) return
    this.#turn.refresh()
    for (const pool of [...this.#wanting]) pool.onPlace()
    if (this.#limits.isWanted && this.#limits.isOpen(LimitKind.Connections)) this.closeIdle()
  }
}
