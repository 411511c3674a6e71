import type { Gauge } from '@meltemi/runtime'
import type { Failure, Metadata } from '@meltemi/sdk'
import type { Client } from './client.ts'
import { Stream } from './stream.ts'

/** The open streams of one client, by the client's own ids. */
export class StreamTable {
  readonly #streams = new Map<number, Stream>()
  readonly #activeGauge: Gauge

  constructor(activeGauge: Gauge) {
    this.#activeGauge = activeGauge
  }

  get size(): number {
    return this.#streams.size
  }

  get(streamId: number): Stream | undefined {
    return this.#streams.get(streamId)
  }

  /** Of a stream with this id that is still open nothing remains. */
  open(client: Client<never, Stream>, message: Metadata): Stream {
    const before = this.#streams.get(message.streamId)
    if (before !== undefined) this.abort(before)
    const stream = new Stream(client, message)
    this.#streams.set(message.streamId, stream)
    this.#activeGauge.add(1)
    return stream
  }

  /** False when it is not here any more. */
  remove(stream: Stream): boolean {
    const { streamId } = stream.opened
    if (this.#streams.get(streamId) !== stream) return false
    this.#streams.delete(streamId)
    this.#activeGauge.add(-1)
    return true
  }

  /** `cause`: see Stream. */
  abort(stream: Stream, cause: Failure | null = null): void {
    stream.abort(cause)
    this.remove(stream)
  }

  abortAll(cause: Failure | null): void {
    for (const stream of [...this.#streams.values()]) this.abort(stream, cause)
  }

  /** A client that has finished writing can no longer end a stream; one whose side has ended may still get its frames. */
  abortUnfinished(): void {
    for (const stream of [...this.#streams.values()]) if (!stream.isClientClosed) this.abort(stream)
  }
}
