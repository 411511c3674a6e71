import type { Failure } from '@meltemi/sdk'
import { FAILURES, failure } from '../observe/failure-table.ts'
import type { TimerNode } from '../util/timer-wheel.ts'
import { type CloseCause, type ConnectionHome, type ConnectionKind, UpstreamConnection } from './connection.ts'
import type { ClusterContext } from './context.ts'
import { Lane } from './lane.ts'
import type { PlaceHolder } from './places.ts'
import type { UpstreamProtocol } from './protocol.ts'
import { noteConnectFailure } from './request-books.ts'
import type { Target } from './target.ts'

/** Who wants a connection. */
export interface PoolClient {
  /** The wait is over: send now, before returning. */
  onConnection(connection: UpstreamConnection): void
  onNoConnection(failure: Failure): void
}

/**
 * The connections of one thread to one endpoint in one protocol and dialect. Whether requests share a connection or
 * have one each is decided here and nowhere else.
 */
export class Pool implements ConnectionHome, PlaceHolder, TimerNode {
  timerNext: TimerNode | null = null
  timerPrev: TimerNode | null = null
  timerTick = 0
  readonly endpoint: Target
  readonly protocol: UpstreamProtocol
  readonly dialect: string
  readonly context: ClusterContext
  readonly #connections = new Set<UpstreamConnection>()
  readonly #common: Lane
  readonly #dedicated: Lane
  readonly #lanes: readonly Lane[]
  #isDraining = false
  #isClosed = false
  /** There was no place for a connection that is needed: `onPlace` will be called. */
  #isWanting = false
  /** Whose room is being given out just now. */
  #serving: UpstreamConnection | null = null

  constructor(endpoint: Target, protocol: UpstreamProtocol, dialect: string, context: ClusterContext) {
    this.endpoint = endpoint
    this.protocol = protocol
    this.dialect = dialect
    this.context = context
    this.#common = new Lane(protocol.multiplexing ? 'shared' : 'exclusive', context)
    this.#dedicated = new Lane('dedicated', context)
    this.#lanes = [this.#common, this.#dedicated]
  }

  /**
   * A connection with room, or null: then `client` hears of it, possibly before this returns.
   * `dedicated`: one that nobody else uses; the caller becomes its owner.
   */
  acquire(client: PoolClient, dedicated = false): UpstreamConnection | null {
    const lane = dedicated ? this.#dedicated : this.#common
    const connection = lane.take()
    if (connection === null) this.#wait(client, lane)
    return connection
  }

  /** Requests that wait for a connection. */
  get waiting(): number {
    return this.#lanes.reduce((sum, lane) => sum + lane.waiting.size, 0)
  }

  /** It has no connection, and nobody waits for one. */
  get isUnused(): boolean {
    return this.#connections.size === 0 && this.#lanes.every((lane) => lane.waiting.size === 0)
  }

  /** The client no longer wants a connection. */
  cancel(client: PoolClient): void {
    if (!this.#common.waiting.remove(client)) this.#dedicated.waiting.remove(client)
    if (this.#isWanting) this.#wantIfNeeded()
    // a connection that is still being made for it will be of no use to anybody
    if (this.#isDraining) this.drain()
  }

  onConnected(connection: UpstreamConnection, elapsedMs: number): void {
    const lane = this.#laneOf(connection)
    lane.connecting--
    this.context.stats.cxConnectMs.record(elapsedMs)
    // others may want it, but not before it was of use here
    this.#serve(connection, lane)
    // more may have waited for it than it takes
    this.#replace(lane)
  }

  /** A connection can take a request (again). */
  onRoom(connection: UpstreamConnection): void {
    // a one-way message is over once sent, and comes back here: the loop that sent it goes on with the next
    if (this.#serving === connection) return
    const lane = this.#laneOf(connection)
    if (connection.owner === null && connection.isIdle) connection.resume()
    const { places } = this.context
    if (places.isWanted && places.isNeededElsewhere(connection, lane.waiting.size > 0)) connection.closeSoon()
    else this.#serve(connection, lane)
  }

  onClosed(connection: UpstreamConnection, cause: CloseCause, bytesSent: number): void {
    const { stats, places } = this.context
    const lane = this.#laneOf(connection)
    this.#connections.delete(connection)
    if (this.#connections.size === 0) places.leave(this)
    if (!connection.isReady) lane.connecting--
    if (connection.isFree) lane.remove(connection)
    places.release()
    this.endpoint.connectionsActive--
    stats.cxActive.add(-1)
    stats.cxTxBytes.add(bytesSent)
    if (cause === 'remote') stats.cxDestroyRemote.add(1)
    else if (cause === 'local' || cause === 'bad-response') stats.cxDestroyLocal.add(1)
    if (!connection.isIdle) stats.cxDestroyWithActive.add(1)
    if (cause === 'connect-failure' || cause === 'connect-timeout') this.#connectFailed(connection, cause)
    else for (const each of this.#lanes) this.#replace(each)
  }

  drain(): void {
    this.#isDraining = true
    const hasWaiting = this.#lanes.some((lane) => lane.waiting.size > 0)
    // what waits is under way too: connections still being made serve it
    for (const connection of this.#connections) if (connection.isReady || !hasWaiting) connection.drain()
  }

  close(): void {
    this.#isDraining = true
    this.#isClosed = true
    for (const connection of this.#connections) connection.close('local')
    for (const lane of this.#lanes) this.#failWaiting(lane, failure(FAILURES.localFailure, this.endpoint.address))
  }

  /** Those that are there; others may be made at once. */
  dropConnections(): void {
    for (const connection of [...this.#connections]) connection.close('local')
  }

  closeIdle(): boolean {
    const idle = this.#common.findIdle() ?? this.#dedicated.findIdle()
    idle?.closeSoon()
    return idle !== undefined
  }

  onPlace(): void {
    let hasConnected = false
    for (const lane of this.#lanes) while (lane.needsConnection && this.#connect(lane)) hasConnected = true
    this.#wantIfNeeded()
    if (hasConnected && this.#isWanting) this.context.places.wantMore()
  }

  /** Nobody left a place in time. */
  onTimer(): void {
    this.context.turn.refresh()
    for (const lane of this.#lanes) if (this.#isHopeless(lane)) this.#failWaiting(lane, failure(FAILURES.overflow, ''))
  }

  /** After this the wait for a connection has begun, or the client has been told that there will be none. */
  #wait(client: PoolClient, lane: Lane): void {
    if (!lane.waiting.push(client)) {
      this.context.stats.rqPendingOverflow.add(1)
      client.onNoConnection(failure(FAILURES.overflow, ''))
      return
    }
    if (!lane.needsConnection || this.#connect(lane)) return
    // the end of an idle one in this pool lets those that wait connect; in another it only makes room
    if (this.context.places.closeIdle() && (!lane.needsConnection || this.#connect(lane))) return
    this.context.stats.cxOverflow.add(1)
    if (this.#canWait(lane)) this.#wantIfNeeded()
    else if (lane.waiting.remove(client)) client.onNoConnection(failure(FAILURES.overflow, ''))
  }

  /** Without a connection of its own and without others' there would be nobody who ever came to free one. */
  #canWait(lane: Lane): boolean {
    return !this.#isHopeless(lane) || this.context.places.isWorthWaiting
  }

  /** What waits in the lane can only hope for a place that others leave. */
  #isHopeless(lane: Lane): boolean {
    return lane.needsConnection && lane.connecting === 0 && (lane.kind === 'dedicated' || this.#connections.size === 0)
  }

  #serve(connection: UpstreamConnection, lane: Lane): void {
    const { waiting } = lane
    const outer = this.#serving
    this.#serving = connection
    while (waiting.size > 0 && connection.hasRoom) waiting.shift()?.onConnection(connection)
    this.#serving = outer
    if (this.#isWanting) this.#wantIfNeeded()
    if (connection.isDraining || (this.#isDraining && waiting.size === 0)) connection.drain()
    else if (!connection.isFree && connection.hasRoom) lane.keep(connection)
  }

  /** False when there is no place for it. Where the codec cannot be made, those that wait are told so. */
  #connect(lane: Lane): boolean {
    const { stats, places } = this.context
    if (!places.tryTake()) return false
    const connection = this.#make(lane.kind)
    if (connection === null) {
      places.release()
      this.#failWaiting(lane, failure(FAILURES.localFailure, this.endpoint.address))
      return true
    }
    stats.cxTotal.add(1)
    stats.cxActive.add(1)
    this.endpoint.connectionsActive++
    this.endpoint.connectionsTotal++
    this.context.health?.noteTraffic()
    lane.connecting++
    this.#connections.add(connection)
    places.join(this)
    return true
  }

  /** null when the codec cannot be made. */
  #make(kind: ConnectionKind): UpstreamConnection | null {
    try {
      return new UpstreamConnection(this, kind)
    } catch (error: unknown) {
      this.context.onCodecException(error, this.protocol.definition)
      return null
    }
  }

  #laneOf(connection: UpstreamConnection): Lane {
    return connection.kind === 'dedicated' ? this.#dedicated : this.#common
  }

  #connectFailed(connection: UpstreamConnection, cause: CloseCause): void {
    const { stats } = this.context
    if (cause === 'connect-timeout') stats.cxConnectTimeout.add(1)
    else stats.cxConnectFail.add(1)
    this.endpoint.connectFailures++
    noteConnectFailure(this.context, this.endpoint)
    // as Envoy: what waits for this endpoint fails with the attempt, so that it can be tried elsewhere
    for (const lane of this.#lanes) this.#failWaiting(lane, connection.closeFailure())
  }

  /** Requests may wait for the room on a connection that is gone, or for its place among those allowed. */
  #replace(lane: Lane): void {
    if (this.#isClosed || !lane.needsConnection || this.#connect(lane)) return
    if (this.#canWait(lane)) this.#wantIfNeeded()
    else this.#failWaiting(lane, failure(FAILURES.overflow, ''))
  }

  #failWaiting(lane: Lane, cause: Failure): void {
    // only those who wait now: a client may come back at once
    for (let count = lane.waiting.size; count > 0; count--) {
      const client = lane.waiting.shift()
      if (client === null) break
      this.context.stats.rqPendingFailureEject.add(1)
      client.onNoConnection(cause)
    }
    this.#wantIfNeeded()
  }

  /** Waits for a place while a connection is needed, and no longer; with nothing else to hope for, not for ever. */
  #wantIfNeeded(): void {
    const { places, timers, connectTimeoutMs } = this.context
    this.#isWanting = !this.#isClosed && this.#lanes.some((lane) => lane.needsConnection)
    if (!this.#isWanting) {
      places.unwant(this)
      timers.cancel(this)
      return
    }
    places.want(this)
    const isHopeless = this.#lanes.some((lane) => this.#isHopeless(lane))
    if (isHopeless && this.timerNext === null) timers.schedule(this, connectTimeoutMs)
  }
}
