import type { Counter } from '@meltemi/runtime'
import type { Socket } from '../net/network.ts'

/**
 * Why a client is not read just now; bits, so that each reason ends by itself. The last two are not for its own flow: others have their
 * turn, or it is about to be closed.
 */
export const Pause = { InFlight: 1, SlowClient: 2, Pinning: 4, Stream: 8, SlowService: 16, Turn: 32, Over: 64 } as const
export type Pause = (typeof Pause)[keyof typeof Pause]

/** Whether a client is read. */
export class Reading {
  readonly #socket: Socket
  readonly #pausedCounter: Counter
  #reasons = 0

  constructor(socket: Socket, pausedCounter: Counter) {
    this.#socket = socket
    this.#pausedCounter = pausedCounter
  }

  get isPaused(): boolean {
    return this.#reasons !== 0
  }

  /** For longer than until its next turn. */
  get isHeld(): boolean {
    return (this.#reasons & ~Pause.Turn) !== 0
  }

  isPausedFor(reason: Pause): boolean {
    return (this.#reasons & reason) !== 0
  }

  pause(reason: Pause): void {
    if (this.#reasons === 0) {
      this.#socket.pause()
      if (reason < Pause.Turn) this.#pausedCounter.add(1)
    }
    this.#reasons |= reason
  }

  /** True when this was the last reason: reading goes on. */
  unpause(reason: Pause): boolean {
    if ((this.#reasons & reason) === 0) return false
    this.#reasons &= ~reason
    if (this.#reasons !== 0) return false
    this.#socket.resume()
    return true
  }
}
