import type { ConnectionKind, UpstreamConnection } from './connection.ts'
import type { ClusterContext } from './context.ts'
import { LimitKind } from './limits.ts'
import type { PoolClient } from './pool.ts'

/** Idle connections kept beyond this are closed, the one used longest ago first. */
const MAX_IDLE = 1024

/** The connections of one kind in a pool: those that are free, those being made, and who waits for one. */
export class Lane {
  readonly kind: ConnectionKind
  readonly waiting: WaitingQueue
  connecting = 0
  /** Ready connections without an owner that may take a request; last in, first out, so that the rest can go idle. */
  readonly #free: UpstreamConnection[] = []

  constructor(kind: ConnectionKind, context: ClusterContext) {
    this.kind = kind
    this.waiting = new WaitingQueue(context)
  }

  /** Somebody waits, and what is being made is not for him. */
  get needsConnection(): boolean {
    const waiting = this.waiting.size
    if (this.kind === 'shared') return waiting > 0 && this.connecting === 0
    return waiting > this.connecting
  }

  /** One with room, or null. Only a shared one stays free. */
  take(): UpstreamConnection | null {
    const free = this.#free
    for (let at = free.length - 1; at >= 0; at--) {
      const top = free[at] as UpstreamConnection
      const hasRoom = top.hasRoom
      if (!hasRoom || this.kind !== 'shared') {
        free.pop()
        top.isFree = false
      }
      if (hasRoom) return top
    }
    return null
  }

  keep(connection: UpstreamConnection): void {
    connection.isFree = true
    this.#free.push(connection)
    if (this.#free.length > MAX_IDLE) this.#free[0]?.close()
  }

  remove(connection: UpstreamConnection): void {
    const at = this.#free.indexOf(connection)
    if (at >= 0) this.#free.splice(at, 1)
  }

  /** One that nobody uses; the one used longest ago. */
  findIdle(): UpstreamConnection | undefined {
    return this.#free.find((free) => free.isIdle)
  }
}

/** Requests that wait for a connection, in order, within the cluster's limit. */
class WaitingQueue {
  readonly #context: ClusterContext
  readonly #clients = new Set<PoolClient>()

  constructor(context: ClusterContext) {
    this.#context = context
  }

  get size(): number {
    return this.#clients.size
  }

  push(client: PoolClient): boolean {
    const { limits, stats } = this.#context
    if (!limits.tryAcquire(LimitKind.Pending)) return false
    stats.rqPendingTotal.add(1)
    stats.rqPendingActive.add(1)
    this.#clients.add(client)
    return true
  }

  remove(client: PoolClient): boolean {
    if (!this.#clients.delete(client)) return false
    this.#context.limits.release(LimitKind.Pending)
    this.#context.stats.rqPendingActive.add(-1)
    return true
  }

  shift(): PoolClient | null {
    for (const client of this.#clients) {
      this.remove(client)
      return client
    }
    return null
  }
}
