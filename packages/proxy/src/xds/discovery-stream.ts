import type { Clock, Timer } from '@meltemi/runtime'
import type { Backoff } from '../util/backoff.ts'
import type { XdsRequest, XdsResponse, XdsService, XdsStream, XdsTransport } from './transport.ts'

export interface DiscoveryStreamParts {
  readonly service: XdsService
  /** `host:port`; tried in turn. */
  readonly addresses: readonly string[]
  readonly transport: XdsTransport
  /** That the addresses are of. */
  readonly cluster?: string
  readonly clock: Clock
  readonly backoff: Backoff
  /** What a new stream begins with; the first request must have the node. */
  firstRequests(): readonly XdsRequest[]
  onResponse(response: XdsResponse): void
  /** `hadAnswered`: of this stream there was at least one response. */
  onLost(reason: string, hadAnswered: boolean): void
}

/**
 * The stream to a control plane, which is always tried again. A control plane that has nothing to say may be silent for
 * ever: that it is still there is for the connection's keepalive to find out.
 *
 *   open ──first response──► answered ──lost──► wait (from the shortest on) ──► open (the next address)
 *     └──────────lost──────────────────────────► wait (longer each time) ─────┘
 */
export class DiscoveryStream {
  readonly #parts: DiscoveryStreamParts
  #stream: XdsStream | undefined
  #timer: Timer | undefined
  #attempts = 0
  #hasAnswered = false
  #isClosed = false

  constructor(parts: DiscoveryStreamParts) {
    this.#parts = parts
  }

  get hasAnswered(): boolean {
    return this.#hasAnswered
  }

  /** Counts the streams that were opened: an answer to a response belongs to the stream that it came by. */
  get incarnation(): number {
    return this.#attempts
  }

  open(): void {
    const { addresses, service, transport, cluster = '' } = this.#parts
    const address = addresses[this.#attempts % addresses.length] as string
    const attempt = ++this.#attempts
    this.#stream = transport(
      address,
      service,
      {
        onMessage: (message) => this.#onMessage(attempt, message),
        onClose: (reason) => this.#onClose(attempt, reason),
      },
      cluster,
    )
    for (const request of this.#parts.firstRequests()) this.#stream.write(request)
  }

  /** Does nothing while there is no stream: the next one begins with what is true then. */
  write(request: XdsRequest): void {
    this.#stream?.write(request)
  }

  /** Gives this stream up, and tries again. */
  restart(): void {
    this.#stream?.cancel()
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
    this.#stream?.cancel()
  }

  #onMessage(attempt: number, message: XdsResponse): void {
    if (this.#isClosed || attempt !== this.#attempts) return
    if (!this.#hasAnswered) this.#parts.backoff.reset()
    this.#hasAnswered = true
    this.#parts.onResponse(message)
  }

  #onClose(attempt: number, reason: string): void {
    if (this.#isClosed || attempt !== this.#attempts) return
    const { clock, backoff, onLost } = this.#parts
    const hadAnswered = this.#hasAnswered
    this.#stream = undefined
    this.#hasAnswered = false
    this.#timer = clock.setTimer(backoff.next(), () => this.open())
    onLost(reason, hadAnswered)
  }
}
