type ByName<T> = ReadonlyMap<string, T>

/** How much of what is wanted is not in force. Most changes are of endpoints alone: then nothing is counted again. */
export class OpenCount {
  readonly #inForce: ByName<{ readonly config: unknown }>
  #wanted: ByName<unknown> | undefined
  #count = 0

  constructor(inForce: ByName<{ readonly config: unknown }>) {
    this.#inForce = inForce
  }

  /** What is in force has changed. */
  forget(): void {
    this.#wanted = undefined
  }

  /** Of a map that never changes: what is wanted later is another one. */
  of(wanted: ByName<unknown>): number {
    if (wanted === this.#wanted) return this.#count
    this.#wanted = wanted
    this.#count = 0
    for (const [name, config] of wanted) if (this.#inForce.get(name)?.config !== config) this.#count++
    return this.#count
  }
}
