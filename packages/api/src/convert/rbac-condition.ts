import type { MetadataMatcher, RbacCondition } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import { isIpAddress } from './address.ts'
import { convertMatcher, convertStringMatch } from './match.ts'

/** What matches nothing: where a problem has been reported. */
export const NEVER: RbacCondition = { kind: 'or', conditions: [] }

const REQUEST = 'aeraki.meta_protocol.request'
/** The reference's filter, which calls the property `interface` of dubbo otherwise. */
const DUBBO = 'envoy.filters.dubbo.rbac'
const DUBBO_KEYS: ReadonlyMap<string, string> = new Map([['service', 'interface']])

/** A HeaderMatcher, whose header is a property of the request. */
export function propertyCondition(owner: ConfigMessage, field: string): RbacCondition {
  const header = owner.message(field)
  return header === undefined ? NEVER : { kind: 'property', matcher: convertMatcher(header) }
}

/** A MetadataMatcher: the properties of the request are the only metadata that there is. */
export function valueCondition(owner: ConfigMessage, field: string): RbacCondition {
  const matcher = owner.message(field)
  if (matcher === undefined) return NEVER
  const filter = matcher.text('filter')
  if (filter !== REQUEST && filter !== DUBBO) {
    const known = `known are: ${REQUEST}, ${DUBBO}`
    matcher.error('filter', `there is no metadata of ${JSON.stringify(filter)}, ${known}`)
  }
  const [segment, another] = matcher.messages('path')
  if (another !== undefined) {
    another.problems.error(another, 'a property has no parts')
    another.handOver()
  }
  const key = segment?.text('key') ?? ''
  const name = filter === DUBBO ? (DUBBO_KEYS.get(key) ?? key) : key
  const test = convertValue(matcher.message('value'))
  const condition: RbacCondition = {
    kind: 'property',
    matcher: { name, test, invert: false, treatMissingAsEmpty: false },
  }
  // as Envoy, and unlike in a HeaderMatcher, what is not there fits too then
  return matcher.flag('invert') === true ? { kind: 'not', condition } : condition
}

function convertValue(value: ConfigMessage | undefined): MetadataMatcher['test'] {
  if (value?.has('string_match')) return convertStringMatch(value.message('string_match'))
  return { kind: 'present', present: value?.flag('present_match') ?? true }
}

/** A CidrRange. */
export function addressCondition(
  owner: ConfigMessage,
  field: string,
  of: (RbacCondition & { kind: 'address' })['of'],
): RbacCondition {
  const range = owner.message(field)
  if (range === undefined) return NEVER
  const prefix = range.text('address_prefix')
  const bits = range.number('prefix_len') ?? 0
  if (!isIpAddress(prefix)) range.error('address_prefix', `expected an IP address, got ${JSON.stringify(prefix)}`)
  const most = prefix.includes(':') ? 128 : 32
  if (bits > most) range.error('prefix_len', `an address has ${most} bits, not ${bits}`)
  if (!range.has('prefix_len')) range.warning('prefix_len', 'without it every address of the family fits')
  return { kind: 'address', of, prefix, bits }
}

export function refuseCondition(owner: ConfigMessage, field: string, why: string): RbacCondition {
  owner.refuse(field, `${field} is not supported: ${why}`)
  return NEVER
}
