import { type Filter, type FilterContext, FilterStatus } from '@meltemi/sdk'

/** A listener's filters in configured order, sorted out once, so that an exchange asks only those that care. */
export class FilterChain {
  readonly length: number
  readonly #filters: readonly Filter[]
  readonly #repliers: readonly Filter[]
  readonly #hasDone: boolean

  constructor(filters: readonly Filter[]) {
    this.length = filters.length
    this.#filters = filters
    this.#repliers = filters.filter((filter) => filter.onReply !== undefined)
    this.#hasDone = filters.some((filter) => filter.onDone !== undefined)
  }

  /** Runs filter number `at`. */
  request(at: number, context: FilterContext): FilterStatus {
    const filter = this.#filters[at] as Filter
    return filter.onRequest === undefined ? FilterStatus.Continue : filter.onRequest(context)
  }

  /** False when a filter keeps the reply from the client. */
  reply(context: FilterContext): boolean {
    const filters = this.#repliers
    for (let i = 0; i < filters.length; i++) {
      if ((filters[i] as Filter).onReply?.(context) === FilterStatus.Stop) return false
    }
    return true
  }

  /** Tells the first `ran` filters that the exchange is over; what one of them throws does not keep it from the others. */
  done(ran: number, context: FilterContext, onThrow: (error: unknown) => void): void {
    if (!this.#hasDone) return
    for (let i = 0; i < ran; i++) {
      try {
        this.#filters[i]?.onDone?.(context)
      } catch (error: unknown) {
        onThrow(error)
      }
    }
  }
}
