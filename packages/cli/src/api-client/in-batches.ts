/** A control plane puts changes through together that come together: so many are asked for at a time. */
const BATCH = 32

/** Outcomes in the order of `items`, whichever was there first; of two items with one key the second waits for the first. */
export async function* inBatches<Item, Result>(
  items: readonly Item[],
  keyOf: (item: Item) => string,
  run: (item: Item) => Promise<Result>,
): AsyncGenerator<PromiseSettledResult<Result>> {
  for (let start = 0; start < items.length; ) {
    const batch = nextBatch(items, start, keyOf)
    yield* await Promise.allSettled(batch.map(run))
    start += batch.length
  }
}

function nextBatch<Item>(items: readonly Item[], start: number, keyOf: (item: Item) => string): readonly Item[] {
  const keys = new Set<string>()
  for (let end = start; ; end++) {
    const item = items[end]
    if (item === undefined || keys.size === BATCH || keys.has(keyOf(item))) return items.slice(start, end)
    keys.add(keyOf(item))
  }
}
