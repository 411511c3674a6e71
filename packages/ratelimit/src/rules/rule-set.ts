import type { RateLimitDescriptor } from '@meltemi/api/rate-limit'
import { Unit } from '../window.ts'
import type { AppliedLimit, Limit, RuleNode } from './rule.ts'
import { RuleWalk } from './rule-walk.ts'

/** All rules in force; never changed, only replaced as a whole. */
export class RuleSet {
  readonly domains: ReadonlyMap<string, RuleNode>

  constructor(domains: ReadonlyMap<string, RuleNode>) {
    this.domains = domains
  }

  hasDomain(domain: string): boolean {
    return this.domains.has(domain)
  }

  /** The limit for a descriptor; undefined: there is none. One that the request brings along comes first. */
  find(domain: string, descriptor: RateLimitDescriptor): AppliedLimit | undefined {
    const root = this.domains.get(domain)
    if (root === undefined) return undefined
    return descriptor.limit === undefined
      ? new RuleWalk(domain, descriptor.entries).from(root)
      : broughtAlong(domain, descriptor)
  }
}

function broughtAlong(domain: string, { entries, limit }: RateLimitDescriptor): AppliedLimit {
  const keys = entries.map(({ key, value }) => (value === '' ? key : `${key}_${value}`))
  // Both messages number their units alike.
  const unit = (limit?.unit ?? Unit.UNKNOWN) as number as Unit
  return {
    // no rule stands for it: of very many values the domain has the counters
    limit: { ...PLAIN_LIMIT, fullKey: domain, requestsPerUnit: limit?.requestsPerUnit ?? 0, unit },
    statsKey: `${domain}.${keys.join('.')}`,
    sharedValues: undefined,
  }
}

const PLAIN_LIMIT: Limit = {
  fullKey: '',
  requestsPerUnit: 0,
  unit: Unit.UNKNOWN,
  isUnlimited: false,
  name: '',
  replaces: [],
  isShadow: false,
  isQuota: false,
  hasDetailedMetric: false,
}
