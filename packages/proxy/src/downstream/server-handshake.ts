import type { TLSSocket, TLSSocketOptions } from 'node:tls'
import type { Socket, SocketHandler, TlsHandshake } from '../net/network.ts'
import type { ServerTls } from '../net/tls/server-tls.ts'
import type { TimerNode, TimerWheel } from '../util/timer-wheel.ts'

export interface HandshakeListener {
  /** The connection's handler from now on. */
  onSecure(properties: ReadonlyMap<string, string>): SocketHandler
  /** The connection is closed, or about to be. */
  onRefused(): void
}

/** Stands before a client's connection until it is known who it is. Whatever goes wrong closes this one connection. */
export class ServerHandshake implements SocketHandler, TlsHandshake, TimerNode {
  timerNext: TimerNode | null = null
  timerPrev: TimerNode | null = null
  timerTick = 0
  readonly side = 'server'
  options: TLSSocketOptions = {}
  readonly #socket: Socket
  readonly #tls: ServerTls
  readonly #timers: TimerWheel
  readonly #listener: HandshakeListener
  readonly #remoteAddress: string
  #isOver = false

  constructor(socket: Socket, tls: ServerTls, timers: TimerWheel, listener: HandshakeListener) {
    this.#socket = socket
    this.#tls = tls
    this.#timers = timers
    this.#listener = listener
    this.#remoteAddress = socket.remoteAddress
  }

  /** `received`: what was read of it already. */
  begin(received: Buffer | undefined): void {
    const options = this.#tls.options()
    if (options === undefined) this.#refuse('a secret is not here yet')
    else if (this.#socket.startTls === undefined) this.#refuse('there is no TLS on this network')
    else {
      this.options = options
      if (this.#tls.handshakeTimeoutMs > 0) this.#timers.schedule(this, this.#tls.handshakeTimeoutMs)
      this.#socket.startTls(this, received)
    }
  }

  onTimer(): void {
    this.#tls.onFailed(undefined)
    this.#refuse('it did not end in time')
  }

  onSecure(secured: TLSSocket): SocketHandler | undefined {
    if (this.#isOver) return undefined
    const verdict = this.#tls.judge(secured)
    if (verdict.refusal !== undefined) {
      this.#refuse(verdict.refusal)
      return undefined
    }
    this.#isOver = true
    this.#timers.cancel(this)
    return this.#listener.onSecure(verdict.properties)
  }

  /** The listener wants it no more. */
  close(): void {
    this.#over()
    this.#socket.destroy()
  }

  onConnect(): void {}

  onData(): void {}

  onEnd(): void {
    this.#socket.destroy()
  }

  onDrain(): void {}

  onClose(error: Error | undefined): void {
    if (this.#isOver) return
    this.#tls.onFailed(error)
    this.#tls.log(this.#remoteAddress, error?.message ?? 'the client has left in its handshake')
    this.#over()
  }

  #refuse(reason: string): void {
    this.#tls.log(this.#remoteAddress, reason)
    this.#over()
    this.#socket.destroy()
  }

  #over(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#timers.cancel(this)
    this.#listener.onRefused()
  }
}
