import type { ConfigMessage } from './config-message.ts'
import type { ConfigValue } from './config-value.ts'

/** The message as proto3 JSON with lowerCamelCase names, however it was written; for those who parse JSON themselves. */
export function toPlainJson(message: ConfigMessage): Record<string, unknown> {
  const entries = [...message.fields.values()].map(({ field, value }) => [field.jsonName, valueToJson(value)])
  return Object.fromEntries(entries) as Record<string, unknown>
}

function valueToJson(value: ConfigValue): unknown {
  switch (value.kind) {
    case 'scalar':
      return typeof value.value === 'bigint' ? value.value.toString() : value.value
    case 'enum':
      return value.name
    case 'duration':
      return value.text
    case 'message':
      return toPlainJson(value.message)
    case 'json':
      return value.json
    case 'list':
      return value.items.map(valueToJson)
    case 'map':
      return Object.fromEntries([...value.entries].map(([key, item]) => [key, valueToJson(item)]))
    case 'any':
      return { '@type': `type.googleapis.com/${value.typeName}`, ...anyFields(value) }
    default:
      return value satisfies never
  }
}

function anyFields(any: ConfigValue & { kind: 'any' }): object {
  if (any.message !== undefined) return toPlainJson(any.message)
  return any.typeName.startsWith('google.protobuf.') ? { value: any.json } : (any.json as object)
}
