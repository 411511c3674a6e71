import type { FilterConfig, FilterOverride } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import type { ConfigAny } from '../schema/config-value.ts'
import type { ConvertContext } from './convert-context.ts'
import { convertRouteFilter } from './filters.ts'

const FIELD = 'typed_per_filter_config'
/** Envoy's wrapper of what a route says to a filter. */
const WRAPPER = 'envoy.config.route.v3.FilterConfig'

export interface OverrideContext extends ConvertContext {
  /** Those of the listener that the routes are in; undefined: the routes come by themselves, to any listener. */
  readonly listenerFilters?: readonly FilterConfig[] | undefined
}

/** What a route says to filters of its listener, by their names; empty: nothing. */
export function convertOverrides(
  owner: ConfigMessage,
  context: OverrideContext,
): { readonly overrides?: readonly FilterOverride[] } {
  // a map has no order of its own
  const entries = [...owner.anys(FIELD)].sort(([a], [b]) => (a < b ? -1 : 1))
  const overrides = entries.flatMap(([name, config]) => convertOverride(owner, name, config, context) ?? [])
  return overrides.length === 0 ? {} : { overrides }
}

function convertOverride(
  owner: ConfigMessage,
  name: string,
  config: ConfigAny,
  context: OverrideContext,
): FilterOverride | undefined {
  const { problems } = owner
  const wrapper = config.typeName === WRAPPER ? config.message : undefined
  const isDisabled = wrapper?.flag('disabled') ?? false
  const inner = wrapper === undefined ? config : wrapper.any('config')
  if (wrapper !== undefined && isDisabled === (inner !== undefined)) {
    const fields = isDisabled ? ['disabled', 'config'] : ['disabled']
    const fault = isDisabled ? 'a filter that is disabled has no config' : 'expected true, or a config'
    for (const field of fields) wrapper.error(field, fault)
    inner?.message?.handOver()
    return undefined
  }
  const filter = inner === undefined ? undefined : convertRouteFilter(name, inner, problems, context)
  if (inner !== undefined && filter === undefined) return undefined
  const fault = findFault(name, filter, context)
  if (fault !== undefined) problems.error(config, fault)
  return { name, filter }
}

function findFault(
  name: string,
  filter: FilterConfig | undefined,
  { listenerFilters }: OverrideContext,
): string | undefined {
  if (listenerFilters === undefined) return undefined
  const named = listenerFilters.find((each) => each.name === name)
  if (named === undefined) return `the listener has no filter ${JSON.stringify(name)}`
  if (filter === undefined || filter.typeUrl === named.typeUrl) return undefined
  return `filter ${JSON.stringify(name)} is configured by ${named.typeUrl}`
}
