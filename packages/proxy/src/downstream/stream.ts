import { type Failure, MessageType, type Metadata, Mutation, ResponseStatus } from '@meltemi/sdk'
import type { StreamEnd, StreamObserver } from '../filters/router/router-context.ts'
import type { DrainWaiter, UpstreamConnection } from '../upstream/connection.ts'
import type { Client, OpenStream } from './client.ts'

/**
 * One open stream: frames pass both ways until both sides have closed, or one resets.
 *
 *   opening ──► open ──► client closed ┐
 *                  └───► server closed ┴─► over        reset, failure, end of the client: over at once
 */
export class Stream implements OpenStream, DrainWaiter {
  readonly opened: Metadata
  /** Of frames, on their way to the client. */
  bytesSent = 0
  #bytesReceived = 0
  #observer: StreamObserver | null = null
  /** What came of it, when it was over before anybody wanted to know. */
  #end: StreamEnd | null = null
  readonly #client: Client<never, Stream>
  #upstream: UpstreamConnection | null = null
  #ticket = 0
  #isAnswered = false
  #isClientClosed = false
  #isServerClosed = false
  #isOver = false
  #hasPaused = false
  #hasFailed = false
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

  observe(observer: StreamObserver): boolean {
    const end = this.#end
    this.#end = null
    if (end !== null) observer.onStreamEnd(end)
    else if (this.#upstream === null) return false
    else this.#observer = observer
    return true
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

  onReply(message: Metadata): void {
    if (this.#isOver) return
    if (message.status === ResponseStatus.Error) this.#hasFailed = true
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
    this.#resumeClient()
    this.#client.resetByUpstream(this, cause)
    this.#tell(cause, false)
  }

  /** The client is gone, or the exchange that should have opened it has ended otherwise. `cause`: it was us. */
  abort(cause: Failure | null = null): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#early.length = 0
    this.#resumeClient()
    this.#upstream?.resetStream(this.opened, this.#ticket)
    this.#tell(cause, cause === null)
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
    this.#bytesReceived += message.message.length
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
    this.#tell(null, false)
  }

  #tell(failure: Failure | null, isClientGone: boolean): void {
    const observer = this.#observer
    this.#observer = null
    const isComplete = failure === null && !isClientGone && !this.#hasFailed
    const { bytesSent } = this
    const end = { bytesReceived: this.#bytesReceived, bytesSent, failure, isClientGone, isComplete }
    if (observer === null) this.#end = end
    else observer.onStreamEnd(end)
  }
}
