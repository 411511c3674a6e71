import type { AuthorizationConfig } from '@meltemi/api/model'
import { type FilterContext, FilterStatus } from '@meltemi/sdk'
import { FAILURES, failure, printId } from '../../observe/failure-table.ts'
import type { RecordedConnection } from '../../observe/record.ts'
import { namesObserved } from '../observers.ts'
import type { ProxyFilter, ProxyFilterDefinition, ProxyFilterHost } from '../proxy-filter.ts'
import { CompiledRules } from './compiled-rules.ts'
import { RuleStats } from './rule-stats.ts'

/** Properties of a request that logs and traces can show; Envoy has the same in dynamic metadata. */
export const SHADOW_POLICY = 'shadow_effective_policy_id'
export const SHADOW_RESULT = 'shadow_engine_result'
export const LOG_HINT = 'access_log_hint'

interface AuthorizedContext extends FilterContext {
  readonly connection: RecordedConnection
}

/** Envoy's filter for connections, which looks at each request here. */
export const authorization: ProxyFilterDefinition<AuthorizationConfig | undefined> = {
  name: 'meltemi.filters.authorization',
  typeUrl: 'type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC',
  // without any configuration it does nothing, unless a route has one
  parse: () => undefined,
  create: (config, host: ProxyFilterHost): ProxyFilter => (config === undefined ? {} : new Authorization(config, host)),
}

/** Envoy's filter for requests. */
export const httpAuthorization: ProxyFilterDefinition<AuthorizationConfig | undefined> = {
  ...authorization,
  name: 'envoy.filters.http.rbac',
  typeUrl: 'type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC',
}

/** Refuses requests that the rules do not allow; counts what the shadow rules would refuse. Semantics: Envoy's RBAC. */
class Authorization implements ProxyFilter {
  readonly isObserver: boolean
  readonly #rules: CompiledRules | null
  readonly #stats: RuleStats | null
  readonly #shadow: CompiledRules | null
  readonly #shadowStats: RuleStats | null
  readonly #shadowPrefix: string
  readonly #logged: { add(n: number): void }
  readonly #notLogged: { add(n: number): void }

  constructor(config: AuthorizationConfig, host: ProxyFilterHost) {
    const { rules, shadowRules } = config
    this.isObserver = namesObserved(config)
    this.#rules = rules === undefined ? null : new CompiledRules(rules)
    this.#stats = rules === undefined ? null : new RuleStats(config, rules, host, false)
    this.#shadow = shadowRules === undefined ? null : new CompiledRules(shadowRules)
    this.#shadowStats = shadowRules === undefined ? null : new RuleStats(config, shadowRules, host, true)
    this.#shadowPrefix = config.shadowStatPrefix
    this.#logged = host.counter(`${config.statPrefix}rbac.logged`)
    this.#notLogged = host.counter(`${config.statPrefix}rbac.not_logged`)
  }

  onRequest(context: AuthorizedContext): FilterStatus {
    if (this.#shadow !== null) this.#tryShadow(context, this.#shadow)
    const rules = this.#rules
    if (rules === null) return FilterStatus.Continue
    const policy = rules.firstMatch(context.request, context.connection)
    const isAllowed = rules.allows(policy)
    this.#stats?.count(policy, isAllowed)
    if (rules.action === 'log') this.#hint(context, policy >= 0)
    return isAllowed ? FilterStatus.Continue : deny(context, rules.names[policy])
  }

  #tryShadow({ request, connection }: AuthorizedContext, shadow: CompiledRules): void {
    const policy = shadow.firstMatch(request, connection)
    const isAllowed = shadow.allows(policy)
    this.#shadowStats?.count(policy, isAllowed)
    request.set(`${this.#shadowPrefix}${SHADOW_RESULT}`, isAllowed ? 'allowed' : 'denied')
    request.set(`${this.#shadowPrefix}${SHADOW_POLICY}`, shadow.names[policy] ?? '')
  }

  #hint({ request }: AuthorizedContext, isLogged: boolean): void {
    if (isLogged) this.#logged.add(1)
    else this.#notLogged.add(1)
    request.set(LOG_HINT, String(isLogged))
  }
}

/** The detail names the policy, as Envoy's does. */
function deny(context: FilterContext, policy: string | undefined): FilterStatus {
  const detail = `rbac_access_denied_matched_policy[${policy ?? 'none'}]`
  return context.fail(failure(FAILURES.denied, printId(context.request.requestId), FAILURES.denied.type, detail))
}
