import type { HedgePolicyConfig, RetryCondition, RetryPolicyConfig } from '@meltemi/api/model'
import { MessageType, type Metadata, ResponseStatus } from '@meltemi/sdk'
import { CompiledMatcher } from './match.ts'

/** Why a try has come to nothing. One bit each. */
export const TryEnd = {
  /** There was no connection: the service knows nothing of the request. */
  NoConnection: 1,
  /** The connection ended before a byte of the request had left: neither does it here. */
  NotSent: 2,
  /** The connection ended, or the time of the try was over, before a reply: the service may have done what it was asked. */
  Reset: 4,
  /** The reply says so, by its status. */
  ErrorStatus: 8,
  /** The reply has properties that the policy names. */
  NamedReply: 16,
} as const

const NON_IDEMPOTENT = 32
const NO_REPLY = TryEnd.NoConnection | TryEnd.NotSent | TryEnd.Reset
const UNTOUCHED = TryEnd.NoConnection | TryEnd.NotSent

const COVERED: Readonly<Record<RetryCondition, number>> = {
  '5xx': NO_REPLY | TryEnd.ErrorStatus,
  'gateway-error': NO_REPLY,
  reset: NO_REPLY,
  'reset-before-request': UNTOUCHED,
  'connect-failure': TryEnd.NoConnection,
  'refused-stream': TryEnd.NotSent,
  'retriable-headers': TryEnd.NamedReply,
  'error-status': TryEnd.ErrorStatus,
  'non-idempotent': NON_IDEMPOTENT,
}

/** How a route tries again, ready for use. */
export class RetryPolicy {
  readonly config: RetryPolicyConfig
  /** null: one try at a time. */
  readonly hedge: HedgePolicyConfig | null
  readonly maxRequestBytes: number
  readonly #covered: number
  readonly #replies: readonly CompiledMatcher[]
  readonly #requests: readonly CompiledMatcher[]

  /** Throws for a pattern that is not RE2. */
  constructor(config: RetryPolicyConfig, hedge: HedgePolicyConfig | undefined, maxRequestBytes: number) {
    this.config = config
    this.hedge = hedge ?? null
    this.maxRequestBytes = maxRequestBytes
    this.#covered = config.retryOn.reduce((bits, condition) => bits | COVERED[condition], 0)
    this.#replies = config.retriableHeaders.map((matcher) => new CompiledMatcher(matcher))
    this.#requests = config.retriableRequestHeaders.map((matcher) => new CompiledMatcher(matcher))
  }

  /** Whether another try is wanted after this end. */
  covers(end: number): boolean {
    return (this.#covered & end) !== 0
  }

  /** Whether requests like this one are tried again at all. */
  wants(request: Metadata): boolean {
    return this.#requests.length === 0 || anyMatches(this.#requests, request)
  }

  /**
   * Whether another try does no harm: the service knows nothing of the request, or it can be repeated. A reply that the
   * policy names says as much, unless the protocol says the contrary.
   */
  isSafe(end: number, request: Metadata): boolean {
    if ((end & ~UNTOUCHED) === 0 || this.mayRepeat(request)) return true
    return (end & TryEnd.NamedReply & this.#covered) !== 0 && request.idempotent === undefined
  }

  /** Whether the service may do twice what the request asks for. */
  mayRepeat(request: Metadata): boolean {
    return request.idempotent === true || (this.#covered & NON_IDEMPOTENT) !== 0
  }

  /** Whether a try that has had its own time goes on beside another one. */
  goesOn(request: Metadata): boolean {
    return this.hedge?.onPerTryTimeout === true && this.mayRepeat(request) && this.wants(request)
  }

  /** 0: a good reply. */
  endOf(reply: Metadata): number {
    const isError = reply.status === ResponseStatus.Error || reply.type === MessageType.Error
    return (isError ? TryEnd.ErrorStatus : 0) | (anyMatches(this.#replies, reply) ? TryEnd.NamedReply : 0)
  }
}

function anyMatches(matchers: readonly CompiledMatcher[], message: Metadata): boolean {
  for (let at = 0; at < matchers.length; at++) if ((matchers[at] as CompiledMatcher).matches(message)) return true
  return false
}
