import { ERROR_TYPES, type FaultConfig } from '@meltemi/api/model'
import { type FilterContext, FilterStatus } from '@meltemi/sdk'
import { FAILURES, failure, printId } from '../../observe/failure-table.ts'
import type { ThreadContext } from '../../upstream/context.ts'
import type { ProxyFilter, ProxyFilterDefinition, ProxyFilterHost } from '../proxy-filter.ts'
import { RequestMatch } from '../request-match.ts'
import type { RouterContext } from '../router/router-context.ts'
import { Chance } from './chance.ts'
import { DelayedRequest } from './delayed-request.ts'
import { type FaultStats, faultStats } from './fault-stats.ts'

/** Faults on purpose: delays and aborts, for a share of the requests that match. */
export const fault: ProxyFilterDefinition<FaultConfig | undefined> = {
  name: 'meltemi.filters.fault',
  typeUrl: 'type.googleapis.com/meltemi.filters.fault.v1.Fault',
  // without any configuration it does nothing, unless a route has one
  parse: () => undefined,
  create(config, host): ProxyFilter {
    return config?.delay === undefined && config?.abort === undefined
      ? {}
      : new FaultFilter(config, host as ProxyFilterHost)
  },
}

/*
 *   matches? ─► delay? ─► too many delayed? ─► Pause ··· timer ─► abort? ─► fail | resume
 *                 └──────────────────────────────────────────────► abort? ─► fail | Continue
 */
class FaultFilter implements ProxyFilter {
  readonly #config: FaultConfig
  readonly #match: RequestMatch
  readonly #delay: Chance | null
  readonly #abort: Chance | null
  readonly #thread: ThreadContext
  readonly #stats: FaultStats
  readonly #slot: number
  /** Delayed now. */
  #active = 0

  constructor(config: FaultConfig, host: ProxyFilterHost) {
    const { random } = host.thread
    this.#config = config
    this.#match = new RequestMatch(config.match)
    this.#delay = config.delay === undefined ? null : new Chance(config.delay.share, random)
    this.#abort = config.abort === undefined ? null : new Chance(config.abort.share, random)
    this.#thread = host.thread
    this.#stats = faultStats(host, config.statPrefix)
    this.#slot = host.slot
  }

  onRequest(context: RouterContext): FilterStatus {
    if (!this.#match.matches(context.request)) return FilterStatus.Continue
    if (this.#delay === null || !this.#delay.hits()) return this.#abortOr(context)
    if (this.#active >= this.#config.maxActiveFaults) {
      this.#stats.overflow.add(1)
      return FilterStatus.Continue
    }
    return this.#hold(context)
  }

  /** Also when the client has left, or the request's time is over, while it was delayed. */
  onDone(context: FilterContext): void {
    const delayed = context.slots[this.#slot]
    if (!(delayed instanceof DelayedRequest)) return
    this.#thread.timers.cancel(delayed)
    this.#forget(context)
  }

  #hold(context: RouterContext): FilterStatus {
    const delayed = new DelayedRequest(context, this.#onElapsed)
    context.slots[this.#slot] = delayed
    context.noteDelay()
    this.#active++
    this.#stats.active.add(1)
    this.#stats.delays.add(1)
    this.#thread.timers.schedule(delayed, this.#config.delay?.delayMs ?? 0, this.#thread.turn.nowMs)
    return FilterStatus.Pause
  }

  readonly #onElapsed = (context: RouterContext): void => {
    this.#thread.turn.refresh()
    this.#forget(context)
    // it may have failed, and wait for its turn to be answered
    if (context.failure === null && this.#abortOr(context) === FilterStatus.Continue) context.resume()
  }

  #forget(context: FilterContext): void {
    context.slots[this.#slot] = undefined
    this.#active--
    this.#stats.active.add(-1)
  }

  #abortOr(context: FilterContext): FilterStatus {
    if (this.#abort === null || !this.#abort.hits()) return FilterStatus.Continue
    this.#stats.aborts.add(1)
    const type = ERROR_TYPES[this.#config.abort?.errorType ?? 'Fault']
    return context.fail(failure(FAILURES.faultAborted, printId(context.request.requestId), type))
  }
}
