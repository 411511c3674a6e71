import type { ConfigMessage } from './config-message.ts'
import type { ConfigValue } from './config-value.ts'
import type { Spot } from './problem-list.ts'

/**
 * Where a path inside a message stands, for those who checked its JSON and only know paths such as
 * `conditions[0].tokenBucket`. The path comes out with proto names as far as it leads to something.
 */
export function findSpot(message: ConfigMessage, path: string): Spot {
  let spot: Spot = message
  let value: ConfigValue | undefined = { kind: 'message', message, path: message.path, place: message.place }
  const steps = path.match(/[^.[\]]+/g) ?? []
  for (const [index, step] of steps.entries()) {
    const next = stepInto(value, step)
    if (next === undefined) return { path: [spot.path, ...steps.slice(index)].join('.'), place: spot.place }
    value = next
    spot = next
  }
  return spot
}

function stepInto(value: ConfigValue, step: string): ConfigValue | undefined {
  if (value.kind === 'list') return value.items[Number(step)]
  if (value.kind === 'map') return value.entries.get(step)
  const message = value.kind === 'message' || value.kind === 'any' ? value.message : undefined
  const field = message?.type.fields.find((each) => each.name === step || each.jsonName === step)
  return field === undefined ? undefined : message?.fields.get(field.name)?.value
}
