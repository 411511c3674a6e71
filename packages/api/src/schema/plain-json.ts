import type { DescField } from '@bufbuild/protobuf'
import type { ConfigMessage } from './config-message.ts'
import type { ConfigValue } from './config-value.ts'

interface JsonStyle {
  name(field: DescField): string
  duration(value: { readonly nanos: bigint; readonly text: string }): string
}

const PLAIN: JsonStyle = { name: (field) => field.jsonName, duration: ({ text }) => text }
const PROTO: JsonStyle = { name: (field) => field.name, duration: ({ nanos }) => formatDuration(nanos) }

/** The message as proto3 JSON with lowerCamelCase names, however it was written; for those who parse JSON themselves. */
export function toPlainJson(message: ConfigMessage): Record<string, unknown> {
  return messageToJson(message, PLAIN)
}

/** The message as proto3 JSON with the names of the .proto file, as Envoy prints its configuration. */
export function toProtoJson(message: ConfigMessage): Record<string, unknown> {
  return messageToJson(message, PROTO)
}

function messageToJson(message: ConfigMessage, style: JsonStyle): Record<string, unknown> {
  const entries = [...message.fields.values()].map(({ field, value }) => [style.name(field), valueToJson(value, style)])
  return Object.fromEntries(entries) as Record<string, unknown>
}

function valueToJson(value: ConfigValue, style: JsonStyle): unknown {
  switch (value.kind) {
    case 'scalar':
      return typeof value.value === 'bigint' ? value.value.toString() : value.value
    case 'enum':
      return value.name
    case 'duration':
      return style.duration(value)
    case 'message':
      return messageToJson(value.message, style)
    case 'json':
      return value.json
    case 'list':
      return value.items.map((item) => valueToJson(item, style))
    case 'map':
      return Object.fromEntries([...value.entries].map(([key, item]) => [key, valueToJson(item, style)]))
    case 'any':
      return { '@type': `type.googleapis.com/${value.typeName}`, ...anyFields(value, style) }
    default:
      return value satisfies never
  }
}

function anyFields(any: ConfigValue & { kind: 'any' }, style: JsonStyle): object {
  if (any.message !== undefined) return messageToJson(any.message, style)
  return any.typeName.startsWith('google.protobuf.') ? { value: any.json } : (any.json as object)
}

/** With 0, 3, 6 or 9 digits after the point, whichever are enough. */
function formatDuration(nanos: bigint): string {
  const fraction = (nanos % 1_000_000_000n)
    .toString()
    .padStart(9, '0')
    .replace(/(?:000){1,3}$/, '')
  return `${nanos / 1_000_000_000n}${fraction === '' ? '' : `.${fraction}`}s`
}
