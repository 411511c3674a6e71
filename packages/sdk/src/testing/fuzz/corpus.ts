import type { Random } from '../random.ts'
import type { FuzzInput } from './fuzz-input.ts'
import type { Layout } from './layout.ts'

const MAX_ENTRIES = 1024
const MAX_BYTES = 8 * 1024 * 1024
/** Inputs found last are looked at more. */
const NEWEST = 16

interface Entry {
  input: FuzzInput
  isLearned: boolean
}

/** The inputs worth mutating: the seeds, and those that showed something new. Bounded; seeds stay. */
export class Corpus {
  readonly #entries: Entry[] = []
  readonly #signatures = new Set<string>()
  readonly #learn: (input: FuzzInput) => Layout
  #seeds = 0
  #bytes = 0

  /** `learn` finds out where the fields of an input are; it runs within `pick`, `pickOther` and `seed`. */
  constructor(learn: (input: FuzzInput) => Layout) {
    this.#learn = learn
  }

  get size(): number {
    return this.#entries.length
  }

  addSeed(input: FuzzInput, signature: string): void {
    this.#signatures.add(signature)
    this.#entries.splice(this.#seeds++, 0, { input, isLearned: false })
    this.#bytes += input.bytes.length
  }

  get seeds(): number {
    return this.#seeds
  }

  /** The seed of this number, with its layout. */
  seed(index: number): FuzzInput {
    return this.#learned(this.#entries[index] as Entry)
  }

  isNew(signature: string): boolean {
    return !this.#signatures.has(signature) && this.#signatures.size < MAX_ENTRIES
  }

  add(input: FuzzInput, signature: string, random: Random): void {
    this.#signatures.add(signature)
    if (this.#entries.length >= MAX_ENTRIES || this.#bytes >= MAX_BYTES) this.#dropOne(random)
    this.#entries.push({ input, isLearned: false })
    this.#bytes += input.bytes.length
  }

  /** An entry, the newest and the seeds more often. */
  pick(random: Random): FuzzInput {
    const kind = random.below(3)
    const from = kind === 0 ? Math.max(this.#entries.length - NEWEST, 0) : 0
    const to = kind === 1 ? this.#seeds : this.#entries.length
    const one = this.#entries[from + random.below(to - from)] as Entry
    const other = this.#entries[from + random.below(to - from)] as Entry
    // short ones are tried sooner, and what they show is easier to see
    const isShorter = other.input.bytes.length < one.input.bytes.length
    return this.#learned(isShorter && random.below(4) > 0 ? other : one)
  }

  /** One for the same side and options as `input`, itself if there is none. */
  pickOther(input: FuzzInput, random: Random): FuzzInput {
    for (let tries = 0; tries < 8; tries++) {
      const other = this.#entries[random.below(this.#entries.length)] as Entry
      if (other.input.side === input.side && other.input.config === input.config) return this.#learned(other)
    }
    return input
  }

  #dropOne(random: Random): void {
    const found = this.#entries.length - this.#seeds
    if (found === 0) return
    const [dropped] = this.#entries.splice(this.#seeds + random.below(found), 1)
    this.#bytes -= dropped?.input.bytes.length ?? 0
  }

  /** Learning costs dozens of decodes, and most entries are never picked. */
  #learned(entry: Entry): FuzzInput {
    if (entry.isLearned) return entry.input
    entry.isLearned = true // before it is: the codec may hang
    entry.input = { ...entry.input, layout: this.#learn(entry.input) }
    return entry.input
  }
}
