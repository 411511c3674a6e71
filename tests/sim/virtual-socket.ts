import type { Socket, SocketHandler } from '@meltemi/proxy'
import type { Side, VirtualNetwork } from './virtual-network.ts'

export interface SocketIdentity {
  readonly side: Side
  readonly number: number
  readonly remote: { readonly host: string; readonly port: number }
  readonly local: { readonly host: string; readonly port: number }
}

const NO_ERROR = undefined
const LINGER_MS = 15_000

/**
 * One end of a virtual connection, with the manners of Node's:
 *
 *   write ─► queue ─(window)─► wire, in order, with delay ─► unread ─► onData   and the window opens again
 *
 * Handlers are called from the clock alone. A paused socket notices neither the end nor a reset, unless it has bytes
 * to send. Bytes that reach a destroyed socket are answered by a reset.
 */
export class VirtualSocket implements Socket {
  readonly side: Side
  readonly number: number
  readonly remoteAddress: string
  readonly remotePort: number
  readonly localAddress: string
  readonly localPort: number
  handler: SocketHandler | undefined = undefined
  peer: VirtualSocket | null = null
  isConnected = false
  isDestroyed = false
  isVanished = false
  readonly #network: VirtualNetwork
  #queue: Buffer[] = []
  #queueBytes = 0
  #inFlightBytes = 0
  #sentBytes = 0
  #needsDrain = false
  #isEnding = false
  #isFinSent = false
  #destroysAfterFin = false
  #lastArrivalMs = 0
  #unread: Buffer[] = []
  #unreadBytes = 0
  #isPaused = false
  #isDeliveryDue = false
  #isFinReceived = false
  #isEndDelivered = false
  #isResetReceived = false
  #isCloseEmitted = false
  #isDying = false

  constructor(network: VirtualNetwork, identity: SocketIdentity) {
    this.#network = network
    this.side = identity.side
    this.number = identity.number
    this.remoteAddress = identity.remote.host
    this.remotePort = identity.remote.port
    this.localAddress = identity.local.host
    this.localPort = identity.local.port
  }

  /** `end` or `destroySoon` has been called: nothing more may be written. */
  get isEnding(): boolean {
    return this.#isEnding
  }

  get bufferedBytes(): number {
    return this.#queueBytes
  }

  write(parts: readonly Buffer[]): boolean {
    if (this.isDestroyed) return true
    if (this.#isEnding) {
      this.#network.problems.push(`socket ${this.number} (${this.side}): written to after its end`)
      return true
    }
    for (const part of parts) {
      if (part.length === 0) continue
      this.#queue.push(part)
      this.#queueBytes += part.length
      if (this.side === 'proxy') this.#network.proxyBytes.sent += part.length
    }
    if (this.#queueBytes >= this.#network.weather.highWaterBytes) this.#needsDrain = true
    const hadRoom = this.#queueBytes < this.#network.weather.highWaterBytes
    if (this.#isResetReceived) this.#later(() => this.#fail('EPIPE'))
    else this.#pump()
    return hadRoom || this.#queueBytes === 0
  }

  end(): void {
    if (this.#isEnding || this.isDestroyed) return
    this.#isEnding = true
    this.#pump()
  }

  destroySoon(): void {
    if (this.isDestroyed) return
    this.#isPaused = true
    this.#destroysAfterFin = true
    this.#isEnding = true
    this.#linger()
    if (this.#isResetReceived) this.destroy()
    else if (this.#isFinSent) this.#later(() => this.destroy())
    else this.#pump()
  }

  /** As Node's socket of the proxy: a peer that takes nothing for long is given up. */
  #linger(): void {
    const sentBytes = this.#sentBytes
    this.#network.clock.setTimer(LINGER_MS, () => {
      if (this.isDestroyed) return
      if (this.#sentBytes === sentBytes) this.destroy()
      else this.#linger()
    })
  }

  destroy(reset = false): void {
    if (this.isDestroyed) return
    const isRude = reset || this.#unreadBytes > 0
    this.#release()
    const { peer } = this
    if (peer !== null && !this.isVanished) {
      if (isRude) this.#send(() => peer.#receiveReset())
      else if (!this.#isFinSent) this.#send(() => peer.#receiveFin())
    }
    this.#later(() => this.#emitClose(NO_ERROR))
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    if (!this.#isPaused || this.#destroysAfterFin) return
    this.#isPaused = false
    this.#deliverLater()
  }

  /** This end is gone without a word, as when a machine loses its power. Its own handler hears nothing any more. */
  vanish(): void {
    if (this.isDestroyed) return
    this.isVanished = true
    this.#release()
    this.#network.closed(this)
    this.#isCloseEmitted = true
    this.peer?.watchDeadPeer()
  }

  failConnect(): void {
    this.#fail('ECONNREFUSED')
  }

  connectIn(delayMs: number): void {
    this.#lastArrivalMs = 0
    const { peer } = this
    if (peer !== null) peer.#lastArrivalMs = this.#network.clock.now() + delayMs
    this.#network.clock.setTimer(delayMs, () => {
      if (this.isDestroyed) return
      this.isConnected = true
      this.#network.trace.event('connect', this.number, 0)
      this.handler?.onConnect()
      this.#pump()
    })
  }

  /** As much as the window takes goes on its way; then what waits for the queue's end. */
  #pump(): void {
    const { peer } = this
    if (!this.isConnected || this.isDestroyed || peer === null) return
    const { weather } = this.#network
    while (this.#queueBytes > 0 && this.#inFlightBytes < weather.windowBytes) {
      const chunk = this.#take(Math.min(this.#queueBytes, weather.windowBytes - this.#inFlightBytes))
      this.#inFlightBytes += chunk.length
      this.#sentBytes += chunk.length
      this.#send(() => peer.#receive(chunk))
    }
    if (this.#queueBytes > 0) return
    if (this.#needsDrain) {
      this.#needsDrain = false
      this.#later(() => {
        if (!this.isDestroyed) this.handler?.onDrain()
      })
    }
    if (!this.#isEnding || this.#isFinSent) return
    this.#isFinSent = true
    this.#send(() => peer.#receiveFin())
    if (this.#destroysAfterFin) this.#later(() => this.destroy())
    else this.#closeIfDone()
  }

  #take(length: number): Buffer {
    this.#queueBytes -= length
    return takeBytes(this.#queue, length)
  }

  /** Everything one end sends arrives in order, or nowhere when one end has vanished. */
  #send(arrive: () => void): void {
    if (this.isVanished) return
    if (this.peer?.isVanished) {
      this.watchDeadPeer()
      return
    }
    const { clock } = this.#network
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, clock.now() + this.#network.delayMs())
    clock.setTimer(this.#lastArrivalMs - clock.now(), () => {
      if (!this.isVanished) arrive()
    })
  }

  /** The peer has vanished: retransmissions, or keep-alive, find it out after a while. */
  watchDeadPeer(): void {
    if (this.#isDying || this.isDestroyed) return
    this.#isDying = true
    this.#network.clock.setTimer(this.#network.weather.deadPeerMs, () => this.#fail('ETIMEDOUT'))
  }

  #receive(chunk: Buffer): void {
    if (this.isVanished) {
      this.peer?.watchDeadPeer()
      return
    }
    if (this.isDestroyed) {
      const { peer } = this
      if (peer !== null) this.#send(() => peer.#receiveReset())
      return
    }
    this.#unread.push(chunk)
    this.#unreadBytes += chunk.length
    this.#deliver()
  }

  #receiveFin(): void {
    if (this.isVanished) this.peer?.watchDeadPeer()
    if (this.isDestroyed) return
    this.#isFinReceived = true
    this.#deliver()
  }

  #receiveReset(): void {
    if (this.isDestroyed) return
    this.#isResetReceived = true
    if (this.#isPaused ? this.#queueBytes > 0 : this.#unreadBytes === 0) this.#fail('ECONNRESET')
  }

  #acknowledged(bytes: number): void {
    this.#inFlightBytes -= bytes
    this.#pump()
  }

  #deliverLater(): void {
    if (this.#isDeliveryDue) return
    this.#isDeliveryDue = true
    this.#later(() => {
      this.#isDeliveryDue = false
      this.#deliver()
    })
  }

  /** From an event only. */
  #deliver(): void {
    if (this.#isPaused || this.isDestroyed || !this.isConnected || this.handler === undefined) return
    if (this.#unreadBytes > 0) {
      const chunk = this.#read()
      const { peer } = this
      if (peer !== null) this.#send(() => peer.#acknowledged(chunk.length))
      if (this.side === 'proxy') this.#network.proxyBytes.received += chunk.length
      this.#network.trace.event('data', this.number, chunk.length)
      this.handler.onData(chunk)
    }
    if (this.isDestroyed || this.#isPaused) return
    if (this.#unreadBytes > 0) this.#deliverLater()
    else if (this.#isResetReceived) this.#fail('ECONNRESET')
    else if (this.#isFinReceived && !this.#isEndDelivered) {
      this.#isEndDelivered = true
      this.#network.trace.event('end', this.number, 0)
      this.handler.onEnd()
      this.#closeIfDone()
    }
  }

  /** All that is there, or a piece of it. */
  #read(): Buffer {
    const { random, weather } = this.#network
    let length = this.#unreadBytes
    if (length > 1 && random.next() < weather.splitShare) {
      const most = Math.min(length, random.next() < 0.5 ? 16 : 4096)
      length = 1 + Math.floor(random.next() * most)
    }
    this.#unreadBytes -= length
    return takeBytes(this.#unread, length)
  }

  #closeIfDone(): void {
    if (!this.#isFinSent || !this.#isEndDelivered || this.isDestroyed) return
    this.#release()
    this.#later(() => this.#emitClose(NO_ERROR))
  }

  #fail(code: string): void {
    if (this.isDestroyed) return
    this.#release()
    this.#emitClose(new Error(code))
  }

  #release(): void {
    this.isDestroyed = true
    this.#queue = []
    this.#queueBytes = 0
    this.#unread = []
    this.#unreadBytes = 0
  }

  #emitClose(error: Error | undefined): void {
    if (this.#isCloseEmitted) return
    this.#isCloseEmitted = true
    this.#network.closed(this)
    this.#network.trace.event('close', this.number, error === undefined ? 0 : 1)
    this.handler?.onClose(error)
  }

  #later(callback: () => void): void {
    this.#network.clock.setTimer(0, callback)
  }
}

/** A copy of the first bytes, which leave the queue: what has left must not change when its owner uses the memory again. */
function takeBytes(queue: Buffer[], length: number): Buffer {
  const taken = Buffer.allocUnsafe(length)
  let at = 0
  while (at < length) {
    const part = queue[0] as Buffer
    const copied = part.copy(taken, at, 0, Math.min(part.length, length - at))
    at += copied
    if (copied === part.length) queue.shift()
    else queue[0] = part.subarray(copied)
  }
  return taken
}
