import type { Socket, SocketHandler } from '../net/network.ts'

/** A client that came before its listener is open. It waits, unread, until it is let in. */
export class EarlyClient implements SocketHandler {
  readonly #socket: Socket
  readonly #onGone: (client: EarlyClient) => void
  #next: SocketHandler | null = null

  /** `onGone`: it has left by itself. */
  constructor(socket: Socket, onGone: (client: EarlyClient) => void) {
    this.#socket = socket
    this.#onGone = onGone
    socket.pause()
  }

  /** `admit` returns its handler from now on. */
  enter(admit: (socket: Socket) => SocketHandler): void {
    // first, for who handles it may want to pause it
    this.#socket.resume()
    this.#next = admit(this.#socket)
  }

  close(): void {
    this.#socket.destroy()
  }

  onConnect(): void {}

  onData(chunk: Buffer): void {
    this.#next?.onData(chunk)
  }

  onEnd(): void {
    this.#next?.onEnd()
  }

  onDrain(): void {
    this.#next?.onDrain()
  }

  onClose(error: Error | undefined): void {
    if (this.#next !== null) this.#next.onClose(error)
    else this.#onGone(this)
  }
}
