import { CounterError, type CounterStore, type Hit } from './counter.ts'

/** Asks another store when the first one fails, and tells how often. */
export class CountersWithFallback implements CounterStore {
  readonly #first: CounterStore
  readonly #second: CounterStore
  readonly #onFallback: (error: CounterError) => void

  constructor(first: CounterStore, second: CounterStore, onFallback: (error: CounterError) => void) {
    this.#first = first
    this.#second = second
    this.#onFallback = onFallback
  }

  get isReady(): boolean {
    return this.#second.isReady
  }

  async add(hits: readonly Hit[]): Promise<readonly number[]> {
    try {
      return await this.#first.add(hits)
    } catch (error: unknown) {
      if (!(error instanceof CounterError)) throw error
      this.#onFallback(error)
      return this.#second.add(hits)
    }
  }

  close(): void {
    this.#first.close()
    this.#second.close()
  }
}
