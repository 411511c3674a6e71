/** Reads one file of the format of github.com/envoyproxy/ratelimit, with the place of everything that is wrong. */

import type { Place, ProblemList, SourceNode } from '@meltemi/api/document'
import { tryParseUnit, UNIT_NAMES, Unit } from '../window.ts'
import { Fields } from './fields.ts'
import type { Limit, RuleNode, WildcardRule } from './rule.ts'
import { Wildcard } from './wildcard.ts'

const MAX_REQUESTS = 2 ** 32 - 1
const ROOT_KEYS = ['domain', 'descriptors']
const DESCRIPTOR_KEYS = [
  ...['key', 'value', 'rate_limit', 'descriptors', 'shadow_mode', 'quota_mode', 'detailed_metric', 'value_to_metric'],
  ...['share_threshold'],
]
const LIMIT_KEYS = ['unit', 'requests_per_unit', 'unlimited', 'name', 'replaces']

/** A node that descriptors of several files may be added to. */
export interface DomainNode extends RuleNode {
  readonly children: Map<string, RuleNode>
  readonly wildcards: WildcardRule[]
}

export interface DomainFile {
  readonly domain: string
  readonly place: Place
  /** Adds what the file says to a domain. */
  addTo(root: DomainNode): void
}

export function newDomain(): DomainNode {
  return { limit: undefined, children: new Map(), wildcards: [], hasValueInMetric: false, isShared: false }
}

/** undefined, with problems, when there is no domain in it. */
export function readDomain(root: SourceNode, problems: ProblemList): DomainFile | undefined {
  const fields = new Fields(root, '', ROOT_KEYS, problems)
  const domain = fields.text('domain')
  if (domain === '') {
    problems.error({ path: 'domain', place: fields.placeOf('domain') }, 'a domain is required')
    return undefined
  }
  const reader = new DescriptorReader(problems)
  return {
    domain,
    place: fields.placeOf('domain'),
    addTo: (node) => reader.readAll(fields, node, `${domain}.`),
  }
}

class DescriptorReader {
  readonly #problems: ProblemList

  constructor(problems: ProblemList) {
    this.#problems = problems
  }

  /** `parentKey`: what the names of the descriptors begin with. */
  readAll(parent: Fields, into: DomainNode, parentKey: string): void {
    for (const { node, path } of parent.list('descriptors')) {
      this.#read(new Fields(node, path, DESCRIPTOR_KEYS, this.#problems), into, parentKey)
    }
  }

  #read(fields: Fields, into: DomainNode, parentKey: string): void {
    const key = fields.text('key')
    const value = fields.text('value')
    const composite = value === '' ? key : `${key}_${value}`
    const isDouble = into.children.has(composite)
    if (key === '') this.#problems.error(fields.spot('key'), 'a key is required')
    if (isDouble) this.#problems.error(fields.spot('key'), `there is another descriptor ${parentKey}${composite}`)
    if (key === '' || isDouble) return
    const isPattern = composite.includes('*')
    const isShared = fields.flag('share_threshold')
    if (isShared && !isPattern) {
      this.#problems.error(fields.spot('share_threshold'), 'it needs a value with a *')
    }
    const node: DomainNode = {
      ...newDomain(),
      limit: this.#readLimit(fields, `${parentKey}${composite}`),
      hasValueInMetric: fields.flag('value_to_metric'),
      isShared,
    }
    into.children.set(composite, node)
    if (isPattern) into.wildcards.push({ wildcard: new Wildcard(composite), node })
    this.readAll(fields, node, `${parentKey}${composite}.`)
  }

  #readLimit(descriptor: Fields, fullKey: string): Limit | undefined {
    const isShadow = descriptor.flag('shadow_mode')
    const isQuota = descriptor.flag('quota_mode')
    const hasDetailedMetric = descriptor.flag('detailed_metric')
    const fields = descriptor.child('rate_limit', LIMIT_KEYS)
    if (fields === undefined) return undefined
    const isUnlimited = fields.flag('unlimited')
    const name = fields.text('name')
    return {
      fullKey,
      requestsPerUnit: isUnlimited ? 0 : fields.requiredWhole('requests_per_unit', MAX_REQUESTS),
      unit: this.#readUnit(fields, isUnlimited),
      isUnlimited,
      name,
      replaces: this.#readReplaces(fields, name),
      isShadow,
      isQuota,
      hasDetailedMetric,
    }
  }

  #readUnit(fields: Fields, isUnlimited: boolean): Unit {
    const text = fields.text('unit')
    const unit = tryParseUnit(text)
    if (isUnlimited && unit !== undefined) this.#problems.error(fields.spot('unit'), 'unlimited has no unit')
    if (!isUnlimited && unit === undefined) {
      const got = fields.has('unit') ? `, got ${JSON.stringify(text)}` : ''
      this.#problems.error(fields.spot('unit'), `expected one of ${UNIT_NAMES.join(', ')}${got}`)
    }
    return unit ?? Unit.UNKNOWN
  }

  #readReplaces(limit: Fields, ownName: string): readonly string[] {
    return limit.list('replaces').map(({ node, path }) => {
      const fields = new Fields(node, path, ['name'], this.#problems)
      const name = fields.text('name')
      if (name === '') this.#problems.error(fields.spot('name'), 'the name of the limit to be replaced is required')
      else if (name === ownName) this.#problems.error(fields.spot('name'), 'a limit cannot replace itself')
      return name
    })
  }
}
