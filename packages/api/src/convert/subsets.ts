import type { LbMetadata, SubsetConfig, SubsetSelector } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'

const FALLBACK: Readonly<Record<string, SubsetConfig['fallback']>> = {
  NO_FALLBACK: 'none',
  ANY_ENDPOINT: 'any',
  DEFAULT_SUBSET: 'default',
}
const SELECTOR_FALLBACK: Readonly<Record<string, SubsetSelector['fallback']>> = {
  NOT_DEFINED: 'inherit',
  NO_FALLBACK: 'none',
  ANY_ENDPOINT: 'any',
  DEFAULT_SUBSET: 'default',
  KEYS_SUBSET: 'keys',
}

/** Reads an `lb_subset_config`, or a policy `subset`, which has the same fields. As in Envoy there are no subsets without selectors. */
export function convertSubsets(config: ConfigMessage): { readonly subsets?: SubsetConfig } {
  const selectors = config.messages('subset_selectors').map(convertSelector)
  const localityWeightAware = config.flag('locality_weight_aware') ?? false
  const scaleLocalityWeight = config.flag('scale_locality_weight') ?? false
  if (scaleLocalityWeight && !localityWeightAware) config.error('scale_locality_weight', 'needs locality_weight_aware')
  const subsets: SubsetConfig = {
    fallback: FALLBACK[config.enumName('fallback_policy')] ?? 'none',
    defaultSubset: (config.json('default_subset') as LbMetadata | undefined) ?? {},
    selectors,
    localityWeightAware,
    scaleLocalityWeight,
    panicModeAny: config.flag('panic_mode_any') ?? false,
    listAsAny: config.flag('list_as_any') ?? false,
    // only the policy has it
    allowRedundantKeys: config.flag('allow_redundant_keys') ?? false,
    metadataFallback: config.enumName('metadata_fallback_policy') === 'FALLBACK_LIST' ? 'list' : 'none',
  }
  if (selectors.length > 0) return { subsets }
  config.warning('subset_selectors', 'there are no subset_selectors, and so no subsets')
  return {}
}

function convertSelector(selector: ConfigMessage): SubsetSelector {
  const keys = [...new Set(selector.texts('keys'))].sort()
  if (keys.length === 0) selector.reportMissing('keys')
  const fallback = SELECTOR_FALLBACK[selector.enumName('fallback_policy')] ?? 'inherit'
  return {
    keys,
    fallback,
    fallbackKeys: convertFallbackKeys(selector, keys, fallback),
    singleHost: selector.flag('single_host_per_subset') ?? false,
  }
}

function convertFallbackKeys(
  selector: ConfigMessage,
  keys: readonly string[],
  fallback: SubsetSelector['fallback'],
): readonly string[] {
  const fallbackKeys = [...new Set(selector.texts('fallback_keys_subset'))].sort()
  const isPart = fallbackKeys.every((key) => keys.includes(key)) && fallbackKeys.length < keys.length
  if (fallback !== 'keys' && fallbackKeys.length > 0) {
    selector.error('fallback_policy', 'must be KEYS_SUBSET where there is a fallback_keys_subset')
  } else if (fallback === 'keys' && fallbackKeys.length === 0) {
    selector.error('fallback_keys_subset', 'must not be empty with fallback_policy KEYS_SUBSET')
  } else if (!isPart && keys.length > 0) selector.error('fallback_keys_subset', 'must be some of keys, and not all')
  return fallbackKeys
}
