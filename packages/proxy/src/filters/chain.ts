import { type Filter, type FilterContext, FilterStatus } from '@meltemi/sdk'
import type { EndedExchange, ProxyFilter } from './proxy-filter.ts'

/** The filters of an exchange, in configured order. */
export interface Chain {
  readonly length: number
  /** Whether `reply` may make a difference. */
  readonly hasReply: boolean
  /** Whether `end` makes a difference. */
  readonly hasEnd: boolean
  /** Runs filter number `at`. Throws what it throws, and a TypeError when it returns no status. */
  request(at: number, context: FilterContext): FilterStatus
  /** False when a filter keeps the reply from the client. Throws as `request` does. */
  reply(context: FilterContext): boolean
  /** Tells the first `ran` filters that the exchange is over; what one of them throws does not keep it from the others. */
  done(ran: number, context: FilterContext, onThrow: (error: unknown) => void): void
  /** Tells the proxy's own filters, all of them, that nothing more will come. */
  end(exchange: EndedExchange, onThrow: (error: unknown) => void): void
}

/** A listener's filters in configured order, sorted out once, so that an exchange asks only those that care. */
export class FilterChain implements Chain {
  readonly length: number
  readonly #filters: readonly Filter[]
  readonly #repliers: readonly Filter[]
  readonly #hasDone: boolean
  readonly #enders: readonly ProxyFilter[]

  constructor(filters: readonly Filter[]) {
    this.length = filters.length
    this.#filters = filters
    this.#repliers = filters.filter((filter) => filter.onReply !== undefined)
    this.#hasDone = filters.some((filter) => filter.onDone !== undefined)
    this.#enders = filters.filter((filter: ProxyFilter) => filter.onEnd !== undefined)
  }

  get hasReply(): boolean {
    return this.#repliers.length > 0
  }

  get hasEnd(): boolean {
    return this.#enders.length > 0
  }

  request(at: number, context: FilterContext): FilterStatus {
    return runRequest(this.#filters[at] as Filter, context)
  }

  reply(context: FilterContext): boolean {
    const filters = this.#repliers
    for (let i = 0; i < filters.length; i++) {
      if (!runReply(filters[i] as Filter, context)) return false
    }
    return true
  }

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

  end(exchange: EndedExchange, onThrow: (error: unknown) => void): void {
    const enders = this.#enders
    for (let i = 0; i < enders.length; i++) {
      try {
        enders[i]?.onEnd?.(exchange)
      } catch (error: unknown) {
        onThrow(error)
      }
    }
  }
}

/** Runs a filter's request handler; see `Chain.request`. */
export function runRequest(filter: Filter, context: FilterContext): FilterStatus {
  if (filter.onRequest === undefined) return FilterStatus.Continue
  const status = filter.onRequest(context)
  if (status === FilterStatus.Continue || status === FilterStatus.Stop || status === FilterStatus.Pause) return status
  throw wrongStatus('onRequest', status)
}

/** Runs a filter's reply handler; false: it keeps the reply. */
export function runReply(filter: Filter, context: FilterContext): boolean {
  if (filter.onReply === undefined) return true
  const status = filter.onReply(context)
  if (status === FilterStatus.Stop) return false
  if (status !== FilterStatus.Continue) throw wrongStatus('onReply', status)
  return true
}

/** Types are not checked at run time: a guard that is async by mistake would let everything pass. */
function wrongStatus(handler: string, status: unknown): TypeError {
  // what a promise says later is of no use, and would end the process if it is an error
  Promise.resolve(status).catch(() => {})
  if (status === FilterStatus.Pause) return new TypeError(`${handler} cannot pause`)
  const what = status instanceof Promise ? 'a promise' : String(status)
  return new TypeError(`${handler} should return a FilterStatus, and returned ${what}`)
}
