import { type Filter, type FilterContext, FilterStatus } from '@meltemi/sdk'
import type { EndedExchange, ProxyFilter } from './proxy-filter.ts'

/** A listener's filters in configured order, sorted out once, so that an exchange asks only those that care. */
export class FilterChain {
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

  /** Whether `end` makes a difference. */
  get hasEnd(): boolean {
    return this.#enders.length > 0
  }

  /** Runs filter number `at`. Throws what it throws, and a TypeError when it returns no status. */
  request(at: number, context: FilterContext): FilterStatus {
    const filter = this.#filters[at] as Filter
    if (filter.onRequest === undefined) return FilterStatus.Continue
    const status = filter.onRequest(context)
    if (status === FilterStatus.Continue || status === FilterStatus.Stop || status === FilterStatus.Pause) return status
    throw wrongStatus('onRequest', status)
  }

  /** False when a filter keeps the reply from the client. Throws as `request` does. */
  reply(context: FilterContext): boolean {
    const filters = this.#repliers
    for (let i = 0; i < filters.length; i++) {
      const status = (filters[i] as Filter).onReply?.(context)
      if (status === FilterStatus.Stop) return false
      if (status !== FilterStatus.Continue) throw wrongStatus('onReply', status)
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

  /** Tells the proxy's own filters, all of them, that nothing more will come. */
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

/** Types are not checked at run time: a guard that is async by mistake would let everything pass. */
function wrongStatus(handler: string, status: unknown): TypeError {
  // what a promise says later is of no use, and would end the process if it is an error
  Promise.resolve(status).catch(() => {})
  if (status === FilterStatus.Pause) return new TypeError(`${handler} cannot pause`)
  const what = status instanceof Promise ? 'a promise' : String(status)
  return new TypeError(`${handler} should return a FilterStatus, and returned ${what}`)
}
