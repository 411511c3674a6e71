import { ownValue } from './own-value.ts'

export type Labels = Readonly<Record<string, string>>

/** True when all labels of the selector are there; one without any selects nothing. */
export function isSelected(selector: Labels, labels: Labels): boolean {
  const wanted = Object.entries(selector)
  return wanted.length > 0 && wanted.every(([name, value]) => ownValue(labels, name) === value)
}

/** Things with labels, found by selectors without a look at all of them. */
export class LabelIndex<T> {
  /** By namespace and one label; what is inside has an id. */
  readonly #buckets = new Map<string, Map<string, { readonly labels: Labels; readonly item: T }>>()

  set(id: string, namespace: string, labels: Labels, item: T): void {
    for (const pair of Object.entries(labels)) {
      const key = bucketKey(namespace, pair)
      const bucket = this.#buckets.get(key) ?? new Map()
      bucket.set(id, { labels, item })
      this.#buckets.set(key, bucket)
    }
  }

  delete(id: string, namespace: string, labels: Labels): void {
    for (const pair of Object.entries(labels)) {
      const key = bucketKey(namespace, pair)
      const bucket = this.#buckets.get(key)
      bucket?.delete(id)
      if (bucket?.size === 0) this.#buckets.delete(key)
    }
  }

  /** In the order of their ids. */
  select(namespace: string, selector: Labels): readonly T[] {
    const buckets = Object.entries(selector).map((pair) => this.#buckets.get(bucketKey(namespace, pair)))
    const smallest = buckets.reduce(
      (least, bucket) => ((bucket?.size ?? 0) < (least?.size ?? 0) ? bucket : least),
      buckets[0],
    )
    if (smallest === undefined) return []
    const found = [...smallest].filter(([, { labels }]) => isSelected(selector, labels))
    return found.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, { item }]) => item)
  }
}

/** Selectors, found by the labels that they select. */
export class SelectorIndex<T> {
  /** By namespace and the first label of the selector; what is inside has an id. */
  readonly #buckets = new Map<string, Map<string, { readonly selector: Labels; readonly item: T }>>()

  set(id: string, namespace: string, selector: Labels, item: T): void {
    const key = selectorKey(namespace, selector)
    if (key === undefined) return
    const bucket = this.#buckets.get(key) ?? new Map()
    bucket.set(id, { selector, item })
    this.#buckets.set(key, bucket)
  }

  delete(id: string, namespace: string, selector: Labels): void {
    const key = selectorKey(namespace, selector)
    const bucket = key === undefined ? undefined : this.#buckets.get(key)
    bucket?.delete(id)
    if (key !== undefined && bucket?.size === 0) this.#buckets.delete(key)
  }

  selecting(namespace: string, labels: Labels): readonly T[] {
    const candidates = Object.entries(labels).flatMap((pair) => [
      ...(this.#buckets.get(bucketKey(namespace, pair))?.values() ?? []),
    ])
    return candidates.filter(({ selector }) => isSelected(selector, labels)).map(({ item }) => item)
  }
}

function selectorKey(namespace: string, selector: Labels): string | undefined {
  const first = Object.entries(selector).sort(([a], [b]) => (a < b ? -1 : 1))[0]
  return first === undefined ? undefined : bucketKey(namespace, first)
}

function bucketKey(namespace: string, [name, value]: readonly [string, string]): string {
  return JSON.stringify([namespace, name, value])
}
