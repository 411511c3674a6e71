import type { FilterConfig } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import type { ConfigAny } from '../schema/config-value.ts'
import { findSpot } from '../schema/find-spot.ts'
import { toPlainJson } from '../schema/plain-json.ts'
import type { ProblemList, Spot } from '../schema/problem-list.ts'
import { typeNameOf } from '../schema/type-registry.ts'
import type { ConvertContext, FilterRule } from './convert-context.ts'
import { OWN_FILTERS } from './own-filters.ts'

const FILTERS = 'aeraki.meta_protocol_proxy.filters'
const ROUTER_TYPE = `${FILTERS}.router.v1alpha.Router`

/** The reference's filters, by name; an entry without `config` means the default message of the one so named. */
const TYPE_OF_NAME: ReadonlyMap<string, string> = new Map([
  ['aeraki.meta_protocol.filters.router', ROUTER_TYPE],
  ['aeraki.meta_protocol.filters.local_ratelimit', `${FILTERS}.local_ratelimit.v1alpha.LocalRateLimit`],
  ['aeraki.meta_protocol.filters.ratelimit', `${FILTERS}.ratelimit.v1alpha.RateLimit`],
  ['aeraki.meta_protocol.filters.metadata_exchange', `${FILTERS}.metadata_exchange.v1alpha.MetadataExchange`],
  ['meltemi.filters.fault', 'meltemi.filters.fault.v1.Fault'],
  ['meltemi.filters.metadata', 'meltemi.filters.metadata.v1.MetadataOperations'],
  ['aeraki.meta_protocol.filters.istio_stats', `${FILTERS}.istio_stats.v1alpha.IstioStats`],
  ['envoy.filters.dubbo.rbac', 'envoy.extensions.filters.network.rbac.v3.RBAC'],
])
const KNOWN_TYPES: ReadonlySet<string> = new Set(TYPE_OF_NAME.values())

/** The filters before the router. The router comes last whether it is listed or not; listed elsewhere it is refused. */
export function convertFilters(proxy: ConfigMessage, context: ConvertContext): readonly FilterConfig[] {
  const entries = proxy.messages('meta_protocol_filters')
  return entries.flatMap((entry, index) => convertFilter(entry, index === entries.length - 1, context) ?? [])
}

function convertFilter(entry: ConfigMessage, isLast: boolean, context: ConvertContext): FilterConfig | undefined {
  const name = entry.text('name')
  const config = entry.any('config')
  const typeName = config?.typeName ?? typeOfName(name, context)
  if (typeName === ROUTER_TYPE) {
    if (!isLast) entry.problems.error(entry, 'the router must be the last filter')
    return undefined
  }
  const rule = typeName === undefined ? undefined : findRule(typeName, context)
  if (typeName === undefined || rule === undefined) {
    refuseFilter(entry, name, typeName)
    return undefined
  }
  const read = readConfig(typeName, config, context)
  const spot = config ?? entry.spot('config')
  return { name, typeUrl: urlOf(typeName), ...(read ?? { config: checkConfig(entry.problems, spot, config, rule) }) }
}

/** The configuration of a filter for one route; undefined, and a problem, for one that there is not. */
export function convertRouteFilter(
  name: string,
  config: ConfigAny,
  problems: ProblemList,
  context: ConvertContext,
): FilterConfig | undefined {
  const { typeName } = config
  const rule = findRule(typeName, context)
  if (rule === undefined) {
    const isKnown = KNOWN_TYPES.has(typeName)
    problems.refuse(config, isKnown ? `${typeName} is not supported yet` : `there is no filter of type ${typeName}`)
    config.message?.handOver()
    return undefined
  }
  const read = readConfig(typeName, config, context)
  return { name, typeUrl: urlOf(typeName), ...(read ?? { config: checkConfig(problems, config, config, rule) }) }
}

function urlOf(typeName: string): string {
  return `type.googleapis.com/${typeName}`
}

/** Of filters whose configuration is read here; undefined: it is another one, or there is nothing to read. */
export function readConfig(
  typeName: string,
  config: ConfigAny | undefined,
  context: ConvertContext,
): Pick<FilterConfig, 'config' | 'parsed'> | undefined {
  const convert = OWN_FILTERS.get(typeName)
  if (convert === undefined || config?.message === undefined) return undefined
  return { config: toPlainJson(config.message), parsed: convert(config.message, context) }
}

function typeOfName(name: string, context: ConvertContext): string | undefined {
  for (const [typeUrl, rule] of context.options.filters ?? []) if (rule.name === name) return typeNameOf(typeUrl)
  return TYPE_OF_NAME.get(name)
}

function findRule(typeName: string, context: ConvertContext): FilterRule | undefined {
  for (const [typeUrl, rule] of context.options.filters ?? []) if (typeNameOf(typeUrl) === typeName) return rule
  return undefined
}

function refuseFilter(entry: ConfigMessage, name: string, typeName: string | undefined): void {
  const isKnown = typeName !== undefined && KNOWN_TYPES.has(typeName)
  const what =
    typeName === undefined ? `filter ${JSON.stringify(name)}` : `filter ${JSON.stringify(name)} (${typeName})`
  entry.problems.refuse(entry, isKnown ? `${what} is not supported yet` : `there is no ${what}`)
  // One line is enough: what is inside matters to nobody.
  entry.any('config')?.message?.handOver()
}

/** The filter checks its configuration itself: lowerCamelCase names where its type is known to us, as written otherwise. */
function checkConfig(problems: ProblemList, whole: Spot, config: ConfigAny | undefined, rule: FilterRule): unknown {
  const json =
    config === undefined ? undefined : config.message === undefined ? config.json : toPlainJson(config.message)
  config?.message?.handOver()
  rule.parse(json ?? {}, (path, message) => {
    const inside = { path: path === '' ? whole.path : `${whole.path}.${path}`, place: whole.place }
    problems.error(config?.message === undefined ? inside : findSpot(config.message, path), message)
  })
  return json
}
