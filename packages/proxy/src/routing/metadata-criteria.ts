import type { LbMetadata } from '@meltemi/api'
import { canonicalJson } from '../util/canonical-json.ts'

/** What a route asks of the metadata of endpoints, with what it is looked up by. */
export class MetadataCriteria {
  readonly wanted: LbMetadata
  /** Equal for what asks for the same. */
  readonly key: string
  /** Equal for what asks for any values of the same keys. */
  readonly names: string

  constructor(wanted: LbMetadata) {
    this.wanted = wanted
    this.key = canonicalJson(wanted)
    this.names = namesKey(Object.keys(wanted))
  }

  /** Only of these keys, as far as it has them; null when it has none. */
  only(keys: readonly string[]): MetadataCriteria | null {
    return criteriaOf(Object.fromEntries(Object.entries(this.wanted).filter(([key]) => keys.includes(key))))
  }
}

/** null where nothing is asked for. */
export function criteriaOf(wanted: LbMetadata | undefined): MetadataCriteria | null {
  return wanted === undefined || Object.keys(wanted).length === 0 ? null : new MetadataCriteria(wanted)
}

/** Of keys in any order. */
export function namesKey(keys: readonly string[]): string {
  return JSON.stringify(keys.toSorted())
}
