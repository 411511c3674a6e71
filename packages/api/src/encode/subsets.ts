import type { JsonObject } from '@bufbuild/protobuf'
import {
  Cluster_LbSubsetConfig_LbSubsetFallbackPolicy as Fallback,
  Cluster_LbSubsetConfig_LbSubsetMetadataFallbackPolicy as MetadataFallback,
  Cluster_LbSubsetConfig_LbSubsetSelector_LbSubsetSelectorFallbackPolicy as SelectorFallback,
} from '../gen/envoy/config/cluster/v3/cluster_pb.ts'
import type { SubsetConfig, SubsetSelector } from '../model/index.ts'

const FALLBACK: Readonly<Record<SubsetConfig['fallback'], Fallback>> = {
  none: Fallback.NO_FALLBACK,
  any: Fallback.ANY_ENDPOINT,
  default: Fallback.DEFAULT_SUBSET,
}
const SELECTOR_FALLBACK: Readonly<Record<SubsetSelector['fallback'], SelectorFallback>> = {
  inherit: SelectorFallback.NOT_DEFINED,
  none: SelectorFallback.NO_FALLBACK,
  any: SelectorFallback.ANY_ENDPOINT,
  default: SelectorFallback.DEFAULT_SUBSET,
  keys: SelectorFallback.KEYS_SUBSET,
}

/** The fields of an `lb_subset_config`; the policy `subset` has the same, with the same numbers, and one more. */
export function subsetsInit(subsets: SubsetConfig) {
  return {
    fallbackPolicy: FALLBACK[subsets.fallback],
    ...(Object.keys(subsets.defaultSubset).length === 0 ? {} : { defaultSubset: subsets.defaultSubset as JsonObject }),
    subsetSelectors: subsets.selectors.map(selectorInit),
    localityWeightAware: subsets.localityWeightAware,
    scaleLocalityWeight: subsets.scaleLocalityWeight,
    panicModeAny: subsets.panicModeAny,
    listAsAny: subsets.listAsAny,
    metadataFallbackPolicy:
      subsets.metadataFallback === 'list' ? MetadataFallback.FALLBACK_LIST : MetadataFallback.METADATA_NO_FALLBACK,
  }
}

function selectorInit({ keys, fallback, fallbackKeys, singleHost }: SubsetSelector) {
  return {
    keys: [...keys],
    fallbackPolicy: SELECTOR_FALLBACK[fallback],
    fallbackKeysSubset: [...fallbackKeys],
    singleHostPerSubset: singleHost,
  }
}
