import { closeSync } from 'node:fs'
import type { ListenerConfig, SocketAddress } from '@meltemi/api/model'

/** A socket that listens, which another process has handed on: one of a thread of its. */
export interface InheritedSocket {
  /** Name of its listener. */
  readonly listener: string
  readonly address: SocketAddress
  readonly fd: number
}

/** Of a thread among those that serve the same listener: a number, and how many there are. */
export interface Place {
  readonly place: number
  readonly places: number
}

/** On its way to a thread. Plain data. */
export interface SharedInheritance {
  readonly sockets: readonly InheritedSocket[]
  /** One Int32 for each socket; 1: somebody has it. */
  readonly claims: SharedArrayBuffer
}

/**
 * The listening sockets that this process was started with, see hot-restart.ts. A socket that nobody closes loses no
 * client: those that wait in its queue are accepted by whoever takes it, so each must be taken, or closed, exactly once.
 */
export class Inheritance {
  static readonly none: Inheritance = Inheritance.of([])
  readonly shared: SharedInheritance
  readonly #claims: Int32Array

  constructor(shared: SharedInheritance) {
    this.shared = shared
    this.#claims = new Int32Array(shared.claims)
  }

  static of(sockets: readonly InheritedSocket[]): Inheritance {
    const claims = new SharedArrayBuffer(Math.max(1, sockets.length) * Int32Array.BYTES_PER_ELEMENT)
    return new Inheritance({ sockets, claims })
  }

  /** The listener with the port that is there for it; undefined: nothing is. One that asks for any port keeps its last one. */
  place(listener: ListenerConfig): ListenerConfig | undefined {
    const { host, port } = listener.address
    const found = this.shared.sockets.find(
      (socket, at) =>
        Atomics.load(this.#claims, at) === 0 &&
        socket.address.host === host &&
        (port === 0 ? socket.listener === listener.name : socket.address.port === port),
    )
    return found === undefined ? undefined : { ...listener, address: found.address }
  }

  /**
   * Takes the part of one of the threads that serve the same; what it gets it must close. None: the thread opens a socket of
   * its own.
   */
  claim({ host, port }: SocketAddress, { place, places }: Place): readonly number[] {
    const fds: number[] = []
    let index = 0
    this.shared.sockets.forEach(({ address, fd }, at) => {
      if (address.host !== host || address.port !== port) return
      if (index++ % places === place && this.#take(at)) fds.push(fd)
    })
    return fds
  }

  /** Everything is open by now: closes what nobody wants. */
  closeRest(): void {
    this.shared.sockets.forEach(({ fd }, at) => {
      if (this.#take(at)) closeSync(fd)
    })
  }

  #take(at: number): boolean {
    return Atomics.compareExchange(this.#claims, at, 0, 1) === 0
  }
}
