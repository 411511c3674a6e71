import type { ResourceKind } from '@meltemi/api'

/** true: whatever stands there. In lists: of each item. */
type Shape = true | { readonly [field: string]: Shape }

/** What we act on in Kubernetes' own kinds. */
const SHAPES: Partial<Record<ResourceKind, Shape>> = {
  Service: {
    spec: {
      type: true,
      selector: true,
      clusterIP: true,
      clusterIPs: true,
      ports: { name: true, port: true, targetPort: true, protocol: true },
    },
  },
  EndpointSlice: {
    addressType: true,
    endpoints: { addresses: true, zone: true, conditions: { ready: true }, targetRef: true },
    ports: { name: true, port: true, protocol: true },
  },
}

/**
 * Without what the API server fills in by itself: nobody has written that, so nobody should be warned that it has no effect,
 * and a cluster has thousands of them.
 */
export function knownFields(kind: ResourceKind, words: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return pick(words, SHAPES[kind] ?? true) as Record<string, unknown>
}

function pick(value: unknown, shape: Shape): unknown {
  if (shape === true || typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item) => pick(item, shape))
  const found = Object.entries(shape).filter(([field]) => Object.hasOwn(value, field))
  return Object.fromEntries(
    found.map(([field, inner]) => [field, pick((value as Readonly<Record<string, unknown>>)[field], inner)]),
  )
}
