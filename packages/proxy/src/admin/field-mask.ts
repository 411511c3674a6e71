/** A google.protobuf.FieldMask on JSON: what is left of a message when only some fields are wanted. */

type Json = Readonly<Record<string, unknown>>

/** Paths such as `bootstrap.node.id`; empty ones do not count. */
export function parseFieldMask(text: string): readonly (readonly string[])[] {
  return text
    .split(',')
    .map((path) => path.split('.').filter((name) => name !== ''))
    .filter((path) => path.length > 0)
}

/** A copy with what the paths lead to, through lists as well, and with its types; undefined when they lead nowhere. */
export function applyFieldMask(message: Json, mask: readonly (readonly string[])[]): Json | undefined {
  const kept = Object.entries(message).flatMap(([name, value]) => {
    const inside = mask.filter(([first]) => first === name).map(([, ...rest]) => rest)
    if (inside.length === 0) return []
    const part = inside.some((rest) => rest.length === 0) ? value : maskValue(value, inside)
    return part === undefined ? [] : [[name, part]]
  })
  if (kept.length === 0) return undefined
  const type = message['@type']
  return Object.fromEntries(type === undefined ? kept : [['@type', type], ...kept])
}

function maskValue(value: unknown, mask: readonly (readonly string[])[]): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  if (!Array.isArray(value)) return applyFieldMask(value as Json, mask)
  const items = value.flatMap((item) => maskValue(item, mask) ?? [])
  return items.length === 0 ? undefined : items
}
