import {
  describeSource,
  didYouMean,
  type Place,
  type ProblemList,
  type SourceEntry,
  type SourceNode,
} from '@meltemi/api/document'

/** The fields of one mapping; each is read by its type, and what is unknown is a problem. */
export class Fields {
  readonly #node: SourceNode
  readonly #path: string
  readonly #problems: ProblemList
  readonly #entries = new Map<string, SourceEntry>()

  constructor(node: SourceNode, path: string, known: readonly string[], problems: ProblemList) {
    this.#node = node
    this.#path = path
    this.#problems = problems
    if (node.kind !== 'map') {
      problems.error({ path, place: node.place }, `expected a mapping, got ${describeSource(node)}`)
      return
    }
    for (const entry of node.entries) this.#add(entry, known)
  }

  has(name: string): boolean {
    return this.#entries.has(name)
  }

  spot(name: string): { readonly path: string; readonly place: Place } {
    return { path: this.#path === '' ? name : `${this.#path}.${name}`, place: this.placeOf(name) }
  }

  /** Of the field's value; of the mapping where there is no such field. */
  placeOf(name: string): Place {
    return this.#entries.get(name)?.value.place ?? this.#node.place
  }

  /** Empty where it is absent. Numbers and booleans stand for what they are written as. */
  text(name: string): string {
    const value = this.#value(name)
    if (value === undefined) return ''
    if (value.kind === 'scalar') return String(value.value)
    return this.#refuse(name, value, 'a string', '')
  }

  flag(name: string): boolean {
    const value = this.#value(name)
    if (value === undefined) return false
    if (value.kind === 'scalar' && typeof value.value === 'boolean') return value.value
    return this.#refuse(name, value, 'true or false', false)
  }

  requiredWhole(name: string, maximum: number): number {
    const value = this.#value(name)
    if (value === undefined) {
      this.#problems.error(this.spot(name), `${name} is required; 0 refuses everything`)
      return 0
    }
    const number = value.kind === 'scalar' && isNumber(value.value) ? Number(value.value) : Number.NaN
    if (Number.isInteger(number) && number >= 0 && number <= maximum) return number
    return this.#refuse(name, value, `a whole number from 0 to ${maximum}`, 0)
  }

  child(name: string, known: readonly string[]): Fields | undefined {
    const value = this.#value(name)
    return value && new Fields(value, this.spot(name).path, known, this.#problems)
  }

  list(name: string): readonly { readonly node: SourceNode; readonly path: string }[] {
    const value = this.#value(name)
    if (value === undefined) return []
    const { path } = this.spot(name)
    if (value.kind === 'list') return value.items.map((node, index) => ({ node, path: `${path}[${index}]` }))
    return this.#refuse(name, value, 'a list', [])
  }

  /** A field without a value is one that is absent. */
  #value(name: string): SourceNode | undefined {
    const value = this.#entries.get(name)?.value
    return value?.kind === 'scalar' && value.value === null ? undefined : value
  }

  #add(entry: SourceEntry, known: readonly string[]): void {
    const path = this.#path === '' ? entry.key : `${this.#path}.${entry.key}`
    if (!known.includes(entry.key)) {
      const guess = didYouMean(entry.key, known)
      const hint = guess === undefined ? `expected one of ${known.join(', ')}` : `did you mean ${guess}?`
      this.#problems.error({ path, place: entry.keyPlace }, `unknown field; ${hint}`)
    } else if (this.#entries.has(entry.key)) {
      this.#problems.error({ path, place: entry.keyPlace }, 'the field is there twice')
    } else this.#entries.set(entry.key, entry)
  }

  #refuse<Value>(name: string, value: SourceNode, expected: string, instead: Value): Value {
    this.#problems.error(this.spot(name), `expected ${expected}, got ${describeSource(value)}`)
    return instead
  }
}

function isNumber(value: unknown): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint'
}
