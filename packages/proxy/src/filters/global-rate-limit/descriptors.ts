import type { DescriptorConfig, DescriptorEntryConfig } from '@meltemi/api/model'
import type { FilterContext } from '@meltemi/sdk'
import { RequestMatch } from '../request-match.ts'

/** Of one value, in characters: more would only cost the service memory. */
const MAX_VALUE_LENGTH = 1_024

export interface Entry {
  readonly key: string
  readonly value: string
}

/** As it is sent. */
export interface Descriptor {
  readonly entries: Entry[]
  readonly limit?: NonNullable<DescriptorConfig['limit']>
  readonly hitsAddend?: bigint
}

/** `null`: it says nothing of this request, so there is no descriptor; `undefined`: there is one without it. */
type EntryOf = (context: FilterContext) => Entry | null | undefined

interface CompiledDescriptor {
  readonly config: DescriptorConfig
  readonly entries: readonly EntryOf[]
}

/** What requests count against. */
export class Descriptors {
  readonly #descriptors: readonly CompiledDescriptor[]

  constructor(configs: readonly DescriptorConfig[]) {
    this.#descriptors = configs.map((config) => ({ config, entries: config.entries.map(compileEntry) }))
  }

  /** As in Envoy without those that lack a value; empty: there is nothing to ask. */
  of(context: FilterContext): Descriptor[] {
    const found: Descriptor[] = []
    for (const descriptor of this.#descriptors) {
      const entries = entriesOf(descriptor, context)
      if (entries === null || entries.length === 0) continue
      const { limit, hitsAddend } = descriptor.config
      found.push({
        entries,
        ...(limit === undefined ? {} : { limit }),
        ...(hitsAddend === undefined ? {} : { hitsAddend }),
      })
    }
    return found
  }
}

function entriesOf(descriptor: CompiledDescriptor, context: FilterContext): Entry[] | null {
  const entries: Entry[] = []
  for (const entryOf of descriptor.entries) {
    const entry = entryOf(context)
    if (entry === null) return null
    if (entry !== undefined) entries.push(entry)
  }
  return entries
}

function compileEntry(config: DescriptorEntryConfig): EntryOf {
  const { key } = config
  switch (config.kind) {
    case 'property':
      return compileProperty(config)
    case 'constant': {
      const entry = { key, value: config.value }
      return () => entry
    }
    case 'remote-address':
      return ({ connection }) => ({ key, value: connection.remoteAddress })
    case 'match': {
      const match = new RequestMatch(config.match)
      const entry = { key, value: config.value }
      return ({ request }) => (match.matches(request) === config.expects ? entry : null)
    }
    default:
      return config satisfies never
  }
}

function compileProperty({
  key,
  property,
  ignoreCase,
  isOptional,
}: Extract<DescriptorEntryConfig, { kind: 'property' }>): EntryOf {
  const lower = property.toLowerCase()
  return ({ request }) => {
    const value = ignoreCase ? request.find(lower) : request.get(property)
    if (value === undefined) return isOptional ? undefined : null
    return { key, value: value.length > MAX_VALUE_LENGTH ? value.slice(0, MAX_VALUE_LENGTH) : value }
  }
}
