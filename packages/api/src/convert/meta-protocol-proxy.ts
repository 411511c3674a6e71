import type { CodecConfig, FilterConfig, MetaProtocolConfig, RdsConfig, RouteTableConfig } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import { typeNameOf } from '../schema/type-registry.ts'
import { convertAccessLogs } from './access-log.ts'
import { convertCodec } from './codec.ts'
import { convertConfigSource } from './config-source.ts'
import type { ConvertContext } from './convert-context.ts'
import { convertFilters } from './filters.ts'
import { OWN_FILTERS } from './own-filters.ts'
import { convertRouteTable, type RouteContext } from './route.ts'
import { convertTracing } from './tracing.ts'

const MEBIBYTE = 1024 * 1024

/** Reads a MetaProtocolProxy, the configuration of a listener for one application protocol. */
export function convertMetaProtocolProxy(proxy: ConfigMessage, context: ConvertContext): MetaProtocolConfig {
  const protocol = proxy.message('protocol')
  const codec = chooseCodec(proxy, protocol, context)
  const routes = proxy.message('route_config')
  const rds = proxy.message('rds')
  const filters = convertFilters(proxy, context)
  const table =
    routes === undefined ? { name: '', routes: [] } : convertRouteTable(routes, routeContext(codec, filters, context))
  // routes that come later may still configure them
  if (rds === undefined) warnOfIdleFilters(proxy, filters, table)
  return {
    kind: 'meta-protocol',
    statPrefix: proxy.text('stat_prefix'),
    applicationProtocol: chooseName(proxy, protocol),
    codec,
    multiplexing: protocol?.flag('multiplexing') ?? false,
    filters,
    routes: table,
    rds: rds === undefined ? undefined : convertRds(rds, context),
    generateRequestId: proxy.flag('generate_request_id') ?? false,
    ...(proxy.flag('ignore_client_timeout') ? { ignoresClientTimeout: true } : {}),
    ...convertObservation(proxy, context),
    ...convertBounds(proxy),
  }
}

/** A filter without a configuration is there for routes that have one: a guard that guards nothing should be seen. */
function warnOfIdleFilters(proxy: ConfigMessage, filters: readonly FilterConfig[], { routes }: RouteTableConfig): void {
  for (const { name, typeUrl, parsed } of filters) {
    if (parsed !== undefined || !OWN_FILTERS.has(typeNameOf(typeUrl))) continue
    const isConfigured = routes.some(({ overrides = [] }) =>
      overrides.some((override) => override.name === name && override.filter !== undefined),
    )
    if (isConfigured) continue
    proxy.warning('meta_protocol_filters', `filter ${JSON.stringify(name)} does nothing: no route has a config for it`)
  }
}

function convertObservation(
  proxy: ConfigMessage,
  context: ConvertContext,
): Pick<MetaProtocolConfig, 'tracing' | 'accessLogs'> {
  const tracing = convertTracing(proxy, context)
  const accessLogs = convertAccessLogs(proxy)
  return { ...(tracing === undefined ? {} : { tracing }), ...(accessLogs.length === 0 ? {} : { accessLogs }) }
}

function convertRds(rds: ConfigMessage, { sources }: ConvertContext): RdsConfig | undefined {
  const routeConfigName = rds.text('route_config_name')
  if (routeConfigName === '') rds.reportMissing('route_config_name')
  const source = convertConfigSource(rds, 'config_source', sources)
  return source === undefined ? undefined : { routeConfigName, source }
}

function convertBounds(proxy: ConfigMessage) {
  return {
    idleTimeoutMs: proxy.durationMs('idle_timeout') ?? 0,
    maxMessageBytes: proxy.number('max_message_bytes') ?? 16 * MEBIBYTE,
    maxInFlightPerConnection: proxy.number('max_in_flight_per_connection') ?? 1_024,
    requestTimeoutMs: proxy.durationMs('request_timeout') ?? 15_000,
    maxDownstreamBufferBytes: proxy.number('max_downstream_buffer') ?? 16 * MEBIBYTE,
    partialMessageTimeoutMs: proxy.durationMs('partial_message_timeout') ?? 15_000,
  }
}

function chooseName(proxy: ConfigMessage, protocol: ConfigMessage | undefined): string {
  const preferred = protocol?.text('name') ?? ''
  const old = proxy.text('application_protocol')
  if (preferred !== '' && old !== '' && old !== preferred) {
    proxy.warning('application_protocol', `is overridden by protocol.name ${JSON.stringify(preferred)}`)
  }
  if (preferred === '' && old === '') proxy.reportMissing('protocol')
  return preferred || old
}

function chooseCodec(proxy: ConfigMessage, protocol: ConfigMessage | undefined, context: ConvertContext): CodecConfig {
  const preferred = protocol?.message('codec')
  const old = proxy.message('codec')
  if (preferred?.has('name') && old !== undefined) proxy.warning('codec', 'is overridden by protocol.codec')
  // Both are read, so that both are checked.
  const choices = [preferred, old].flatMap((codec) => (codec === undefined ? [] : [convertCodec(codec, context)]))
  const chosen = choices.find((codec) => codec.name !== '')
  if (chosen !== undefined) return chosen
  if (protocol === undefined) proxy.reportMissing('protocol')
  else protocol.reportMissing('codec')
  return { name: '', options: undefined, moduleDigest: undefined }
}

function routeContext(
  codec: CodecConfig,
  listenerFilters: readonly FilterConfig[],
  context: ConvertContext,
): RouteContext {
  const rule = context.options.codecs?.get(codec.name)
  return { ...context, listenerFilters, codec: rule === undefined ? undefined : { name: codec.name, rule } }
}
