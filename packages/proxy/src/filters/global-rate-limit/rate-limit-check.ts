import { type RateLimitResponse, RateLimitResponse_Code, type RateLimitResponseSchema } from '@meltemi/api/rate-limit'
import type { Failure, FilterContext } from '@meltemi/sdk'
import { FAILURES, failure, printId } from '../../observe/failure-table.ts'
import { type GrpcCall, GrpcFault, type GrpcSink } from '../../upstream/grpc/grpc-call.ts'
import type { RateLimitStats } from './rate-limit-stats.ts'

/** One request that waits for what the service says. */
export class RateLimitCheck implements GrpcSink<typeof RateLimitResponseSchema> {
  /** null: there is none yet, or no more. */
  call: GrpcCall<typeof RateLimitResponseSchema> | null = null
  readonly #context: FilterContext
  readonly #stats: RateLimitStats
  readonly #denies: boolean

  /** `denies`: when the service cannot be asked, the request fails. */
  constructor(context: FilterContext, stats: RateLimitStats, denies: boolean) {
    this.#context = context
    this.#stats = stats
    this.#denies = denies
  }

  onGrpcReply({ overallCode }: RateLimitResponse): void {
    if (overallCode === RateLimitResponse_Code.OVER_LIMIT) {
      this.#stats.overLimit.add(1)
      this.#context.fail(failure(FAILURES.rateLimited, this.#id))
    } else {
      this.#stats.ok.add(1)
      this.#context.resume()
    }
  }

  onGrpcFault(fault: GrpcFault): void {
    this.#stats.error.add(1)
    if (fault === GrpcFault.Timeout) this.#stats.timeout.add(1)
    if (this.#denies) {
      this.#context.fail(this.#failureOf(fault))
    } else {
      this.#stats.failureModeAllowed.add(1)
      this.#context.resume()
    }
  }

  get #id(): string {
    return printId(this.#context.request.requestId)
  }

  #failureOf(fault: GrpcFault): Failure {
    switch (fault) {
      case GrpcFault.NoCluster:
        return failure(FAILURES.rateLimitNoCluster, this.#id)
      case GrpcFault.NoEndpoint:
        return failure(FAILURES.rateLimitNoHost, this.#id)
      default:
        return failure(FAILURES.rateLimitError, this.#id)
    }
  }
}
