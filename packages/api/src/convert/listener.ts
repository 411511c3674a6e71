import { type ListenerConfig, needsIdentity } from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import { convertAddress } from './address.ts'
import type { ConvertContext } from './convert-context.ts'
import { convertMetaProtocolProxy } from './meta-protocol-proxy.ts'
import { convertProxyProtocol, type ProxyHeaderConfig } from './proxy-protocol.ts'
import { convertTcpProxy } from './tcp-proxy.ts'
import { convertDownstreamTls } from './tls.ts'

const DIRECTION: Readonly<Record<string, ListenerConfig['direction']>> = { INBOUND: 'inbound', OUTBOUND: 'outbound' }
const PROXY_PROTOCOL_TYPE = 'envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol'

const NETWORK_FILTERS = new Map<string, (config: ConfigMessage, context: ConvertContext) => ListenerConfig['filter']>([
  ['aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy', convertMetaProtocolProxy],
  ['envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', convertTcpProxy],
])

/** Reads one Listener; undefined, with problems, when there is nothing it could do. */
export function convertListener(listener: ConfigMessage, context: ConvertContext): ListenerConfig | undefined {
  const address = convertAddress(listener, 'address', 'ip')
  const direction = DIRECTION[listener.enumName('traffic_direction')] ?? 'unspecified'
  const header = convertListenerFilters(listener)
  const bufferLimitBytes = listener.number('per_connection_buffer_limit_bytes') ?? 1024 * 1024
  if (listener.flag('enable_reuse_port') === false)
    listener.error('enable_reuse_port', 'false is not supported, workers share the port')
  if (listener.flag('bind_to_port') === false) listener.error('bind_to_port', 'false is not supported yet')
  if (header !== undefined) refuseHeaderTimes(listener)
  const chain = convertChain(listener, context)
  if (header?.identityTlv !== undefined && chain?.tls !== undefined) refuseTwoIdentities(listener)
  const givenName = listener.text('name')
  if (address === undefined || chain?.filter === undefined) return undefined
  const name = givenName || `${address.host}_${address.port}`
  const config: ListenerConfig = {
    name,
    address,
    direction,
    ...(header ?? { proxyProtocol: false }),
    bufferLimitBytes,
    maxConnections: context.connectionLimits.get(name)?.limit ?? 0,
    ...(chain.tls === undefined ? {} : { tls: chain.tls }),
    filter: chain.filter,
  }
  warnOfNobody(listener, config)
  return config
}

/** Who asks who the client is where nobody has to say it. */
function warnOfNobody(listener: ConfigMessage, config: ListenerConfig): void {
  for (const name of needsIdentity(config)) {
    const filter = JSON.stringify(name)
    const why = `filter ${filter} asks who the client is, but no client must show a certificate that is verified`
    listener.warning('filter_chains', `${why}: set require_client_certificate and trusted_ca`)
  }
}

function convertListenerFilters(listener: ConfigMessage): ProxyHeaderConfig | undefined {
  let header: ProxyHeaderConfig | undefined
  for (const entry of listener.messages('listener_filters')) {
    const config = entry.any('typed_config')
    if (config === undefined) entry.reportMissing('typed_config')
    else if (config.typeName !== PROXY_PROTOCOL_TYPE || config.message === undefined) {
      entry.problems.refuse(config, `listener filter ${config.typeName} is not supported yet`)
    } else if (header !== undefined) entry.problems.error(entry, 'the proxy_protocol listener filter is there twice')
    else header = convertProxyProtocol(config.message)
  }
  return header
}

/** How long a PROXY header may take, and what happens then, is not up to anybody. */
function refuseHeaderTimes(listener: ConfigMessage): void {
  for (const field of ['listener_filters_timeout', 'continue_on_listener_filters_timeout'])
    if (listener.has(field)) listener.refuse(field, `${field} is not supported with the proxy_protocol listener filter`)
}

function refuseTwoIdentities(listener: ConfigMessage): void {
  listener.error('listener_filters', 'a PROXY header cannot say who clients are that show certificates of their own')
  listener.messages('filter_chains')[0]?.error('transport_socket', 'the PROXY header says who clients are already')
}

function convertChain(listener: ConfigMessage, context: ConvertContext) {
  const [chain, another] = listener.messages('filter_chains')
  if (chain === undefined) {
    listener.reportMissing('filter_chains')
    return undefined
  }
  if (another !== undefined) another.problems.error(another, 'more than one filter chain is not supported yet')
  // The chains after the first are read too, for the problems inside them.
  const chains = listener.messages('filter_chains').map((each) => ({
    tls: convertDownstreamTls(each, context.sources),
    filter: convertNetworkFilter(each, context),
  }))
  return chains[0]
}

function convertNetworkFilter(chain: ConfigMessage, context: ConvertContext): ListenerConfig['filter'] | undefined {
  const [filter, another] = chain.messages('filters')
  if (filter === undefined) {
    chain.reportMissing('filters')
    return undefined
  }
  if (another !== undefined) another.problems.error(another, 'more than one network filter is not supported yet')
  const config = filter.any('typed_config')
  if (config === undefined) {
    filter.reportMissing('typed_config')
    return undefined
  }
  const convert = NETWORK_FILTERS.get(config.typeName)
  if (convert !== undefined && config.message !== undefined) return convert(config.message, context)
  filter.problems.refuse(config, `network filter ${config.typeName} is not supported yet`)
  return undefined
}
