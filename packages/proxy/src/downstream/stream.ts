import { type Failure, MessageType, type Metadata, Mutation, ResponseStatus } from '@meltemi/sdk'
import type { DrainWaiter, UpstreamConnection } from '../upstream/connection.ts'
import type { Client, OpenStream, StreamWatcher } from './client.ts'

/**
 * One open stream: frames pass both ways until both sides have closed, or one resets.
 *
 *   opening ──► open ──► client closed ┐
 *                  └───► server closed ┴─► over        reset, failure, end of the client: over at once
 */
export class Stream implements OpenStream, DrainWaiter {
  readonly opened: Metadata
  clientBytes = 0
  serverBytes = 0
  failure: Failure | null = null
  isClientGone = false
  status: ResponseStatus = ResponseStatus.Ok
  readonly #client: Client<never, Stream>
  #upstream: UpstreamConnection | null = null
  #ticket = 0
  #isAnswered = false
  #isClientClosed = false
  #isServerClosed = false
  #isOver = false
  #hasPaused = false
  #watcher: StreamWatcher | null = null
  /** Frames that came before the upstream connection was there. */
  readonly #early: Metadata[] = []

  get isOpen(): boolean {
    return this.#upstream !== null
  }

  /** The client has got a frame of the service. */
  get isAnswered(): boolean {
    return this.#isAnswered
  }

  /** The client will send no more frames. */
  get isClientClosed(): boolean {
    return this.#isClientClosed
  }

  constructor(client: Client<never, Stream>, opened: Metadata) {
    this.#client = client
    this.opened = opened
  }

  onOpened(connection: UpstreamConnection, ticket: number): void {
    this.#upstream = connection
    this.#ticket = ticket
    if (this.#isOver) {
      connection.resetStream(this.opened, ticket)
      return
    }
    for (const message of this.#early) this.#forward(message)
    this.#early.length = 0
    this.#resumeClient()
  }

  /** A frame of the client. */
  fromClient(message: Metadata): void {
    // the pause that its end lifts lets more frames in, before anybody has forgotten it
    if (this.#isOver) return
    if (this.#upstream === null) {
      // nothing more is read until the connection is there: what waits is at most what had been received
      this.#early.push(message)
      this.#pauseClient()
      return
    }
    this.#forward(message)
  }

  watch(watcher: StreamWatcher): void {
    this.#watcher = watcher
    if (this.#isOver) this.#tellEnd()
  }

  onReply(message: Metadata): void {
    if (this.#isOver) return
    this.serverBytes += message.message.length
    if (message.status === ResponseStatus.Error) this.status = ResponseStatus.Error
    this.#client.sendFrame(this, message)
    if (this.#isOver) return
    this.#isAnswered = true
    if (message.type === MessageType.StreamCloseOneWay) this.#isServerClosed = true
    else if (message.type !== MessageType.StreamData && message.type !== MessageType.StreamInit)
      this.#isServerClosed = this.#isClientClosed = true
    this.#endIfClosed()
    if (!this.#isOver && this.#upstream !== null) this.#client.holdBack(this.#upstream)
  }

  onUpstreamFailure(cause: Failure): void {
    if (this.#isOver) return
    this.#isOver = true
    this.failure = cause
    this.#resumeClient()
    this.#client.resetByUpstream(this, cause)
    this.#tellEnd()
  }

  /** The client is gone, or the exchange that should have opened it has ended otherwise; or there is a `cause`. */
  abort(cause: Failure | null = null): void {
    if (this.#isOver) return
    this.#isOver = true
    this.failure = cause
    this.isClientGone = cause === null
    this.#early.length = 0
    this.#resumeClient()
    this.#upstream?.resetStream(this.opened, this.#ticket)
    this.#tellEnd()
  }

  onUpstreamDrain(): void {
    this.#resumeClient()
  }

  #pauseClient(): void {
    if (this.#hasPaused) return
    this.#hasPaused = true
    this.#client.pauseForStream()
  }

  #resumeClient(): void {
    if (!this.#hasPaused) return
    this.#hasPaused = false
    this.#client.resumeForStream()
  }

  #forward(message: Metadata): void {
    if (this.#isOver) return
    const upstream = this.#upstream as UpstreamConnection
    this.clientBytes += message.message.length
    upstream.sendStream(message, Mutation.none, this, this.#ticket)
    if (message.type === MessageType.StreamCloseOneWay) this.#isClientClosed = true
    else if (message.type === MessageType.StreamCloseTwoWay) {
      this.#isOver = true
      upstream.closeStream(this.#ticket)
      this.#over()
      return
    }
    if (upstream.isCongested) {
      this.#pauseClient()
      upstream.whenDrained(this)
    }
    this.#endIfClosed()
  }

  #endIfClosed(): void {
    if (!this.#isClientClosed || !this.#isServerClosed) return
    this.#upstream?.endStream(this.#ticket)
    this.#over()
  }

  #over(): void {
    this.#isOver = true
    this.#resumeClient()
    this.#client.forget(this)
    this.#tellEnd()
  }

  #tellEnd(): void {
    const watcher = this.#watcher
    this.#watcher = null
    watcher?.onStreamEnd()
  }
}
