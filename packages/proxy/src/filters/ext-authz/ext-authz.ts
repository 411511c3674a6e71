import { CHECK_METHOD } from '@meltemi/api/ext-authz'
import type { ExtAuthzConfig } from '@meltemi/api/model'
import type { HeldMetrics } from '@meltemi/runtime'
import { FilterStatus } from '@meltemi/sdk'
import type { ProxyFilter, ProxyFilterDefinition, ProxyFilterHost } from '../proxy-filter.ts'
import { RequestMatch } from '../request-match.ts'
import type { RouterContext } from '../router/router-context.ts'
import { AuthzCheck } from './authz-check.ts'
import { type AuthzStats, authzGroup, authzStats } from './authz-stats.ts'
import { checkRequest } from './check-request.ts'

/** Asks an authorization service about each request that matches, which waits for the answer. */
export const extAuthz: ProxyFilterDefinition<ExtAuthzConfig | undefined> = {
  name: 'meltemi.filters.ext_authz',
  typeUrl: 'type.googleapis.com/meltemi.v1.ExtAuthz',
  // without any configuration it does nothing, unless a route has one
  parse: () => undefined,
  create: (config, host: ProxyFilterHost): ProxyFilter => (config === undefined ? {} : new ExtAuthz(config, host)),
}

/** The same in the words of Envoy's network filter, which asks about connections; here it is about requests. */
export const envoyExtAuthz: ProxyFilterDefinition<ExtAuthzConfig | undefined> = {
  ...extAuthz,
  name: 'envoy.filters.network.ext_authz',
  typeUrl: 'type.googleapis.com/envoy.extensions.filters.network.ext_authz.v3.ExtAuthz',
}

class ExtAuthz implements ProxyFilter {
  readonly #config: ExtAuthzConfig
  readonly #host: ProxyFilterHost
  readonly #match: RequestMatch
  /** null as long as nobody has it, and so nothing is asked. */
  #stats: AuthzStats | null = null
  #metrics: HeldMetrics | null = null
  #users = 0

  constructor(config: ExtAuthzConfig, host: ProxyFilterHost) {
    this.#config = config
    this.#host = host
    this.#match = new RequestMatch(config.match)
  }

  /** The first requests should not have to wait for a connection. */
  retain(): void {
    if (this.#users++ > 0) return
    const { statPrefix, grpcService } = this.#config
    this.#metrics = this.#host.registry.hold(authzGroup(statPrefix))
    this.#stats = authzStats(this.#metrics, statPrefix)
    this.#host.grpc.connectSoon(grpcService.cluster)
  }

  release(): void {
    if (--this.#users === 0) this.#metrics?.release()
  }

  onRequest(context: RouterContext): FilterStatus {
    const stats = this.#stats as AuthzStats
    if (!this.#match.matches(context.request)) {
      stats.disabled.add(1)
      return FilterStatus.Continue
    }
    const { grpcService, failureModeAllow } = this.#config
    const { slot, grpc, thread, config } = this.#host
    const check = new AuthzCheck(context, stats, failureModeAllow)
    context.slots[slot] = check
    stats.total.add(1)
    const request = checkRequest(context, this.#config, config.applicationProtocol, thread.clock.wallTime())
    if (request === null) check.refuse()
    else check.call = grpc.call(grpcService, CHECK_METHOD, request, check)
    // one that was refused at once has resumed or failed the request already
    return FilterStatus.Pause
  }

  /** The client has left, or its time is over. */
  onDone({ slots }: RouterContext): void {
    const check = slots[this.#host.slot] as AuthzCheck | undefined
    check?.call?.cancel()
  }
}
