import type { Writable } from 'node:stream'

/** More than this and `write` asks to wait. */
const MAX_UNSENT = 16

/** Writes the messages of one side of a call, and knows which of them the connection has not taken yet. */
export class MessageWriter {
  readonly #stream: Writable
  readonly #onDrain: () => void
  #unsent = 0

  constructor(stream: Writable, onDrain: () => void) {
    this.#stream = stream
    this.#onDrain = onDrain
  }

  get unsent(): number {
    return this.#unsent
  }

  write(message: unknown): boolean {
    if (!this.#stream.writable) return true
    this.#unsent++
    this.#stream.write(message, (error) => this.#sent(error))
    return this.#unsent < MAX_UNSENT
  }

  #sent(error: Error | null | undefined): void {
    this.#unsent--
    // After an error the call is over, which its owner is told otherwise.
    if (this.#unsent === 0 && error == null) this.#onDrain()
  }
}
