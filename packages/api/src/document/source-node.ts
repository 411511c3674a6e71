/** What a YAML or JSON text says, with the place of every key and value; the schema is not known yet. */

export interface Place {
  /** From 1; 0: unknown. */
  readonly line: number
  readonly column: number
}

export interface SourceEntry {
  readonly key: string
  readonly keyPlace: Place
  readonly value: SourceNode
}

export type SourceNode =
  | { readonly kind: 'scalar'; readonly place: Place; readonly value: string | number | bigint | boolean | null }
  | { readonly kind: 'list'; readonly place: Place; readonly items: readonly SourceNode[] }
  | { readonly kind: 'map'; readonly place: Place; readonly entries: readonly SourceEntry[] }

/** The plain JSON value of a node, where no schema says more. Integers that a number cannot hold become strings. */
export function sourceToJson(node: SourceNode): unknown {
  if (node.kind === 'list') return node.items.map(sourceToJson)
  if (node.kind === 'map')
    return Object.fromEntries(node.entries.map((entry) => [entry.key, sourceToJson(entry.value)]))
  if (typeof node.value !== 'bigint') return node.value
  const number = Number(node.value)
  return Number.isSafeInteger(number) ? number : node.value.toString()
}

/** How a value of the wrong kind is named in a message. */
export function describeSource(node: SourceNode): string {
  if (node.kind !== 'scalar') return node.kind === 'list' ? 'a list' : 'a mapping'
  if (typeof node.value === 'string') return `the string ${JSON.stringify(node.value)}`
  return String(node.value)
}
