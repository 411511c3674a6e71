import type { CounterStore, Hit } from './counter.ts'

/** Counters of seconds in a store of their own, for they are most of the work. */
export class PerSecondCounters implements CounterStore {
  readonly #perSecond: CounterStore
  readonly #others: CounterStore

  constructor(perSecond: CounterStore, others: CounterStore) {
    this.#perSecond = perSecond
    this.#others = others
  }

  get isReady(): boolean {
    return this.#perSecond.isReady && this.#others.isReady
  }

  async add(hits: readonly Hit[]): Promise<readonly number[]> {
    const isShort = ({ lengthS }: Hit) => lengthS === 1
    const [short, long] = await Promise.all([
      addTo(this.#perSecond, hits.filter(isShort)),
      addTo(
        this.#others,
        hits.filter((hit) => !isShort(hit)),
      ),
    ])
    let nextShort = 0
    let nextLong = 0
    return hits.map((hit) => (isShort(hit) ? short[nextShort++] : long[nextLong++]) ?? 0)
  }

  close(): void {
    this.#perSecond.close()
    this.#others.close()
  }
}

/** A store that is away must not fail what is not for it. */
function addTo(store: CounterStore, hits: readonly Hit[]): readonly number[] | Promise<readonly number[]> {
  return hits.length === 0 ? [] : store.add(hits)
}
