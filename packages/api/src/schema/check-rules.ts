import { type DescField, type DescOneof, getOption, hasOption } from '@bufbuild/protobuf'
import type { Place, SourceEntry } from '../document/source-node.ts'
import { type FieldRules, required, rules } from '../gen/validate/validate_pb.ts'
import type { ConfigMessage } from './config-message.ts'
import type { ConfigValue } from './config-value.ts'
import type { Spot } from './problem-list.ts'

type RuleType = FieldRules['type']

/** Reading an option decodes it anew each time. */
const knownRules = new WeakMap<DescField, FieldRules | 'none'>()

function rulesOf(field: DescField): FieldRules | undefined {
  const known = knownRules.get(field) ?? (hasOption(field, rules) ? getOption(field, rules) : 'none')
  knownRules.set(field, known)
  return known === 'none' ? undefined : known
}

/** Reports two fields of one oneof, and a required oneof without any. */
export function checkOneofs(message: ConfigMessage, entries: ReadonlyMap<DescField, SourceEntry>): void {
  for (const oneof of message.type.oneofs) {
    const set = oneof.fields.filter((field) => entries.has(field))
    const extra = set[1]
    if (extra !== undefined) {
      const place = entries.get(extra)?.keyPlace ?? message.place
      const names = set.map((field) => field.name).join(' and ')
      message.markRead(extra.name)
      message.problems.error({ path: message.spot(extra.name).path, place }, `only one of ${names} can be set`)
    }
    if (set.length === 0 && isRequired(oneof)) {
      const names = oneof.fields.map((field) => field.name).join(', ')
      message.problems.error(message, `one of ${names} is required`)
    }
  }
}

function isRequired(oneof: DescOneof): boolean {
  return hasOption(oneof, required) && getOption(oneof, required)
}

/**
 * `place`: of a value that is there but equals the default. Checks one field against the `(validate.rules)` of its .proto file, as Envoy does. Left out: `well_known_regex`, for
 * our metadata keys are no HTTP header names, and a duration's "more than zero", for `0s` means disabled here.
 */
export function checkField(message: ConfigMessage, field: DescField, place: Place | undefined): void {
  const fieldRules = rulesOf(field)
  if (fieldRules === undefined || message.isBroken(field.name)) return
  const entry = message.fields.get(field.name)
  const absent = { path: message.spot(field.name).path, place: place ?? message.place }
  if (entry === undefined && !isAbsenceAllowed(field, fieldRules))
    message.problems.error(absent, `${field.name} is required`)
  if (entry !== undefined) checkValue(message, fieldRules.type, entry.value)
}

function isAbsenceAllowed(field: DescField, { message: rule, type }: FieldRules): boolean {
  if (field.oneof !== undefined) return true
  if (field.fieldKind !== 'message') return !isEmptyRefused(type)
  return !(rule?.required === true || ((type.case === 'any' || type.case === 'duration') && type.value.required))
}

/** Whether the rules refuse a field's default value. */
function isEmptyRefused(type: RuleType): boolean {
  switch (type.case) {
    case 'string':
      return (type.value.minLen > 0n || type.value.minBytes > 0n) && !type.value.ignoreEmpty
    case 'repeated':
      return type.value.minItems > 0n && !type.value.ignoreEmpty
    case 'map':
      return type.value.minPairs > 0n && !type.value.ignoreEmpty
    default:
      return numberFault(type, 0) !== undefined
  }
}

function checkValue(message: ConfigMessage, type: RuleType, value: ConfigValue): void {
  const fault = findFault(type, value)
  if (fault !== undefined) message.problems.error(value satisfies Spot, fault)
  if (type.case === 'repeated' && value.kind === 'list' && type.value.items !== undefined) {
    for (const item of value.items) checkValue(message, type.value.items.type, item)
  }
}

function findFault(type: RuleType, value: ConfigValue): string | undefined {
  if (type.case === 'repeated' && value.kind === 'list')
    return countFault(value.items.length, type.value.minItems, type.value.maxItems)
  if (type.case === 'map' && value.kind === 'map')
    return countFault(value.entries.size, type.value.minPairs, type.value.maxPairs)
  if (type.case === 'duration' && value.kind === 'duration') return durationFault(type.value, value)
  if (type.case === 'enum' && value.kind === 'enum') {
    return type.value.notIn.includes(value.number) ? `${value.name} is not allowed here` : undefined
  }
  if (value.kind !== 'scalar') return undefined
  if (type.case === 'string' && typeof value.value === 'string') return stringFault(type.value, value.value)
  if (type.case === 'bool')
    return hasConst(type.value) && type.value.const !== value.value ? `must be ${type.value.const}` : undefined
  return typeof value.value === 'number' || typeof value.value === 'bigint' ? numberFault(type, value.value) : undefined
}

function countFault(count: number, min: bigint, max: bigint): string | undefined {
  if (BigInt(count) < min) return `expected at least ${min} entries, got ${count}`
  return max > 0n && BigInt(count) > max ? `expected at most ${max} entries, got ${count}` : undefined
}

function stringFault(rule: (RuleType & { case: 'string' })['value'], text: string): string | undefined {
  if (text === '' && rule.ignoreEmpty) return undefined
  const bytes = new TextEncoder().encode(text).length
  const length = [...text].length
  if (length < rule.minLen || bytes < rule.minBytes) return 'must not be empty'
  if (rule.maxLen > 0n && length > rule.maxLen) return `expected at most ${rule.maxLen} characters, got ${length}`
  if (rule.maxBytes > 0n && bytes > rule.maxBytes) return `expected at most ${rule.maxBytes} bytes, got ${bytes}`
  if (rule.in.length > 0 && !rule.in.includes(text)) return `expected one of ${rule.in.join(', ')}, got ${text}`
  return undefined
}

type NumberRule = {
  readonly gt: number | bigint
  readonly gte: number | bigint
  readonly lt: number | bigint
  readonly lte: number | bigint
}
const NUMBER_CASES: ReadonlySet<string> = new Set(['float', 'double', 'int32', 'int64', 'uint32', 'uint64'])

function numberFault(type: RuleType, value: number | bigint): string | undefined {
  if (type.case === undefined || !NUMBER_CASES.has(type.case)) return undefined
  const rule = type.value as unknown as NumberRule
  if (isSet(rule, 'gt') && value <= rule.gt) return `must be more than ${rule.gt}, got ${value}`
  if (isSet(rule, 'gte') && value < rule.gte) return `must be at least ${rule.gte}, got ${value}`
  if (isSet(rule, 'lt') && value >= rule.lt) return `must be less than ${rule.lt}, got ${value}`
  if (isSet(rule, 'lte') && value > rule.lte) return `must be at most ${rule.lte}, got ${value}`
  return undefined
}

/** proto2 fields that are not set stand on the prototype with their default. */
function isSet(rule: object, name: string): boolean {
  return Object.hasOwn(rule, name)
}

function hasConst(rule: object): boolean {
  return isSet(rule, 'const')
}

interface Nanos {
  readonly seconds: bigint
  readonly nanos: number
}

function toNanos(duration: Nanos): bigint {
  return duration.seconds * 1_000_000_000n + BigInt(duration.nanos)
}

function durationFault(
  rule: (RuleType & { case: 'duration' })['value'],
  value: { nanos: bigint; text: string },
): string | undefined {
  const isMoreThan =
    rule.gt === undefined || value.nanos > toNanos(rule.gt) || (value.nanos === 0n && toNanos(rule.gt) === 0n)
  if (!isMoreThan && rule.gt !== undefined) return `must be more than ${formatNanos(rule.gt)}, got ${value.text}`
  if (rule.gte !== undefined && value.nanos < toNanos(rule.gte))
    return `must be at least ${formatNanos(rule.gte)}, got ${value.text}`
  if (rule.lt !== undefined && value.nanos >= toNanos(rule.lt))
    return `must be less than ${formatNanos(rule.lt)}, got ${value.text}`
  if (rule.lte !== undefined && value.nanos > toNanos(rule.lte))
    return `must be at most ${formatNanos(rule.lte)}, got ${value.text}`
  return undefined
}

function formatNanos(duration: Nanos): string {
  return `${Number(toNanos(duration)) / 1e9}s`
}
