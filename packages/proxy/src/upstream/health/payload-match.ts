/** Looks in what comes for each of some byte strings, in order, whatever stands in between. */
export class PayloadMatch {
  readonly #wanted: readonly Buffer[]
  #next = 0
  /** The end of what has come, in which the next one may have begun. */
  #rest: Buffer = Buffer.alloc(0)

  constructor(wanted: readonly Buffer[]) {
    this.#wanted = wanted
  }

  /** True once all are found. */
  add(chunk: Buffer): boolean {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    for (; this.#next < this.#wanted.length; this.#next++) {
      const wanted = this.#wanted[this.#next] as Buffer
      const at = bytes.indexOf(wanted)
      if (at < 0) {
        // no more is kept than could be the beginning of what is wanted
        this.#rest = Buffer.from(bytes.subarray(Math.max(0, bytes.length - wanted.length + 1)))
        return false
      }
      bytes = bytes.subarray(at + wanted.length)
    }
    return true
  }
}
