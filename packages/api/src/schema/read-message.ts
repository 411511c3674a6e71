import type { DescEnum, DescField, DescMessage, ScalarType } from '@bufbuild/protobuf'
import { describeSource, type SourceEntry, type SourceNode, sourceToJson } from '../document/source-node.ts'
import { checkField, checkOneofs } from './check-rules.ts'
import { ConfigMessage } from './config-message.ts'
import type { ConfigField, ConfigValue } from './config-value.ts'
import { didYouMean } from './did-you-mean.ts'
import type { ProblemList, Spot } from './problem-list.ts'
import { parseDuration, parseScalar, WRAPPERS } from './read-scalar.ts'
import { findMessageType, typeNameOf } from './type-registry.ts'
import { warnDoubles } from './warn-doubles.ts'

export interface ReadContext {
  readonly problems: ProblemList
  /** Unknown fields are warnings, not errors. */
  readonly allowUnknownFields: boolean
}

type FieldDesc = {
  readonly message?: DescMessage | undefined
  readonly enum?: DescEnum | undefined
  readonly scalar?: ScalarType | undefined
}

/**
 * Reads a mapping as a message: every field is looked up in the message's descriptor and checked, in proto3 JSON with
 * the liberties Envoy's users take (both spellings of names, one mapping where a list is expected, `config` for
 * `typed_config`). All problems are reported; what is wrong is left out of the message.
 */
export function readMessage(context: ReadContext, type: DescMessage, node: SourceNode, path: string): ConfigMessage {
  const spot = { path, place: node.place }
  const fields = new Map<string, ConfigField>()
  const broken = new Set<string>()
  const message = new ConfigMessage(type, spot, { good: fields, broken }, context.problems)
  if (node.kind !== 'map') {
    if (node.kind !== 'scalar' || node.value !== null) {
      context.problems.error(spot, `expected a mapping (${type.name}), got ${describeSource(node)}`)
    }
    return message
  }
  const entries = matchEntries(context, type, node.entries, path)
  for (const [field, entry] of entries) {
    const value = readField(context, field, entry.value, joinPath(path, field.name))
    if (value === undefined) broken.add(field.name)
    else if (!isDefault(field, value)) fields.set(field.name, { field, value })
  }
  checkOneofs(message, entries)
  for (const field of type.fields) checkField(message, field, entries.get(field)?.value.place)
  return message
}

function joinPath(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`
}

/** Finds the field of each key; reports unknown keys and doubles, of which the last wins. */
function matchEntries(context: ReadContext, type: DescMessage, entries: readonly SourceEntry[], path: string) {
  const found = new Map<DescField, SourceEntry>()
  for (const entry of entries) {
    const field = findField(type, entry.key)
    const spot = { path: joinPath(path, field?.name ?? entry.key), place: entry.keyPlace }
    if (field === undefined) reportUnknown(context, type, spot, entry.key)
    else {
      if (found.has(field)) context.problems.warning(spot, `${field.name} is set more than once, the last one wins`)
      if (entry.value.kind !== 'scalar' || entry.value.value !== null) found.set(field, entry)
      else if (isJsonValue(field)) found.set(field, entry)
    }
  }
  return found
}

function isJsonValue(field: DescField): boolean {
  return field.fieldKind === 'message' && field.message.typeName === 'google.protobuf.Value'
}

const OTHER_SPELLING: Readonly<Record<string, string>> = { config: 'typed_config', typed_config: 'config' }

function findField(type: DescMessage, key: string): DescField | undefined {
  const direct = type.fields.find((field) => field.name === key || field.jsonName === key)
  if (direct !== undefined) return direct
  const other = OTHER_SPELLING[key === 'typedConfig' ? 'typed_config' : key]
  const field = other === undefined ? undefined : type.fields.find((each) => each.name === other)
  return field?.message?.typeName === 'google.protobuf.Any' ? field : undefined
}

function reportUnknown(context: ReadContext, type: DescMessage, spot: Spot, key: string): void {
  const meant = didYouMean(
    key,
    type.fields.map((field) => field.name),
  )
  const hint = meant === undefined ? '' : `, did you mean ${meant}?`
  const message = `${type.name} has no field ${JSON.stringify(key)}`
  if (context.allowUnknownFields) context.problems.warning(spot, `${message}, it is ignored`)
  else context.problems.error(spot, `${message}${hint}`)
}

/** proto3 does not tell a value that equals its default from one that is not there. */
function isDefault(field: DescField, value: ConfigValue): boolean {
  if (value.kind === 'list') return value.items.length === 0
  if (value.kind === 'map') return value.entries.size === 0
  if (field.oneof !== undefined || (field.fieldKind !== 'scalar' && field.fieldKind !== 'enum')) return false
  if (value.kind === 'enum') return value.number === 0
  return (
    value.kind === 'scalar' && (value.value === '' || value.value === false || value.value === 0 || value.value === 0n)
  )
}

function readField(context: ReadContext, field: DescField, node: SourceNode, path: string): ConfigValue | undefined {
  if (field.fieldKind === 'list') return readList(context, field, node, path)
  if (field.fieldKind === 'map') return readMap(context, field, node, path)
  return readValue(context, field, node, path)
}

function readList(context: ReadContext, element: FieldDesc, node: SourceNode, path: string): ConfigValue | undefined {
  const spot = { path, place: node.place }
  const isSingleMapping = node.kind === 'map' && element.message !== undefined
  if (node.kind !== 'list' && !isSingleMapping) {
    context.problems.error(spot, `expected a list, got ${describeSource(node)}`)
    return undefined
  }
  const nodes = node.kind === 'list' ? node.items : [node]
  const items = nodes.flatMap((item, index) => readValue(context, element, item, `${path}[${index}]`) ?? [])
  return { ...spot, kind: 'list', items }
}

function readMap(context: ReadContext, value: FieldDesc, node: SourceNode, path: string): ConfigValue | undefined {
  const spot = { path, place: node.place }
  if (node.kind !== 'map') {
    context.problems.error(spot, `expected a mapping, got ${describeSource(node)}`)
    return undefined
  }
  const entries = new Map<string, ConfigValue>()
  for (const entry of node.entries) {
    const read = readValue(context, value, entry.value, `${path}[${JSON.stringify(entry.key)}]`)
    if (entries.has(entry.key)) {
      context.problems.warning({ path, place: entry.keyPlace }, `${entry.key} is set more than once, the last one wins`)
    }
    if (read !== undefined) entries.set(entry.key, read)
  }
  return { ...spot, kind: 'map', entries }
}

function readValue(context: ReadContext, desc: FieldDesc, node: SourceNode, path: string): ConfigValue | undefined {
  if (desc.message !== undefined) return readMessageValue(context, desc.message, node, path)
  if (desc.enum !== undefined) return readEnum(context, desc.enum, node, path)
  return desc.scalar === undefined ? undefined : readScalar(context, desc.scalar, node, path)
}

function readScalar(context: ReadContext, type: ScalarType, node: SourceNode, path: string): ConfigValue | undefined {
  const spot = { path, place: node.place }
  const result = parseScalar(type, node)
  if (result.kind === 'value') return { ...spot, kind: 'scalar', value: result.value }
  context.problems.error(spot, `expected ${result.expected}, got ${describeSource(node)}`)
  return undefined
}

function readEnum(context: ReadContext, type: DescEnum, node: SourceNode, path: string): ConfigValue | undefined {
  const spot = { path, place: node.place }
  const given = node.kind === 'scalar' ? node.value : undefined
  const value = type.values.find((each) => each.name === given || BigInt(each.number) === given)
  if (value !== undefined) return { ...spot, kind: 'enum', name: value.name, number: value.number }
  const names = type.values.map((each) => each.name).join(', ')
  context.problems.error(spot, `expected one of ${names}, got ${describeSource(node)}`)
  return undefined
}

function readMessageValue(
  context: ReadContext,
  type: DescMessage,
  node: SourceNode,
  path: string,
): ConfigValue | undefined {
  const spot = { path, place: node.place }
  const wrapped = WRAPPERS.get(type.typeName)
  if (wrapped !== undefined) return readScalar(context, wrapped, node, path)
  if (type.typeName === 'google.protobuf.Any') return readAny(context, node, path)
  if (type.typeName === 'google.protobuf.Duration') return readDuration(context, node, spot)
  if (type.typeName === 'google.protobuf.Value') return { ...spot, kind: 'json', json: plainValue(context, node, path) }
  if (type.typeName === 'google.protobuf.Struct') return readStruct(context, node, spot)
  return { ...spot, kind: 'message', message: readMessage(context, type, node, path) }
}

function readDuration(context: ReadContext, node: SourceNode, spot: Spot): ConfigValue | undefined {
  const text = node.kind === 'scalar' && typeof node.value === 'string' ? node.value : ''
  const nanos = parseDuration(text)
  if (nanos !== undefined) return { ...spot, kind: 'duration', nanos, text }
  context.problems.error(spot, `expected a duration such as 1.5s, got ${describeSource(node)}`)
  return undefined
}

function readStruct(context: ReadContext, node: SourceNode, spot: Spot): ConfigValue | undefined {
  if (node.kind === 'map') return { ...spot, kind: 'json', json: plainValue(context, node, spot.path) }
  context.problems.error(spot, `expected a mapping, got ${describeSource(node)}`)
  return undefined
}

const TYPED_STRUCTS: ReadonlySet<string> = new Set(['udpa.type.v1.TypedStruct', 'xds.type.v3.TypedStruct'])
/** Inside an Any the JSON of these stands under `value`. */
const VALUE_TYPES: ReadonlySet<string> = new Set(['google.protobuf.Struct', 'google.protobuf.Value'])

/** An Any: the message beside `@type`, or the one that a TypedStruct describes. */
function readAny(context: ReadContext, node: SourceNode, path: string): ConfigValue | undefined {
  const spot = { path, place: node.place }
  if (node.kind !== 'map') {
    context.problems.error(spot, `expected a mapping with @type, got ${describeSource(node)}`)
    return undefined
  }
  const typeName = readTypeName(context, node, '@type', path)
  if (typeName === undefined) return undefined
  const rest: SourceNode = { ...node, entries: node.entries.filter((entry) => entry.key !== '@type') }
  if (TYPED_STRUCTS.has(typeName)) return readTypedStruct(context, rest, path)
  if (VALUE_TYPES.has(typeName))
    return { ...spot, kind: 'any', typeName, message: undefined, json: onlyValue(context, rest, path) }
  return anyOf(context, typeName, rest, spot)
}

function anyOf(context: ReadContext, typeName: string, node: SourceNode, spot: Spot): ConfigValue {
  const type = findMessageType(typeName)
  const message = type === undefined ? undefined : readMessage(context, type, node, spot.path)
  const json = message === undefined ? plainValue(context, node, spot.path) : sourceToJson(node)
  return { ...spot, kind: 'any', typeName, message, json }
}

function readTypedStruct(
  context: ReadContext,
  node: SourceNode & { kind: 'map' },
  path: string,
): ConfigValue | undefined {
  const urlKey = node.entries.some((entry) => entry.key === 'typeUrl') ? 'typeUrl' : 'type_url'
  for (const entry of node.entries) {
    if (entry.key === urlKey || entry.key === 'value') continue
    const message = `TypedStruct has no field ${JSON.stringify(entry.key)}`
    context.problems.error({ path: joinPath(path, entry.key), place: entry.keyPlace }, message)
  }
  const typeName = readTypeName(context, node, urlKey, path)
  const value = node.entries.findLast((entry) => entry.key === 'value')?.value ?? {
    kind: 'map',
    place: node.place,
    entries: [],
  }
  return typeName === undefined
    ? undefined
    : anyOf(context, typeName, value, { path: joinPath(path, 'value'), place: value.place })
}

function readTypeName(
  context: ReadContext,
  node: SourceNode & { kind: 'map' },
  key: string,
  path: string,
): string | undefined {
  const value = node.entries.findLast((entry) => entry.key === key)?.value
  if (value?.kind === 'scalar' && typeof value.value === 'string' && value.value !== '') return typeNameOf(value.value)
  const got = value === undefined ? 'nothing' : describeSource(value)
  context.problems.error(
    { path: joinPath(path, key), place: value?.place ?? node.place },
    `expected a type URL, got ${got}`,
  )
  return undefined
}

function onlyValue(context: ReadContext, node: SourceNode & { kind: 'map' }, path: string): unknown {
  for (const entry of node.entries) {
    if (entry.key === 'value') continue
    const spot = { path: joinPath(path, entry.key), place: entry.keyPlace }
    context.problems.error(spot, `expected only "value" beside @type, got ${JSON.stringify(entry.key)}`)
  }
  const value = node.entries.findLast((entry) => entry.key === 'value')?.value
  return value === undefined ? {} : plainValue(context, value, joinPath(path, 'value'))
}

/** A value that no schema says more about. */
function plainValue(context: ReadContext, node: SourceNode, path: string): unknown {
  warnDoubles(context.problems, node, path)
  return sourceToJson(node)
}
