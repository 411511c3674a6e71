import { create } from '@bufbuild/protobuf'
import { type Any, anyPack } from '@bufbuild/protobuf/wkt'
import { FilterConfigSchema } from '../gen/envoy/config/route/v3/route_components_pb.ts'
import type { FilterOverride } from '../model/index.ts'
import { anyFromJson } from './any.ts'

/** What a route says to filters, in the field that all routes have for it. */
export function overridesInit(overrides: readonly FilterOverride[] = []): {
  typedPerFilterConfig: Record<string, Any>
} {
  const entries = overrides.map(({ name, filter }) => [
    name,
    filter === undefined
      ? anyPack(FilterConfigSchema, create(FilterConfigSchema, { disabled: true }))
      : anyFromJson(filter.typeUrl, filter.config ?? {}),
  ])
  return { typedPerFilterConfig: Object.fromEntries(entries) as Record<string, Any> }
}
