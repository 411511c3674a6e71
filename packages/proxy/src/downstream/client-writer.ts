import type { Codec, Failure, Metadata, Mutation } from '@meltemi/sdk'
import type { Socket } from '../net/network.ts'
import { Outbox } from '../net/outbox.ts'
import { writeMessage } from '../upstream/write-message.ts'
import type { ListenerContext } from './listener-context.ts'
import { writeLocalReply, writeStreamError } from './local-reply.ts'

export interface WriterOwner {
  /** Much waits to be sent; a drain of the socket will be told. */
  onPending(): void
  /** The client takes less than it is sent. */
  onSlowClient(): void
  /** It takes so little that its connection has to end. */
  onOverflow(): void
  /** A request cannot be answered: without a reply its client would wait for ever. */
  onUnanswerable(): void
}

/** What goes to one client, in its protocol. */
export class ClientWriter {
  readonly #codec: Codec
  readonly #listener: ListenerContext
  readonly #owner: WriterOwner
  readonly #outbox: Outbox
  /** Of the message that was written last. */
  lastBytes = 0

  constructor(codec: Codec, socket: Socket, listener: ListenerContext, owner: WriterOwner) {
    this.#codec = codec
    this.#listener = listener
    this.#owner = owner
    this.#outbox = new Outbox(socket, listener.thread.flusher)
  }

  get pendingBytes(): number {
    return this.#outbox.pendingBytes
  }

  get bytesSent(): number {
    return this.#outbox.bytesSent
  }

  /** So much waits that a drain of the socket will be told. */
  get isStuck(): boolean {
    return this.#outbox.isStuck(this.#listener.listener.bufferLimitBytes)
  }

  flush(): void {
    this.#outbox.flush()
  }

  /** False when the codec cannot encode it; then nothing was written. */
  message(message: Metadata, mutation: Mutation, requestId: Metadata['requestId'], streamId: number): boolean {
    const { writer } = this.#outbox
    const before = writer.length
    try {
      writeMessage(this.#codec, message, mutation, requestId, streamId, writer)
      this.lastBytes = writer.length - before
    } catch (error: unknown) {
      this.#listener.stats.codecException.add(1)
      this.#listener.thread.onCodecException(error, this.#listener.protocol.definition)
      return false
    }
    this.#written()
    return true
  }

  error(request: Metadata, cause: Failure): void {
    const before = this.#outbox.writer.length
    this.#count(writeLocalReply(this.#codec, request, cause, this.#outbox.writer), before)
  }

  /** Ends a stream that the service has answered. */
  streamError(opened: Metadata, cause: Failure): void {
    const before = this.#outbox.writer.length
    this.#count(writeStreamError(this.#codec, opened, cause, this.#outbox.writer), before)
  }

  #count(isWritten: boolean, before: number): void {
    const { stats } = this.#listener
    this.lastBytes = this.#outbox.writer.length - before
    if (isWritten) {
      stats.localResponseBusinessException.add(1)
      this.#written()
    } else {
      stats.localResponseError.add(1)
      this.#owner.onUnanswerable()
    }
  }

  /** Throws what the codec throws. */
  heartbeatReply(request: Metadata): void {
    if (this.#codec.heartbeatReply === undefined) return
    this.#codec.heartbeatReply(request, this.#outbox.writer)
    this.#written()
  }

  /** False when the protocol has no word for it. Throws what the codec throws. */
  goAway(): boolean {
    if (this.#codec.goAway === undefined) return false
    this.#codec.goAway(this.#outbox.writer)
    this.#written()
    return true
  }

  #written(): void {
    this.#outbox.touch()
    if (!this.#outbox.isStuck(0)) return
    this.#owner.onPending()
    if (!this.isStuck) return
    if (this.#outbox.pendingBytes > this.#listener.config.maxDownstreamBufferBytes) this.#owner.onOverflow()
    else this.#owner.onSlowClient()
  }
}
