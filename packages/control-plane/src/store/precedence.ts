import { keyOf, type Resource } from '@meltemi/api'

/** Order in which resources that want the same thing get it: by creation, those without a time first, then by key. */
export function compareAge(a: Resource, b: Resource): number {
  return compare(a.metadata.creationTimestamp, b.metadata.creationTimestamp) || compare(keyOf(a), keyOf(b))
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
