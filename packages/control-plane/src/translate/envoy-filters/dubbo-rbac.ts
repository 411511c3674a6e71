/** Who may call what, for the Dubbo proxy of the reference; Envoy's own one has no such filter. */

import type { DubboAuthorizationPolicy } from '@meltemi/api'
import type { AuthorizationPolicy } from '../../store/world.ts'
import { namespacePrincipal, principalOf } from '../authorization/source.ts'
import { valueMatch } from '../authorization/value-match.ts'
import type { NetworkFilter } from './envoy-filter.ts'

type Json = NetworkFilter['typed_config']['value']
type Rule = NonNullable<DubboAuthorizationPolicy['spec']['rules']>[number]
type Source = NonNullable<Rule['from']>[number]['source']
type Operation = NonNullable<Rule['to']>[number]['operation']

const NAME = 'envoy.filters.dubbo.rbac'
const TYPE = 'type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC'
const STAT_PREFIX = 'dubbo.'
const DEFAULT_TRUST_DOMAINS = ['cluster.local']
const DRY_RUN = 'istio.io/dry-run'

/** A policy that is kept to by these filters. */
export function isDubboPolicy(policy: AuthorizationPolicy): policy is DubboAuthorizationPolicy {
  return policy.kind === 'DubboAuthorizationPolicy'
}

/** Nobody tells what it would do. */
export function isDryRun({ metadata }: DubboAuthorizationPolicy): boolean {
  return metadata.annotations[DRY_RUN] === 'true'
}

/** First what denies, then what allows: a policy of ALLOW without rules allows nothing. Throws for what cannot be said. */
export function dubboRbacFilters(
  policies: readonly AuthorizationPolicy[],
  trustDomains: readonly string[] = DEFAULT_TRUST_DOMAINS,
): readonly Json[] {
  const own = policies.filter(isDubboPolicy).filter((policy) => !isDryRun(policy))
  const denying = own.filter(({ spec }) => spec.action === 'DENY')
  const allowing = own.filter(({ spec }) => spec.action !== 'DENY')
  const denied = rulesOf(denying, trustDomains)
  return [
    ...(denied.policies === undefined ? [] : [filterOf({ action: 'DENY', ...denied })]),
    // ALLOW is what stands where nothing is said
    ...(allowing.length === 0 ? [] : [filterOf(rulesOf(allowing, trustDomains))]),
  ]
}

function filterOf(rules: Json): Json {
  return { name: NAME, config: { '@type': TYPE, rules, statPrefix: STAT_PREFIX } }
}

function rulesOf(
  policies: readonly DubboAuthorizationPolicy[],
  trustDomains: readonly string[],
): { readonly policies?: Json } {
  const entries = policies.flatMap(({ metadata: { namespace, name }, spec }) =>
    (spec.rules ?? []).map(
      (rule, at) => [`ns[${namespace}]-policy[${name}]-rule[${at}]`, policyOf(rule, trustDomains)] as const,
    ),
  )
  return entries.length === 0 ? {} : { policies: Object.fromEntries(entries) }
}

function policyOf({ from, to }: Rule, trustDomains: readonly string[]): Json {
  return {
    permissions: eachOr(to, ({ operation }) => permissionOf(operation)).map((rules) => ({ andRules: { rules } })),
    principals: eachOr(from, ({ source }) => principalsOf(source, trustDomains)).map((ids) => ({ andIds: { ids } })),
  }
}

/** What asks for nothing fits everything. */
function eachOr<T>(items: readonly T[] | undefined, conditions: (item: T) => readonly Json[]): readonly Json[][] {
  const all = items === undefined || items.length === 0 ? [[]] : items.map((item) => [...conditions(item)])
  return all.map((each) => (each.length === 0 ? [{ any: true }] : each))
}

/** In the order of the reference, as a difference would be written. */
function permissionOf({ methods, notMethods, interfaces, notInterfaces }: Operation): readonly Json[] {
  const or = (rules: readonly Json[]) => ({ orRules: { rules } })
  const not = (notRule: Json) => ({ notRule })
  return [
    ...listed(methods, (value) => metadata('method', value), or),
    ...listed(notMethods, (value) => metadata('method', value), or).map(not),
    ...listed(interfaces, (value) => metadata('service', value), or),
    ...listed(notInterfaces, (value) => metadata('service', value), or).map(not),
  ]
}

function principalsOf(
  { principals, notPrincipals, namespaces, notNamespaces }: Source,
  trustDomains: readonly string[],
): readonly Json[] {
  const or = (ids: readonly Json[]) => ({ orIds: { ids } })
  const not = (notId: Json) => ({ notId })
  const principal = (value: string) => principalOf(value, trustDomains)
  return [
    ...listed(principals, principal, or),
    ...listed(notPrincipals, principal, or).map(not),
    ...listed(namespaces, namespacePrincipal, or),
    ...listed(notNamespaces, namespacePrincipal, or).map(not),
  ]
}

/** One of the values. To ask for one of none would be refused by Envoy, and to ask for nothing would fit everything. */
function listed(
  values: readonly string[] | undefined,
  condition: (value: string) => Json,
  or: (conditions: readonly Json[]) => Json,
): readonly Json[] {
  if (values === undefined) return []
  if (values.length === 0) throw new TypeError('an authorization policy has a list without values')
  return [or(values.map(condition))]
}

function metadata(key: string, value: string): Json {
  return { metadata: { filter: NAME, path: [{ key }], value: { stringMatch: valueMatch(value) } } }
}
