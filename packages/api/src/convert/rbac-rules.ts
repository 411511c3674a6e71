import type { RbacCondition, RbacPolicy, RbacRules } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import { convertPermission } from './rbac-permission.ts'
import { convertPrincipal } from './rbac-principal.ts'

const ACTIONS: Readonly<Record<string, RbacRules['action']>> = { ALLOW: 'allow', DENY: 'deny', LOG: 'log' }

/** Reads an RBAC of Envoy. Conditions in CEL are refused. */
export function convertRbacRules(rules: ConfigMessage): RbacRules {
  const policies = [...rules.messageMap('policies')].map(([name, policy]) => convertPolicy(name, policy))
  return {
    action: ACTIONS[rules.enumName('action')] ?? 'allow',
    policies: policies.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  }
}

function convertPolicy(name: string, policy: ConfigMessage): RbacPolicy {
  for (const field of ['condition', 'checked_condition'])
    if (policy.has(field)) policy.refuse(field, 'expressions in CEL are not supported')
  const permissions = anyOf(policy.messages('permissions').map(convertPermission))
  const principals = anyOf(policy.messages('principals').map(convertPrincipal))
  return { name, condition: { kind: 'and', conditions: [permissions, principals] } }
}

function anyOf(conditions: readonly RbacCondition[]): RbacCondition {
  return { kind: 'or', conditions }
}
