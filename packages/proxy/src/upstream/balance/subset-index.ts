import type { LbMetadata, LbValue, SubsetConfig, SubsetSelector } from '@meltemi/api/model'
import { MetadataCriteria } from '../../routing/metadata-criteria.ts'
import { canonicalJson } from '../../util/canonical-json.ts'
import type { Placed } from './picker.ts'

/** One subset: those with the same values under the keys of a selector. */
export interface Subset<E extends Placed> {
  readonly endpoints: E[]
  readonly singleHost: boolean
}

/** Of values that are lists, each endpoint is in one subset for every combination; no further ones than these. */
const MAX_COMBINATIONS = 1_024

/** All subsets, by the key of the criteria that select them. `onOverflow`: an endpoint is in more than it may be. */
export function indexSubsets<E extends Placed>(
  endpoints: readonly E[],
  { selectors, listAsAny }: SubsetConfig,
  onOverflow: () => void,
): ReadonlyMap<string, Subset<E>> {
  const subsets = new Map<string, Subset<E>>()
  for (const endpoint of endpoints) {
    for (const selector of selectors) {
      for (const wanted of combinationsOf(endpoint.metadata, selector, listAsAny, onOverflow)) {
        addTo(subsets, new MetadataCriteria(wanted).key, selector, endpoint)
      }
    }
  }
  return subsets
}

function addTo<E extends Placed>(
  subsets: Map<string, Subset<E>>,
  key: string,
  { singleHost }: SubsetSelector,
  endpoint: E,
): void {
  const subset = subsets.get(key)
  if (subset === undefined) subsets.set(key, { endpoints: [endpoint], singleHost })
  // two selectors may have the same keys, and a list the same value twice
  else if (subset.endpoints.at(-1) !== endpoint) subset.endpoints.push(endpoint)
}

/** What selects an endpoint under the keys of one selector; nothing when it lacks a key. */
function combinationsOf(
  metadata: LbMetadata,
  { keys }: SubsetSelector,
  listAsAny: boolean,
  onOverflow: () => void,
): readonly LbMetadata[] {
  let combinations: LbMetadata[] = [{}]
  for (const key of keys) {
    if (!Object.hasOwn(metadata, key)) return []
    const values = valuesOf(metadata[key] as LbValue, listAsAny)
    combinations = combinations.flatMap((each) => values.map((value) => ({ ...each, [key]: value })))
    if (combinations.length > MAX_COMBINATIONS) {
      onOverflow()
      combinations.length = MAX_COMBINATIONS
    }
  }
  return combinations
}

function valuesOf(value: LbValue, listAsAny: boolean): readonly LbValue[] {
  return listAsAny && Array.isArray(value) ? (value as readonly LbValue[]) : [value]
}

/** Whether an endpoint has all that is wanted. */
export function hasMetadata(metadata: LbMetadata, wanted: LbMetadata, listAsAny: boolean): boolean {
  return Object.entries(wanted).every(([key, value]) => {
    if (!Object.hasOwn(metadata, key)) return false
    const expected = canonicalJson(value)
    return valuesOf(metadata[key] as LbValue, listAsAny).some((each) => canonicalJson(each) === expected)
  })
}
