import { type FilterContext, FilterStatus } from '@meltemi/sdk'
import { type Chain, runReply, runRequest } from './chain.ts'
import type { EndedExchange, ProxyFilter } from './proxy-filter.ts'
import type { RouteFilters } from './route-filters.ts'

/**
 * The filters of one exchange, where routes have some of their own. When a filter's turn comes it is that of the route
 * which the request matches then, so what filters before it have set in the request counts; from then on it is this one.
 */
export class ExchangeChain implements Chain {
  readonly #filters: RouteFilters
  /** undefined: not chosen yet; null: off. */
  readonly #chosen: (ProxyFilter | null | undefined)[]

  constructor(filters: RouteFilters) {
    this.#filters = filters
    this.#chosen = new Array<undefined>(filters.base.length).fill(undefined)
  }

  get length(): number {
    return this.#chosen.length
  }

  get hasReply(): boolean {
    return true
  }

  get hasEnd(): boolean {
    return this.#filters.hasEnd
  }

  /** A filter of it looks at the properties of messages. */
  get isObserved(): boolean {
    return this.#filters.isObserved
  }

  request(at: number, context: FilterContext): FilterStatus {
    const filter = this.#choose(at, context)
    return filter === null ? FilterStatus.Continue : runRequest(filter, context)
  }

  reply(context: FilterContext): boolean {
    for (let at = 0; at < this.length; at++) {
      const filter = this.#choose(at, context)
      if (filter !== null && !runReply(filter, context)) return false
    }
    return true
  }

  done(ran: number, context: FilterContext, onThrow: (error: unknown) => void): void {
    for (let at = 0; at < ran; at++) {
      try {
        this.#chosen[at]?.onDone?.(context)
      } catch (error: unknown) {
        onThrow(error)
      }
    }
  }

  end(exchange: EndedExchange, onThrow: (error: unknown) => void): void {
    for (let at = 0; at < this.length; at++) {
      try {
        this.#choose(at, exchange)?.onEnd?.(exchange)
      } catch (error: unknown) {
        onThrow(error)
      }
    }
  }

  /** The exchange is over, for its filters too. */
  leave(): void {
    this.#filters.leave()
  }

  #choose(at: number, { request }: FilterContext): ProxyFilter | null {
    const known = this.#chosen[at]
    if (known !== undefined) return known
    const { isOverridden, table, base } = this.#filters
    const chosen = isOverridden[at] ? this.#filters.filterAt(at, table.match(request)) : (base[at] as ProxyFilter)
    this.#chosen[at] = chosen
    return chosen
  }
}
