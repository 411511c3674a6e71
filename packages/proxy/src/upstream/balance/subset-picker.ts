import type { LbMetadata, SubsetConfig, SubsetSelector } from '@meltemi/api/model'
import { criteriaOf, type MetadataCriteria, namesKey } from '../../routing/metadata-criteria.ts'
import type { PickContext, Picker, Placed } from './picker.ts'
import { NO_PICKER } from './priority-picker.ts'
import { hasMetadata, indexSubsets, type Subset } from './subset-index.ts'

export interface SubsetStats {
  readonly lbSubsetsActive: { set(value: number): void }
  readonly lbSubsetsSelected: { add(count: number): void }
  readonly lbSubsetsFallback: { add(count: number): void }
  readonly lbSubsetsFallbackPanic: { add(count: number): void }
  readonly lbSubsetsOverflow: { add(count: number): void }
  readonly lbSubsetsForgotten: { add(count: number): void }
}

/** How the picker of a part of the endpoints is made; `key` names the part, always alike. */
export interface SubsetParts<E extends Placed> {
  build(endpoints: readonly E[], key: string): Picker<E>
  /** Whether a picker of these picks at all. */
  canPick(endpoints: readonly E[]): boolean
}

/** What is done with requests that ask for the same. */
interface Choice<E extends Placed> {
  readonly picker: Picker<E>
  readonly counter: { add(count: number): void } | null
}

/** Routes come and go: beyond so many the choices are made anew. */
const MAX_CHOICES = 1_024
const FALLBACK_LIST = 'fallback_list'

/**
 * Endpoints are in subsets by their metadata; what a request's route asks for selects one, or the fallback. The choice is
 * made once for all requests that ask for the same, when the first of them comes.
 */
export class SubsetPicker<E extends Placed> implements Picker<E> {
  readonly #config: SubsetConfig
  readonly #parts: SubsetParts<E>
  readonly #stats: SubsetStats
  readonly #endpoints: readonly E[]
  readonly #subsets: ReadonlyMap<string, Subset<E>>
  readonly #selectors: ReadonlyMap<string, SubsetSelector>
  readonly #choices = new Map<string, Choice<E>>()
  readonly #pickers = new Map<string, Picker<E>>()

  constructor(endpoints: readonly E[], config: SubsetConfig, parts: SubsetParts<E>, stats: SubsetStats) {
    this.#config = config
    this.#parts = parts
    this.#stats = stats
    this.#endpoints = endpoints
    this.#subsets = indexSubsets(endpoints, config, () => stats.lbSubsetsOverflow.add(1))
    // of two with the same keys the first counts
    this.#selectors = new Map(config.selectors.toReversed().map((selector) => [namesKey(selector.keys), selector]))
    stats.lbSubsetsActive.set(this.#subsets.size)
  }

  pick(context: PickContext): E | undefined {
    const { criteria } = context
    const choice = this.#choices.get(criteria === null ? '' : criteria.key) ?? this.#choose(criteria)
    choice.counter?.add(1)
    return choice.picker.pick(context)
  }

  #choose(criteria: MetadataCriteria | null): Choice<E> {
    if (this.#choices.size >= MAX_CHOICES) {
      this.#stats.lbSubsetsForgotten.add(this.#choices.size)
      this.#choices.clear()
    }
    const choice = this.#findWithList(criteria) ?? { picker: NO_PICKER, counter: null }
    this.#choices.set(criteria === null ? '' : criteria.key, choice)
    return choice
  }

  /** The first of the list that leads to an endpoint. */
  #findWithList(criteria: MetadataCriteria | null): Choice<E> | undefined {
    const list = this.#config.metadataFallback === 'list' ? criteria?.wanted[FALLBACK_LIST] : undefined
    if (criteria === null || list === undefined) return this.#find(criteria)
    const { [FALLBACK_LIST]: _, ...rest } = criteria.wanted
    const alternatives = Array.isArray(list) && list.length > 0 ? (list as readonly unknown[]) : [{}]
    for (const alternative of alternatives) {
      const found = this.#find(criteriaOf({ ...rest, ...asMetadata(alternative) }))
      if (found !== undefined) return found
    }
    return undefined
  }

  #find(wanted: MetadataCriteria | null): Choice<E> | undefined {
    const criteria = this.#config.allowRedundantKeys ? this.#withoutRedundant(wanted) : wanted
    const subset = criteria === null ? undefined : this.#subsets.get(criteria.key)
    if (criteria !== null && subset !== undefined) return this.#selected(criteria.key, subset)
    const selector = criteria === null ? undefined : this.#selectors.get(criteria.names)
    if (criteria === null || selector === undefined || selector.fallback === 'inherit') return this.#fallBack()
    return this.#fallBackOf(selector, criteria)
  }

  /** What the first selector asks about, all of which is asked for. */
  #withoutRedundant(criteria: MetadataCriteria | null): MetadataCriteria | null {
    if (criteria === null) return null
    const { wanted } = criteria
    const selector = this.#config.selectors.find(({ keys }) => keys.every((key) => Object.hasOwn(wanted, key)))
    return selector === undefined ? criteria : criteria.only(selector.keys)
  }

  /** Also where none of it can be used: a subset that is there is no reason to go elsewhere. */
  #selected(key: string, { endpoints, singleHost }: Subset<E>): Choice<E> {
    const counter = this.#stats.lbSubsetsSelected
    if (!singleHost) return { picker: this.#pickerOf(endpoints, key) ?? NO_PICKER, counter }
    const only = endpoints.reduce((first, each) => (each.priority < first.priority ? each : first))
    return { picker: { pick: () => only }, counter }
  }

  #fallBackOf({ fallback, fallbackKeys }: SubsetSelector, criteria: MetadataCriteria): Choice<E> | undefined {
    if (fallback === 'keys') return this.#find(criteria.only(fallbackKeys))
    if (fallback === 'none') return undefined
    const picker = fallback === 'any' ? this.#anywhere() : this.#default()
    return picker === undefined ? undefined : { picker, counter: null }
  }

  #fallBack(): Choice<E> | undefined {
    const { fallback, panicModeAny } = this.#config
    if (fallback === 'none') return undefined
    const picker = fallback === 'any' ? this.#anywhere() : this.#default()
    if (picker !== undefined) return { picker, counter: this.#stats.lbSubsetsFallback }
    const panic = panicModeAny ? this.#anywhere() : undefined
    return panic === undefined ? undefined : { picker: panic, counter: this.#stats.lbSubsetsFallbackPanic }
  }

  #anywhere(): Picker<E> | undefined {
    return this.#pickerOf(this.#endpoints, 'any')
  }

  #default(): Picker<E> | undefined {
    const { defaultSubset, listAsAny } = this.#config
    const endpoints = this.#endpoints.filter(({ metadata }) => hasMetadata(metadata, defaultSubset, listAsAny))
    return this.#pickerOf(endpoints, 'default')
  }

  /** undefined when none of them can be picked. Requests that ask otherwise and come to the same share it. */
  #pickerOf(endpoints: readonly E[], key: string): Picker<E> | undefined {
    if (!this.#parts.canPick(endpoints)) return undefined
    let picker = this.#pickers.get(key)
    if (picker === undefined) {
      picker = this.#parts.build(endpoints, key)
      this.#pickers.set(key, picker)
    }
    return picker
  }
}

function asMetadata(value: unknown): LbMetadata {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as LbMetadata) : {}
}
