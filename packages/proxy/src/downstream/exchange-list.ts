import { keepSmall } from '../filters/router/keep-small.ts'
import type { Exchange } from './exchange.ts'

/** After so many bytes the requests still under way get memory of their own: see keepSmall. */
const KEEP_BYTES = 256 * 1024

/** The exchanges of one client that have not ended, oldest first, linked through themselves. */
export class ExchangeList {
  first: Exchange | null = null
  last: Exchange | null = null
  length = 0
  /** Of their requests. */
  bytes = 0
  #bytesSinceKept = 0

  append(exchange: Exchange): void {
    exchange.previous = this.last
    if (this.last === null) this.first = exchange
    else this.last.next = exchange
    this.last = exchange
    this.length++
    this.bytes += exchange.request.message.length
  }

  remove(exchange: Exchange): void {
    const { next, previous } = exchange
    if (previous === null) this.first = next
    else previous.next = next
    if (next === null) this.last = previous
    else next.previous = previous
    exchange.next = null
    exchange.previous = null
    this.length--
    this.bytes -= exchange.request.message.length
  }

  /** Bytes have come: small requests that wait for their replies would keep the chunks they came in, with all else there. */
  onBytes(count: number): void {
    this.#bytesSinceKept = this.length === 0 ? 0 : this.#bytesSinceKept + count
    if (this.#bytesSinceKept < KEEP_BYTES) return
    this.#bytesSinceKept = 0
    for (let exchange = this.first; exchange !== null; exchange = exchange.next) keepSmall(exchange.request)
  }
}
