/** Asks a rate limit service over a real connection. */

import {
  RateLimitResponse_Code as Code,
  RATE_LIMIT_METHOD,
  type RateLimitRequestInit,
  type RateLimitResponse,
} from '@meltemi/api/rate-limit'
import { createGrpcClient, type GrpcClient, type GrpcClientTls, GrpcError } from '@meltemi/runtime/grpc'

export type RateLimitAsk = RateLimitRequestInit

/** What came of one request, fit to be compared. */
export type RateLimitOutcome =
  | { readonly overall: string; readonly statuses: readonly StatusOutcome[] }
  | { readonly error: string; readonly code: number }

export interface StatusOutcome {
  readonly code: string
  /** `name requests/unit`; empty: no limit. */
  readonly limit: string
  readonly remaining: number
  readonly resetS: number
}

const CODES = ['UNKNOWN', 'OK', 'OVER_LIMIT']
const DEADLINE_MS = 10_000

export class RateLimitClient implements Disposable {
  readonly #client: GrpcClient

  constructor(port: number, tls?: GrpcClientTls) {
    this.#client = createGrpcClient({ address: `127.0.0.1:${port}`, ...(tls && { tls }) })
  }

  /** Rejects with a GrpcError. */
  ask(request: RateLimitAsk): Promise<RateLimitResponse> {
    return this.#client.call(RATE_LIMIT_METHOD, request, { deadlineMs: DEADLINE_MS })
  }

  /** One descriptor of some keys and values; whether it is within its limit. Rejects with a GrpcError. */
  async allows(domain: string, entries: Readonly<Record<string, string>>): Promise<boolean> {
    const list = Object.entries(entries).map(([key, value]) => ({ key, value }))
    return (await this.ask({ domain, descriptors: [{ entries: list }] })).overallCode === Code.OK
  }

  async outcome(request: RateLimitAsk): Promise<RateLimitOutcome> {
    try {
      return toOutcome(await this.ask(request))
    } catch (error: unknown) {
      if (error instanceof GrpcError) return { error: error.message, code: error.code }
      throw error
    }
  }

  [Symbol.dispose](): void {
    this.#client.close()
  }
}

function toOutcome({ overallCode, statuses }: RateLimitResponse): RateLimitOutcome {
  return {
    overall: CODES[overallCode] ?? '?',
    statuses: statuses.map(({ code, currentLimit: limit, limitRemaining, durationUntilReset }) => ({
      code: CODES[code] ?? '?',
      limit: limit === undefined ? '' : `${limit.name} ${limit.requestsPerUnit}/${limit.unit}`,
      remaining: limitRemaining,
      resetS: Number(durationUntilReset?.seconds ?? 0),
    })),
  }
}
