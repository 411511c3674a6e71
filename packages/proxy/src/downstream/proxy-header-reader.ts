import type { Socket, SocketHandler } from '../net/network.ts'
import { type ProxyHeader, parseProxyHeader } from '../net/proxy-protocol.ts'
import type { TimerNode, TimerWheel } from '../util/timer-wheel.ts'

const HEADER_TIMEOUT_MS = 15_000
const NOTHING = Buffer.alloc(0)

export interface ProxyHeaderListener {
  /** The connection's handler from now on; `rest` is what has come behind the header, and its to deal with. */
  onHeader(properties: ReadonlyMap<string, string>, rest: Buffer): SocketHandler
  /** The connection is closed; the reason is empty when the client left by itself. */
  onRefused(reason: string): void
}

/** Stands before a connection until its PROXY header is here, then passes everything through. */
export class ProxyHeaderReader implements SocketHandler, TimerNode {
  timerNext: TimerNode | null = null
  timerPrev: TimerNode | null = null
  timerTick = 0
  readonly #socket: Socket
  readonly #timers: TimerWheel
  readonly #listener: ProxyHeaderListener
  #bytes: Buffer = NOTHING
  #next: SocketHandler | null = null
  #isOver = false

  constructor(socket: Socket, timers: TimerWheel, listener: ProxyHeaderListener) {
    this.#socket = socket
    this.#timers = timers
    this.#listener = listener
    timers.schedule(this, HEADER_TIMEOUT_MS)
  }

  onTimer(): void {
    this.#refuse('PROXY protocol header did not come in time')
  }

  onConnect(): void {}

  onData(chunk: Buffer): void {
    if (this.#next !== null) {
      this.#next.onData(chunk)
      return
    }
    if (this.#isOver) return
    // bounded: a header is at most 4 KiB, and what follows it is handed on at once
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk])
    const header = this.#tryParse()
    if (header === undefined) return
    const rest = this.#bytes.subarray(header.length)
    this.#bytes = NOTHING
    this.#timers.cancel(this)
    this.#next = this.#listener.onHeader(header.properties, rest)
  }

  onEnd(): void {
    if (this.#next !== null) this.#next.onEnd()
    else this.#refuse('connection ended before its PROXY protocol header')
  }

  onDrain(): void {
    this.#next?.onDrain()
  }

  onClose(error: Error | undefined): void {
    if (this.#next !== null) this.#next.onClose(error)
    else this.#over('')
  }

  close(): void {
    if (this.#next !== null) return
    this.#over('')
    this.#socket.destroy()
  }

  /** undefined: it is not all here yet, or it is none and the connection is refused. */
  #tryParse(): ProxyHeader | undefined {
    try {
      return parseProxyHeader(this.#bytes)
    } catch (error: unknown) {
      this.#refuse(error instanceof Error ? error.message : String(error))
      return undefined
    }
  }

  #refuse(reason: string): void {
    this.#over(reason)
    this.#socket.destroy()
  }

  #over(reason: string): void {
    if (this.#isOver || this.#next !== null) return
    this.#isOver = true
    this.#timers.cancel(this)
    this.#listener.onRefused(reason)
  }
}
