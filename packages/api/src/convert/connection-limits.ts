import type { ConfigMessage } from '../schema/config-message.ts'

const LIMIT_KEY = /^envoy\.resource_limits\.listener\.(.+)\.connection_limit$/
const LARGEST = 2 ** 32 - 1

/** Where the limit of a listener was found; a layer that comes later wins. */
export interface ConnectionLimit {
  readonly limit: number
  readonly layer: ConfigMessage
}

/**
 * The connection limits of listeners, by name. Envoy has them in its runtime, as
 * `envoy.resource_limits.listener.<name>.connection_limit`; no other key of the runtime is supported.
 */
export function convertConnectionLimits(bootstrap: ConfigMessage): ReadonlyMap<string, ConnectionLimit> {
  const limits = new Map<string, ConnectionLimit>()
  for (const layer of bootstrap.message('layered_runtime')?.messages('layers') ?? []) {
    for (const [key, value] of flatten(layer.json('static_layer'), '')) {
      const name = LIMIT_KEY.exec(key)?.[1]
      if (name === undefined) layer.error('static_layer', `runtime key ${key} is not supported yet`)
      else if (isLimit(value)) limits.set(name, { limit: value, layer })
      else layer.error('static_layer', `${key} must be a whole number from 1 to ${LARGEST}`)
    }
  }
  return limits
}

/** Warns of limits for listeners that do not exist. */
export function checkConnectionLimits(
  limits: ReadonlyMap<string, ConnectionLimit>,
  listeners: readonly { name: string }[],
): void {
  for (const [name, { layer }] of limits) {
    const isThere = listeners.some((listener) => listener.name === name)
    if (!isThere) layer.warning('static_layer', `there is no listener ${JSON.stringify(name)} to limit`)
  }
}

/** Keys may be written whole or nested: `{a: {b: 1}}` is `a.b`. */
function flatten(json: unknown, prefix: string): readonly (readonly [string, unknown])[] {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return prefix === '' ? [] : [[prefix, json]]
  return Object.entries(json).flatMap(([key, value]) => flatten(value, prefix === '' ? key : `${prefix}.${key}`))
}

function isLimit(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= LARGEST
}
