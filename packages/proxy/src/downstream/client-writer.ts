import type { Codec, Failure, Metadata, Mutation } from '@meltemi/sdk'
import type { Socket } from '../net/network.ts'
import { Outbox } from '../net/outbox.ts'
import { writeMessage } from '../upstream/write-message.ts'
import type { ListenerContext } from './listener-context.ts'
import { writeLocalReply, writeStreamError } from './local-reply.ts'

export interface WriterOwner {
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
    try {
      writeMessage(this.#codec, message, mutation, requestId, streamId, this.#outbox.writer)
    } catch (error: unknown) {
      this.#listener.stats.codecException.add(1)
      this.#listener.thread.onCodecException(error, this.#listener.protocol.definition)
      return false
    }
    this.#written()
    return true
  }

  /** Returns the bytes of the local reply; 0 when the codec cannot write it. */
  error(request: Metadata, cause: Failure): number {
    const before = this.#outbox.writer.length
    return this.#count(writeLocalReply(this.#codec, request, cause, this.#outbox.writer), before)
  }

  /** Ends a stream that the service has answered; returns the bytes, 0 when the codec cannot write them. */
  streamError(opened: Metadata, cause: Failure): number {
    const before = this.#outbox.writer.length
    return this.#count(writeStreamError(this.#codec, opened, cause, this.#outbox.writer), before)
  }

  #count(isWritten: boolean, before: number): number {
    const { stats } = this.#listener
    if (!isWritten) {
      stats.localResponseError.add(1)
      this.#owner.onUnanswerable()
      return 0
    }
    const bytes = this.#outbox.writer.length - before
    stats.localResponseBusinessException.add(1)
    this.#written()
    return bytes
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
    if (!this.isStuck) return
    if (this.#outbox.pendingBytes > this.#listener.config.maxDownstreamBufferBytes) this.#owner.onOverflow()
    else this.#owner.onSlowClient()
  }
}
