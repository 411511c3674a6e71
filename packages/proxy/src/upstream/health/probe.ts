import type { Network, Socket, SocketHandler } from '../../net/network.ts'
import type { CheckFailure } from './check-verdict.ts'

/** How hosts are asked: what is said on a connection, and what of its answers. */
export interface ProbeProtocol {
  /** A new connection. */
  connect(): Conversation
}

/** One check after the other on one connection. */
export interface Conversation {
  /** What to send; empty: nothing. Throws what a codec throws. */
  ask(): readonly Buffer[]
  /** undefined: more must come. Throws when it can make no sense of it. */
  answer(chunk: Buffer): 'healthy' | 'unhealthy' | undefined
  /** A connection is enough. */
  readonly needsNoAnswer: boolean
}

export interface ProbeParts {
  readonly network: Network
  readonly protocol: ProbeProtocol
  readonly host: string
  readonly port: number
  readonly reusesConnection: boolean
  onPassed(): void
  onFailed(failure: CheckFailure, detail: string): void
}

/** Asks one host for its health, again and again, on one connection or on one for each time. */
export class Probe {
  readonly #parts: ProbeParts
  #talk: Talk | null = null

  constructor(parts: ProbeParts) {
    this.#parts = parts
  }

  /** One check; tells how it went, once, unless `stop` comes first. */
  begin(): void {
    if (this.#talk === null) this.#talk = new Talk(this.#parts, (talk) => this.#forget(talk))
    else this.#talk.ask()
  }

  /** Nobody waits any more. */
  stop(): void {
    const talk = this.#talk
    this.#talk = null
    talk?.end()
  }

  #forget(talk: Talk): void {
    if (this.#talk === talk) this.#talk = null
  }
}

/** A connection to a host, and what is said on it. */
class Talk implements SocketHandler {
  readonly #parts: ProbeParts
  readonly #conversation: Conversation
  readonly #socket: Socket
  readonly #onEnd: (talk: Talk) => void
  #isAsking = true
  #isOver = false

  constructor(parts: ProbeParts, onEnd: (talk: Talk) => void) {
    this.#parts = parts
    this.#onEnd = onEnd
    this.#conversation = parts.protocol.connect()
    this.#socket = parts.network.connect(parts.host, parts.port, this)
  }

  ask(): void {
    this.#isAsking = true
    try {
      const bytes = this.#conversation.ask()
      if (bytes.length > 0) this.#socket.write(bytes)
      if (this.#conversation.needsNoAnswer) this.#passed(true)
    } catch (error: unknown) {
      this.#failed('active', textOf(error))
    }
  }

  /** Nobody hears of it any more. */
  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#isAsking = false
    this.#onEnd(this)
    this.#socket.destroy()
  }

  onConnect(): void {
    if (!this.#isOver) this.ask()
  }

  onData(chunk: Buffer): void {
    if (this.#isOver) return
    try {
      const answer = this.#conversation.answer(chunk)
      if (!this.#isAsking) return
      if (answer === 'healthy') this.#passed(!this.#parts.reusesConnection)
      else if (answer === 'unhealthy') this.#failed('active', 'the answer is an error')
    } catch (error: unknown) {
      this.#failed('active', textOf(error))
    }
  }

  onEnd(): void {
    this.#closed('the host has closed the connection')
  }

  onDrain(): void {}

  onClose(error: Error | undefined): void {
    this.#closed(error?.message ?? 'the connection was closed')
  }

  /** What was written is to leave. */
  #passed(isEnd: boolean): void {
    this.#isAsking = false
    if (isEnd && !this.#isOver) {
      this.#isOver = true
      this.#onEnd(this)
      this.#socket.destroySoon()
    }
    this.#parts.onPassed()
  }

  #failed(failure: CheckFailure, detail: string): void {
    const wasAsking = this.#isAsking
    this.end()
    if (wasAsking) this.#parts.onFailed(failure, detail)
  }

  #closed(detail: string): void {
    if (!this.#isOver) this.#failed('network', detail)
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
