import type { Failure } from '@meltemi/sdk'
import { FAILURES, failure } from '../observe/failure-table.ts'
import { type CloseCause, type ConnectionHome, type ConnectionKind, UpstreamConnection } from './connection.ts'
import type { ClusterContext, IdleHolder } from './context.ts'
import { LimitKind } from './limits.ts'
import type { UpstreamProtocol } from './protocol.ts'
import type { Target } from './target.ts'

/** Who wants a connection. */
export interface PoolClient {
  /** The wait is over: send now, before returning. */
  onConnection(connection: UpstreamConnection): void
  onNoConnection(failure: Failure): void
}

/** Idle connections kept beyond this are closed, the one used longest ago first. */
const MAX_IDLE = 1024

/**
 * The connections of one thread to one endpoint in one protocol and dialect. Whether requests share a connection or
 * have one each is decided here and nowhere else.
 */
export class Pool implements ConnectionHome, IdleHolder {
  readonly endpoint: Target
  readonly protocol: UpstreamProtocol
  readonly dialect: string
  readonly context: ClusterContext
  readonly #kind: ConnectionKind
  readonly #connections = new Set<UpstreamConnection>()
  /** Ready connections without an owner that may take a request; last in, first out, so that the rest can go idle. */
  readonly #free: UpstreamConnection[] = []
  readonly #freeDedicated: UpstreamConnection[] = []
  readonly #waiting: WaitingQueue
  readonly #waitingDedicated: WaitingQueue
  #connecting = 0
  #connectingDedicated = 0
  #isDraining = false
  #isClosed = false
  /** Whose room is being given out just now. */
  #serving: UpstreamConnection | null = null

  constructor(endpoint: Target, protocol: UpstreamProtocol, dialect: string, context: ClusterContext) {
    this.endpoint = endpoint
    this.protocol = protocol
    this.dialect = dialect
    this.context = context
    this.#kind = protocol.multiplexing ? 'shared' : 'exclusive'
    this.#waiting = new WaitingQueue(context)
    this.#waitingDedicated = new WaitingQueue(context)
  }

  /**
   * A connection with room, or null: then `client` hears of it, possibly before this returns.
   * `dedicated`: one that nobody else uses; the caller becomes its owner.
   */
  acquire(client: PoolClient, dedicated = false): UpstreamConnection | null {
    const free = dedicated ? this.#freeDedicated : this.#free
    for (let at = free.length - 1; at >= 0; at--) {
      const top = free[at] as UpstreamConnection
      const hasRoom = top.hasRoom
      if (!hasRoom || top.kind !== 'shared') {
        free.pop()
        top.isFree = false
      }
      if (hasRoom) return top
    }
    this.#wait(client, dedicated)
    return null
  }

  /** The client no longer wants a connection. */
  cancel(client: PoolClient): void {
    if (!this.#waiting.remove(client)) this.#waitingDedicated.remove(client)
  }

  onConnected(connection: UpstreamConnection, elapsedMs: number): void {
    this.#countConnecting(connection.kind, -1)
    this.context.stats.cxConnectMs.record(elapsedMs)
    this.onRoom(connection)
    // more may have waited for it than it takes
    this.#replace(connection.kind === 'dedicated')
  }

  /** A connection can take a request (again). */
  onRoom(connection: UpstreamConnection): void {
    // a one-way message is over once sent, and comes back here: the loop below goes on with the next
    const outer = this.#serving
    if (outer === connection) return
    if (connection.owner === null && connection.isIdle) connection.resume()
    const waiting = connection.kind === 'dedicated' ? this.#waitingDedicated : this.#waiting
    this.#serving = connection
    while (waiting.size > 0 && connection.hasRoom) waiting.shift()?.onConnection(connection)
    this.#serving = outer
    if (connection.isDraining || (this.#isDraining && waiting.size === 0)) connection.drain()
    else if (!connection.isFree && connection.hasRoom) this.#keep(connection)
  }

  onClosed(connection: UpstreamConnection, cause: CloseCause, bytesSent: number): void {
    const { stats, limits } = this.context
    this.#connections.delete(connection)
    if (this.#connections.size === 0) this.context.pools.delete(this)
    if (!connection.isReady) this.#countConnecting(connection.kind, -1)
    if (connection.isFree) removeFrom(connection.kind === 'dedicated' ? this.#freeDedicated : this.#free, connection)
    limits.release(LimitKind.Connections)
    this.endpoint.connectionsActive--
    stats.cxActive.add(-1)
    stats.cxTxBytes.add(bytesSent)
    if (cause === 'remote') stats.cxDestroyRemote.add(1)
    else if (cause === 'local' || cause === 'bad-response') stats.cxDestroyLocal.add(1)
    if (!connection.isIdle) stats.cxDestroyWithActive.add(1)
    if (cause === 'connect-failure' || cause === 'connect-timeout') this.#connectFailed(connection, cause)
    else for (const dedicated of [false, true]) this.#replace(dedicated)
  }

  drain(): void {
    this.#isDraining = true
    const hasWaiting = this.#waiting.size + this.#waitingDedicated.size > 0
    // what waits is under way too: connections still being made serve it
    for (const connection of this.#connections) if (connection.isReady || !hasWaiting) connection.drain()
  }

  close(): void {
    this.#isDraining = true
    this.#isClosed = true
    for (const connection of this.#connections) connection.close('local')
    this.#failWaiting(failure(FAILURES.localFailure, this.endpoint.address))
  }

  closeIdle(): boolean {
    const idle = this.#free.find((free) => free.isIdle) ?? this.#freeDedicated[0]
    idle?.closeSoon()
    return idle !== undefined
  }

  #wait(client: PoolClient, dedicated: boolean): void {
    const waiting = dedicated ? this.#waitingDedicated : this.#waiting
    if (!waiting.push(client)) {
      this.context.stats.rqPendingOverflow.add(1)
      client.onNoConnection(failure(FAILURES.overflow, ''))
      return
    }
    if (!this.#needsConnection(dedicated)) return
    if (this.#connect(dedicated ? 'dedicated' : this.#kind)) return
    // the end of one in this pool lets those that wait connect; in another it only makes room
    for (const pool of this.context.pools) if (pool.closeIdle()) break
    if (!this.#needsConnection(dedicated) || this.#connect(dedicated ? 'dedicated' : this.#kind)) return
    this.context.stats.cxOverflow.add(1)
    // without any connection nobody would ever come to free one
    if (this.#connections.size > 0 && !dedicated) return
    if (waiting.remove(client)) client.onNoConnection(failure(FAILURES.overflow, ''))
  }

  #needsConnection(dedicated: boolean): boolean {
    if (dedicated) return this.#connectingDedicated < this.#waitingDedicated.size
    if (this.#kind === 'shared') return this.#connecting === 0
    return this.#connecting < this.#waiting.size
  }

  #connect(kind: ConnectionKind): boolean {
    const { stats, limits } = this.context
    if (!limits.tryAcquire(LimitKind.Connections)) return false
    const connection = this.#make(kind)
    if (connection === null) {
      limits.release(LimitKind.Connections)
      return false
    }
    stats.cxTotal.add(1)
    stats.cxActive.add(1)
    this.endpoint.connectionsActive++
    this.endpoint.connectionsTotal++
    this.#countConnecting(kind, 1)
    this.#connections.add(connection)
    this.context.pools.add(this)
    return true
  }

  /** null when the codec cannot be made: its own fault, which must not hold a place among the connections. */
  #make(kind: ConnectionKind): UpstreamConnection | null {
    try {
      return new UpstreamConnection(this, kind)
    } catch (error: unknown) {
      this.context.onCodecException(error, this.protocol.definition)
      return null
    }
  }

  #countConnecting(kind: ConnectionKind, change: number): void {
    if (kind === 'dedicated') this.#connectingDedicated += change
    else this.#connecting += change
  }

  #connectFailed(connection: UpstreamConnection, cause: CloseCause): void {
    const { stats } = this.context
    if (cause === 'connect-timeout') stats.cxConnectTimeout.add(1)
    else stats.cxConnectFail.add(1)
    this.endpoint.connectFailures++
    // as Envoy: what waits for this endpoint fails with the attempt, so that it can be tried elsewhere
    this.#failWaiting(connection.closeFailure())
  }

  /** Requests may wait for the room on a connection that is gone, or for its place among those allowed. */
  #replace(dedicated: boolean): void {
    const waiting = dedicated ? this.#waitingDedicated : this.#waiting
    if (waiting.size === 0 || this.#isClosed || !this.#needsConnection(dedicated)) return
    if (this.#connect(dedicated ? 'dedicated' : this.#kind) || this.#connections.size > 0) return
    this.#failWaiting(failure(FAILURES.overflow, ''))
  }

  #failWaiting(cause: Failure): void {
    // only those who wait now: a client may come back at once
    let count = this.#waiting.size + this.#waitingDedicated.size
    for (; count > 0; count--) {
      const client = this.#waiting.shift() ?? this.#waitingDedicated.shift()
      if (client === null) return
      this.context.stats.rqPendingFailureEject.add(1)
      client.onNoConnection(cause)
    }
  }

  #keep(connection: UpstreamConnection): void {
    const free = connection.kind === 'dedicated' ? this.#freeDedicated : this.#free
    connection.isFree = true
    free.push(connection)
    if (free.length > MAX_IDLE) free[0]?.close()
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

function removeFrom(list: UpstreamConnection[], connection: UpstreamConnection): void {
  const at = list.indexOf(connection)
  if (at >= 0) list.splice(at, 1)
}
