import type { CheckResponse, CheckResponseSchema } from '@meltemi/api/ext-authz'
import { FAILURES, failure, printId } from '../../observe/failure-table.ts'
import type { GrpcCall, GrpcFault, GrpcSink } from '../../upstream/grpc/grpc-call.ts'
import type { RouterContext } from '../router/router-context.ts'
import { applyOk } from './apply-ok.ts'
import type { AuthzStats } from './authz-stats.ts'

const OK = 0

/** One request that waits for what the service says. */
export class AuthzCheck implements GrpcSink<typeof CheckResponseSchema> {
  /** null: there is none yet. */
  call: GrpcCall<typeof CheckResponseSchema> | null = null
  readonly #context: RouterContext
  readonly #stats: AuthzStats
  readonly #allows: boolean

  /** `allows`: when the service cannot be asked, the request passes. */
  constructor(context: RouterContext, stats: AuthzStats, allows: boolean) {
    this.#context = context
    this.#stats = stats
    this.#allows = allows
  }

  onGrpcReply({ status, httpResponse }: CheckResponse): void {
    if ((status?.code ?? OK) !== OK) {
      this.#stats.denied.add(1)
      this.#fail(FAILURES.authzDenied)
      return
    }
    this.#stats.ok.add(1)
    if (httpResponse.case === 'okResponse') applyOk(this.#context, httpResponse.value)
    this.#context.resume()
  }

  onGrpcFault(_fault: GrpcFault): void {
    this.#stats.error.add(1)
    if (!this.#allows) {
      this.#fail(FAILURES.authzError)
      return
    }
    this.#stats.failureModeAllowed.add(1)
    this.#context.resume()
  }

  /** The request is not as the service could be asked about: nobody may pass because of that. */
  refuse(): void {
    this.#stats.error.add(1)
    this.#fail(FAILURES.authzError)
  }

  #fail(row: Parameters<typeof failure>[0]): void {
    this.#context.fail(failure(row, printId(this.#context.request.requestId)))
  }
}
