import type { AuthorizationConfig, RbacRules } from '@meltemi/api/model'
import type { FilterHost } from '@meltemi/sdk'

interface Count {
  add(n: number): void
}

/** What came of requests, under Envoy's names; of shadow rules with `shadow_` before them. */
export class RuleStats {
  readonly #allowed: Count
  readonly #denied: Count
  readonly #policies: readonly { readonly allowed: Count; readonly denied: Count }[]

  constructor(config: AuthorizationConfig, rules: RbacRules, host: Pick<FilterHost, 'counter'>, isShadow: boolean) {
    const base = `${config.statPrefix}rbac.`
    const own = isShadow ? `${config.shadowStatPrefix}shadow_` : config.rulesStatPrefix
    this.#allowed = host.counter(`${base}${own}allowed`)
    this.#denied = host.counter(`${base}${own}denied`)
    const tracked = config.tracksEachPolicy ? rules.policies : []
    this.#policies = tracked.map(({ name }) => ({
      allowed: host.counter(`${base}policy.${name}.${own}allowed`),
      denied: host.counter(`${base}policy.${name}.${own}denied`),
    }))
  }

  /** `policy`: index of the one that decided; -1: none did. */
  count(policy: number, isAllowed: boolean): void {
    const each = policy < 0 ? undefined : this.#policies[policy]
    if (isAllowed) {
      this.#allowed.add(1)
      each?.allowed.add(1)
    } else {
      this.#denied.add(1)
      each?.denied.add(1)
    }
  }
}
