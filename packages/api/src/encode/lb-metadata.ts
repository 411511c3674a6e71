import type { JsonObject } from '@bufbuild/protobuf'
import type { LbMetadata } from '../model/index.ts'

/** An envoy.config.core.v3.Metadata, of endpoints or for matching them. */
export function lbMetadataInit(metadata: LbMetadata): { filterMetadata: Record<string, JsonObject> } {
  return { filterMetadata: { 'envoy.lb': metadata as JsonObject } }
}
