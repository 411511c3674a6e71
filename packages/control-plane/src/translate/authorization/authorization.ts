import type { FilterConfig } from '@meltemi/api'
import type { AuthorizationPolicy, ProtocolView, ServiceView } from '../../store/world.ts'
import type { Json } from './condition-json.ts'
import { rbacPolicies } from './rules.ts'

const DRY_RUN = 'istio.io/dry-run'
const TYPE = 'type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC'

/** In the order of Istio: what is only told of, what denies, what allows. */
const ACTIONS = [
  { action: 'AUDIT', rbac: 'LOG', shadowPrefix: 'istio_dry_run_audit_' },
  { action: 'DENY', rbac: 'DENY', shadowPrefix: 'istio_dry_run_deny_' },
  { action: 'ALLOW', rbac: 'ALLOW', shadowPrefix: 'istio_dry_run_allow_' },
] as const

/** Filters that keep to the policies of a service, for one of its protocols; none where there are no policies. */
export function translateAuthorization(
  { policies }: ServiceView,
  { name }: ProtocolView,
  trustDomains: readonly string[],
): readonly FilterConfig[] {
  const own = policies.filter(({ kind }) => kind !== 'DubboAuthorizationPolicy' || name === 'dubbo')
  return ACTIONS.flatMap(({ action, rbac, shadowPrefix }) => {
    const those = own.filter(({ spec }) => (spec.action ?? 'ALLOW') === action)
    const rules = rulesOf(
      rbac,
      those.filter((policy) => !isDryRun(policy)),
      trustDomains,
    )
    const shadow = rulesOf(rbac, those.filter(isDryRun), trustDomains)
    if (rules === undefined && shadow === undefined) return []
    const config = {
      statPrefix: `${name}.`,
      ...(rules === undefined ? {} : { rules }),
      ...(shadow === undefined ? {} : { shadowRules: shadow, shadowRulesStatPrefix: shadowPrefix }),
    }
    return [{ name: 'meltemi.filters.authorization', typeUrl: TYPE, config }]
  })
}

function isDryRun(policy: AuthorizationPolicy): boolean {
  if (policy.metadata.annotations[DRY_RUN] === 'true') return true
  return policy.kind === 'MetaAuthorizationPolicy' && policy.spec.dryRun === true
}

/** A policy of ALLOW without rules denies everything: it makes an RBAC without policies. */
function rulesOf(
  action: string,
  own: readonly AuthorizationPolicy[],
  trustDomains: readonly string[],
): Json | undefined {
  if (own.length === 0) return undefined
  return { action, policies: Object.fromEntries(own.flatMap((policy) => rbacPolicies(policy, trustDomains))) }
}
