import type { Place, SourceEntry, SourceNode } from '../document/source-node.ts'

/** Steps into a resource: names of fields, and indices of lists from 0. */
export type ResourcePath = readonly (string | number)[]

/** `spec.routes[0].match`; a name that is no plain word stands in brackets. */
export function formatPath(path: ResourcePath): string {
  return path.map(formatStep).join('').replace(/^\./, '')
}

function formatStep(step: string | number): string {
  if (typeof step === 'number') return `[${step}]`
  return /^[\w-]+$/.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`
}

/**
 * Where a path stands in the text: at the value where that is one word, else at the name of the field. Of a path that
 * leads further than the text, where it ends.
 */
export function placeAt(source: SourceNode, path: ResourcePath): Place {
  const { keyPlace, value } = follow(source, path)
  return value.kind === 'scalar' && value.place.line > 0 ? value.place : keyPlace
}

/** Where the name of the path's last field stands. */
export function keyPlaceAt(source: SourceNode, path: ResourcePath): Place {
  return follow(source, path).keyPlace
}

type Found = Pick<SourceEntry, 'keyPlace' | 'value'>

function follow(source: SourceNode, path: ResourcePath): Found {
  let found: Found = { keyPlace: source.place, value: source }
  for (const step of path) {
    const next = stepInto(found.value, step)
    if (next === undefined) return found
    found = next
  }
  return found
}

/** Of a name that is given twice the last one counts. */
function stepInto(node: SourceNode, step: string | number): Found | undefined {
  if (node.kind === 'map') return node.entries.findLast(({ key }) => key === step)
  const item = node.kind === 'list' && typeof step === 'number' ? node.items[step] : undefined
  return item === undefined ? undefined : { keyPlace: item.place, value: item }
}
