/** What happened, in order: always as a hash, as lines only when somebody wants to read them. */
export class Trace {
  readonly #now: () => number
  readonly #print: ((line: string) => void) | undefined
  readonly #kinds = new Map<string, number>()
  #hash = 0x811c9dc5

  constructor(now: () => number, print?: (line: string) => void) {
    this.#now = now
    this.#print = print
  }

  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0')
  }

  event(kind: string, who: number, what: number, note = ''): void {
    this.#mix(this.#kindOf(kind))
    this.#mix(this.#now() * 4)
    this.#mix(who)
    this.#mix(what)
    this.#print?.(`${this.#now().toFixed(2).padStart(10)}  ${kind.padEnd(14)} ${who} ${what} ${note}`)
  }

  #kindOf(kind: string): number {
    const known = this.#kinds.get(kind)
    if (known !== undefined) return known
    let number = 0
    for (let i = 0; i < kind.length; i++) number = Math.imul(number ^ kind.charCodeAt(i), 0x01000193)
    this.#kinds.set(kind, number)
    return number
  }

  #mix(value: number): void {
    this.#hash = Math.imul(this.#hash ^ (value | 0), 0x01000193)
    this.#hash ^= this.#hash >>> 15
  }
}
