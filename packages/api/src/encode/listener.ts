import { create, toBinary } from '@bufbuild/protobuf'
import { type Any, anyPack, durationFromMs } from '@bufbuild/protobuf/wkt'
import { TrafficDirection } from '../gen/envoy/config/core/v3/base_pb.ts'
import { ListenerSchema } from '../gen/envoy/config/listener/v3/listener_pb.ts'
import { ProxyProtocolSchema } from '../gen/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol_pb.ts'
import type { ListenerConfig } from '../model/index.ts'
import { addressInit } from './address.ts'
import type { Init } from './init.ts'
import { metaProtocolProxyAny } from './meta-protocol-proxy.ts'
import { tcpProxyAny } from './tcp-proxy.ts'
import { downstreamTlsInit } from './tls.ts'

const HANDSHAKE_TIMEOUT_MS = 15_000
const MEBIBYTE = 1024 * 1024
/** What a TLV that says who the client is is called. */
const IDENTITY_RULE = { metadataNamespace: 'meltemi.client', key: 'principal' }
const DIRECTION: Readonly<Record<ListenerConfig['direction'], TrafficDirection>> = {
  unspecified: TrafficDirection.UNSPECIFIED,
  inbound: TrafficDirection.INBOUND,
  outbound: TrafficDirection.OUTBOUND,
}

/**
 * An envoy.config.listener.v3.Listener in protobuf; what has its default value is left out. Throws for a limit of
 * connections, which a Listener cannot say: it stands in a proxy's runtime.
 */
export function encodeListener(listener: ListenerConfig): Uint8Array {
  if (listener.maxConnections !== 0) throw new TypeError(`listener ${listener.name}: xDS has no limit of connections`)
  return toBinary(ListenerSchema, create(ListenerSchema, listenerInit(listener)))
}

function listenerInit(listener: ListenerConfig): Init<typeof ListenerSchema> {
  return {
    name: listener.name,
    address: addressInit(listener.address),
    trafficDirection: DIRECTION[listener.direction],
    filterChains: [{ filters: [networkFilter(listener.filter)], ...tlsInit(listener.tls) }],
    listenerFilters: listener.proxyProtocol ? [proxyProtocolFilter(listener.identityTlv)] : [],
    ...(listener.bufferLimitBytes === MEBIBYTE ? {} : { perConnectionBufferLimitBytes: listener.bufferLimitBytes }),
  }
}

/** Also how long a handshake may take. */
function tlsInit(tls: ListenerConfig['tls']) {
  if (tls === undefined) return {}
  const { handshakeTimeoutMs } = tls
  return {
    transportSocket: downstreamTlsInit(tls),
    ...(handshakeTimeoutMs === HANDSHAKE_TIMEOUT_MS
      ? {}
      : { transportSocketConnectTimeout: durationFromMs(handshakeTimeoutMs) }),
  }
}

function networkFilter(filter: ListenerConfig['filter']) {
  if (filter.kind === 'tcp-proxy') return named('envoy.filters.network.tcp_proxy', tcpProxyAny(filter))
  return named('envoy.filters.network.meta_protocol_proxy', metaProtocolProxyAny(filter))
}

function proxyProtocolFilter(identityTlv: number | undefined) {
  const rules = identityTlv === undefined ? [] : [{ tlvType: identityTlv, onTlvPresent: IDENTITY_RULE }]
  const filter = create(ProxyProtocolSchema, { rules })
  return named('envoy.filters.listener.proxy_protocol', anyPack(ProxyProtocolSchema, filter))
}

function named(name: string, value: Any) {
  return { name, configType: { case: 'typedConfig' as const, value } }
}
