import { createHash } from 'node:crypto'
import type { Resource } from '@meltemi/api'

/** The resource with a version that says what is in it: the same words always have the same one. */
export function withVersion<T extends Resource>(resource: T): T {
  const resourceVersion = versionOf(resource)
  return { ...resource, metadata: { ...resource.metadata, resourceVersion } }
}

function versionOf({ metadata, ...rest }: Resource): string {
  const { resourceVersion: _, ...words } = metadata
  const text = canonicalJson({ ...rest, metadata: words })
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}

/** JSON with the fields of each object in the order of their names. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => (isObject(inner) ? sorted(inner) : inner))
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Without a prototype, so that no name means anything but itself. */
function sorted(object: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1))
  const target: Record<string, unknown> = Object.create(null)
  for (const [name, value] of entries) target[name] = value
  return target
}
