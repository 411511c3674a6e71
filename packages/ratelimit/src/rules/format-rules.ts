import { Unit } from '../window.ts'
import type { Limit, RuleNode } from './rule.ts'
import type { RuleSet } from './rule-set.ts'

const UNIT_LABELS: ReadonlyMap<number, string> = new Map(Object.entries(Unit).map(([name, unit]) => [unit, name]))

/** A line for each limit, in the words of the reference's page. */
export function formatRules(rules: RuleSet): string {
  const limits = [...rules.domains.values()].flatMap(collectLimits)
  return limits
    .map((limit) => `${formatLimit(limit)}\n`)
    .sort()
    .join('')
}

function collectLimits(node: RuleNode): readonly Limit[] {
  const below = [...node.children.values()].flatMap(collectLimits)
  return node.limit === undefined ? below : [node.limit, ...below]
}

function formatLimit({ fullKey, requestsPerUnit, unit, isUnlimited, isShadow, isQuota }: Limit): string {
  const amount = isUnlimited ? 'unlimited' : `unit=${UNIT_LABELS.get(unit)} requests_per_unit=${requestsPerUnit}`
  return `${fullKey}: ${amount}, shadow_mode: ${isShadow}, quota_mode: ${isQuota}`
}
