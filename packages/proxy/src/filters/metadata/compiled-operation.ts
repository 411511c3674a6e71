import type { MetadataOperation } from '@meltemi/api/model'
import type { FilterContext, Metadata } from '@meltemi/sdk'
import type { ProxyFilterHost } from '../proxy-filter.ts'
import { compileValue, type ValueReader } from './compile-value.ts'

const SEPARATOR = ','

/** One change of a message's metadata. */
export class CompiledOperation {
  readonly key: string
  readonly removes: boolean
  readonly inMessage: boolean
  readonly #appends: boolean
  readonly #read: ValueReader | null

  /** Throws an Error for a variable of the environment that may not be read. */
  constructor({ key, kind, value, inMessage }: MetadataOperation, host: ProxyFilterHost) {
    this.key = key
    this.removes = kind === 'remove'
    this.inMessage = inMessage
    this.#appends = kind === 'append'
    this.#read = value === undefined ? null : compileValue(value, host)
  }

  /** What the key is to be; undefined: there is no value, or it is to be removed. */
  valueFor(message: Metadata, context: FilterContext): string | undefined {
    const value = this.#read === null ? undefined : this.#read(message, context)
    if (value === undefined || !this.#appends) return value
    const before = message.get(this.key)
    return before === undefined ? value : before + SEPARATOR + value
  }
}
