import { type DescEnum, type DescField, type DescMessage, ScalarType, toJson } from '@bufbuild/protobuf'
import type { ReflectMessage } from '@bufbuild/protobuf/reflect'
import { base64Encode } from '@bufbuild/protobuf/wire'
import type { Any, Duration } from '@bufbuild/protobuf/wkt'
import type { Place, SourceEntry, SourceNode } from '../document/source-node.ts'
import type { ReadContext } from '../schema/read-message.ts'
import { WRAPPERS } from '../schema/read-scalar.ts'
import { typeNameOf } from '../schema/type-registry.ts'
import { findBinaryType, tryDecode } from './decode.ts'

export type SourceMap = SourceNode & { readonly kind: 'map' }

const NOWHERE: Place = { line: 0, column: 0 }
const JSON_TYPES: ReadonlySet<string> = new Set([
  'google.protobuf.Struct',
  'google.protobuf.Value',
  'google.protobuf.ListValue',
])

type FieldDesc = {
  readonly message?: DescMessage | undefined
  readonly enum?: DescEnum | undefined
  readonly scalar?: ScalarType | undefined
}

/**
 * A message from protobuf's binary form as the mapping that its JSON would be, so that one reader checks both. What the
 * binary form holds and our messages do not know is reported, as unknown keys of JSON are.
 */
export function messageToSource(context: ReadContext, message: ReflectMessage, path: string): SourceMap {
  reportUnknown(context, message, path)
  const set = message.fields.filter((field) => message.isSet(field))
  return mapOf(set.map((field) => [field.name, fieldToSource(context, message, field, joinPath(path, field.name))]))
}

function reportUnknown(context: ReadContext, message: ReflectMessage, path: string): void {
  for (const { no } of message.getUnknown() ?? []) {
    const text = `${message.desc.name} has no field with number ${no}`
    const spot = { path: joinPath(path, String(no)), place: NOWHERE }
    if (context.allowUnknownFields) context.problems.warning(spot, `${text}, it is ignored`)
    else context.problems.error(spot, text)
  }
}

function fieldToSource(context: ReadContext, message: ReflectMessage, field: DescField, path: string): SourceNode {
  if (field.fieldKind === 'list') {
    const items = [...message.get(field)].map((item, index) => valueToSource(context, field, item, `${path}[${index}]`))
    return { kind: 'list', place: NOWHERE, items }
  }
  if (field.fieldKind !== 'map') return valueToSource(context, field, message.get(field), path)
  return mapOf(
    [...message.get(field)].map(([key, value]) => {
      const name = String(key)
      return [name, valueToSource(context, field, value, `${path}[${JSON.stringify(name)}]`)]
    }),
  )
}

function valueToSource(context: ReadContext, desc: FieldDesc, value: unknown, path: string): SourceNode {
  if (desc.message !== undefined) return messageValueToSource(context, value as ReflectMessage, path)
  if (desc.enum !== undefined) return scalar(desc.enum.value[value as number]?.name ?? BigInt(value as number))
  return scalarToSource(desc.scalar, value)
}

function scalarToSource(type: ScalarType | undefined, value: unknown): SourceNode {
  if (type === ScalarType.BYTES) return scalar(base64Encode(value as Uint8Array))
  // JSON has no such numbers: as texts they are refused where they stand
  if (typeof value === 'number' && !Number.isFinite(value)) return scalar(String(value))
  return scalar(value as string | number | bigint | boolean)
}

function messageValueToSource(context: ReadContext, value: ReflectMessage, path: string): SourceNode {
  const { typeName } = value.desc
  const wrapped = WRAPPERS.get(typeName)
  if (wrapped !== undefined) return scalarToSource(wrapped, value.get(value.fields[0] as DescField))
  if (typeName === 'google.protobuf.Any') return anyToSource(context, value.message as Any, path)
  if (typeName === 'google.protobuf.Duration') return scalar(durationText(value.message as Duration))
  if (JSON_TYPES.has(typeName)) return jsonToSource(toJson(value.desc, value.message))
  return messageToSource(context, value, path)
}

/** Sign and digits as they are: whoever reads it says what is wrong with them. */
function durationText({ seconds, nanos }: Duration): string {
  const sign = seconds < 0n || nanos < 0 ? '-' : ''
  const [whole, fraction] = [seconds < 0n ? -seconds : seconds, Math.abs(nanos)]
  return `${sign}${whole}${fraction === 0 ? '' : `.${String(fraction).padStart(9, '0')}`}s`
}

function anyToSource(context: ReadContext, any: Any, path: string): SourceNode {
  const typeName = typeNameOf(any.typeUrl)
  const type = findBinaryType(typeName)
  const typeEntry = ['@type', scalar(any.typeUrl)] as const
  if (type === undefined) {
    const why = `${typeName} is not known here, so what it holds cannot be read`
    if (typeName !== '') context.problems.error({ path, place: NOWHERE }, why)
    return mapOf([typeEntry])
  }
  const message = tryDecode(context, type, any.value, path)
  if (message === undefined) return mapOf([typeEntry])
  if (JSON_TYPES.has(typeName)) return mapOf([typeEntry, ['value', messageValueToSource(context, message, path)]])
  const { entries } = messageToSource(context, message, path)
  return { kind: 'map', place: NOWHERE, entries: [...mapOf([typeEntry]).entries, ...entries] }
}

function jsonToSource(json: unknown): SourceNode {
  if (Array.isArray(json)) return { kind: 'list', place: NOWHERE, items: json.map(jsonToSource) }
  if (typeof json === 'object' && json !== null)
    return mapOf(Object.entries(json).map(([key, value]) => [key, jsonToSource(value)]))
  return scalar(json as string | number | boolean | null)
}

function scalar(value: string | number | bigint | boolean | null): SourceNode {
  return { kind: 'scalar', place: NOWHERE, value }
}

function mapOf(pairs: readonly (readonly [string, SourceNode])[]): SourceMap {
  const entries: readonly SourceEntry[] = pairs.map(([key, value]) => ({ key, keyPlace: NOWHERE, value }))
  return { kind: 'map', place: NOWHERE, entries }
}

function joinPath(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`
}
