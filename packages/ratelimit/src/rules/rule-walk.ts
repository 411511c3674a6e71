import type { RateLimitDescriptor } from '@meltemi/api/rate-limit'
import type { AppliedLimit, Limit, RuleNode } from './rule.ts'

type Entry = RateLimitDescriptor['entries'][number]

/** One level of the way. */
interface Step {
  readonly node: RuleNode
  /** The value as the rule has it; empty where it takes any. */
  readonly ruleValue: string
  /** The rule names this very value. */
  readonly isExact: boolean
}

/** One way down the tree, entry by entry: a limit counts that lies as many levels deep as the descriptor has entries. */
export class RuleWalk {
  readonly #domain: string
  readonly #entries: readonly Entry[]
  readonly #steps: Step[] = []
  #isShared = false
  #hasValueInMetric = false

  constructor(domain: string, entries: readonly Entry[]) {
    this.#domain = domain
    this.#entries = entries
  }

  from(root: RuleNode): AppliedLimit | undefined {
    let node = root
    for (const entry of this.#entries) {
      const step = findStep(node, entry)
      if (step === undefined) return undefined
      node = step.node
      this.#steps.push(step)
      this.#isShared ||= sharedValue(step) !== undefined
      this.#hasValueInMetric ||= node.hasValueInMetric
    }
    const { limit } = node
    if (limit === undefined) return undefined
    const sharedValues = this.#isShared ? this.#steps.map(sharedValue) : undefined
    return { limit, statsKey: this.#statsKey(limit), sharedValues }
  }

  #statsKey(limit: Limit): string {
    if (!limit.hasDetailedMetric && !this.#hasValueInMetric) return limit.fullKey
    const part = limit.hasDetailedMetric ? this.#detailedPart : this.#part
    return [this.#domain, ...this.#steps.map(part, this)].join('.')
  }

  /** The rule's own value, or the request's where the rule asks for that. */
  #part(step: Step, index: number): string {
    const { key, value } = this.#entries[index] as Entry
    const isRequests = !step.isExact && step.node.hasValueInMetric
    const named = sharedValue(step) ?? (isRequests ? value : step.ruleValue)
    return named === '' ? key : `${key}_${named}`
  }

  /** The request's value, but where values share a counter what they share. */
  #detailedPart(step: Step, index: number): string {
    const { key, value } = this.#entries[index] as Entry
    const named = sharedValue(step) ?? value
    return named === '' && this.#isShared ? key : `${key}_${named}`
  }
}

/** The rule for one entry: with its very value, else the first pattern that matches, else the one for any value. */
function findStep(node: RuleNode, { key, value }: Entry): Step | undefined {
  const composite = `${key}_${value}`
  const exact = node.children.get(composite)
  if (exact !== undefined) return { node: exact, ruleValue: value, isExact: true }
  for (const { wildcard, node: child } of node.wildcards) {
    if (!wildcard.matches(composite)) continue
    const { pattern } = wildcard
    const ruleValue = pattern.startsWith(`${key}_`) ? pattern.slice(key.length + 1) : pattern
    return { node: child, ruleValue, isExact: false }
  }
  const any = node.children.get(key)
  return any && { node: any, ruleValue: '', isExact: false }
}

function sharedValue({ node, ruleValue, isExact }: Step): string | undefined {
  return node.isShared && !isExact && ruleValue !== '' ? ruleValue : undefined
}
