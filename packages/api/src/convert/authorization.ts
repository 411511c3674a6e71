import type { AuthorizationConfig, RbacRules } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import { convertRbacRules } from './rbac-rules.ts'

/** Reads Envoy's network filter. */
export function convertNetworkRbac(rbac: ConfigMessage): AuthorizationConfig {
  return { ...convertCommon(rbac), statPrefix: dotted(rbac.text('stat_prefix')) }
}

/** Reads Envoy's HTTP filter, which has counters for each policy. */
export function convertHttpRbac(rbac: ConfigMessage): AuthorizationConfig {
  return {
    ...convertCommon(rbac),
    rulesStatPrefix: rbac.text('rules_stat_prefix'),
    tracksEachPolicy: rbac.flag('track_per_rule_stats') ?? false,
  }
}

function convertCommon(rbac: ConfigMessage): AuthorizationConfig {
  for (const name of ['matcher', 'shadow_matcher'])
    if (rbac.has(name)) rbac.refuse(name, `${name} is not supported, write policies`)
  return {
    kind: 'authorization',
    statPrefix: '',
    rules: rulesOf(rbac, 'rules'),
    rulesStatPrefix: '',
    shadowRules: rulesOf(rbac, 'shadow_rules'),
    shadowStatPrefix: rbac.text('shadow_rules_stat_prefix'),
    tracksEachPolicy: false,
  }
}

function rulesOf(rbac: ConfigMessage, name: string): RbacRules | undefined {
  const rules = rbac.message(name)
  return rules === undefined ? undefined : convertRbacRules(rules)
}

function dotted(prefix: string): string {
  return prefix === '' || prefix.endsWith('.') ? prefix : `${prefix}.`
}
