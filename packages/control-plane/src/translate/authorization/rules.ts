import type { AuthorizationRule, DubboRule } from '@meltemi/api'
import type { AuthorizationPolicy } from '../../store/world.ts'
import { type Json, permissions, principals } from './condition-json.ts'
import { dubboPermission, operationPermission } from './operation.ts'
import { sourcePrincipal } from './source.ts'
import { addedBy } from './when.ts'

/** Policies of an RBAC by name, one for each rule. Names of those for Dubbo are the reference's. */
export function rbacPolicies(
  policy: AuthorizationPolicy,
  trustDomains: readonly string[],
): readonly (readonly [string, Json])[] {
  const { namespace, name } = policy.metadata
  if (policy.kind === 'DubboAuthorizationPolicy') {
    const named = (at: number) => `ns[${namespace}]-policy[${name}]-rule[${at}]`
    return (policy.spec.rules ?? []).map((rule, at) => [named(at), dubboRule(rule, trustDomains)])
  }
  // both kinds may have policies of the same name
  const named = (at: number) => `ns[${namespace}]-meta-policy[${name}]-rule[${at}]`
  return (policy.spec.rules ?? []).map((rule, at) => [named(at), metaRule(rule, trustDomains)])
}

function metaRule({ from, to, when = [] }: AuthorizationRule, trustDomains: readonly string[]): Json {
  const added = when.map((condition) => addedBy(condition, trustDomains))
  const alsoWhat = added.flatMap((each) => each.permissions)
  const alsoWho = added.flatMap((each) => each.principals)
  const what = orAny(to?.map(({ operation }) => [operationPermission(operation)]))
  const who = orAny(from?.map(({ source }) => [sourcePrincipal(source, trustDomains)]))
  return {
    permissions: what.map((own) => permissions.all([...own, ...alsoWhat])),
    principals: who.map((own) => principals.all([...own, ...alsoWho])),
  }
}

function dubboRule({ from, to }: DubboRule, trustDomains: readonly string[]): Json {
  return {
    permissions: orAny(to?.map(({ operation }) => [dubboPermission(operation)])).map(permissions.all),
    principals: orAny(from?.map(({ source }) => [sourcePrincipal(source, trustDomains)])).map(principals.all),
  }
}

/** An empty list is as none, as in Istio: nothing is asked. */
function orAny(conditions: readonly (readonly Json[])[] = []): readonly (readonly Json[])[] {
  return conditions.length === 0 ? [[]] : conditions
}
