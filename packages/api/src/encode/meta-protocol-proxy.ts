import { create, fromJson, type JsonValue } from '@bufbuild/protobuf'
import { type Any, anyPack, durationFromMs } from '@bufbuild/protobuf/wkt'
import {
  type CodecSchema,
  type MetaProtocolFilterSchema,
  MetaProtocolProxySchema,
  TracingSchema,
} from '../gen/aeraki/meta_protocol_proxy/v1alpha/meta_protocol_proxy_pb.ts'
import { AccessLogSchema } from '../gen/envoy/config/accesslog/v3/accesslog_pb.ts'
import type { CodecConfig, FilterConfig, MetaProtocolConfig } from '../model/index.ts'
import { anyFromJson } from './any.ts'
import { configSourceInit } from './config-source.ts'
import type { Init } from './init.ts'
import { messageRegistry } from './message-registry.ts'
import { metaRoutesInit } from './meta-routes.ts'

type ProxyInit = Init<typeof MetaProtocolProxySchema>

const ROUTER = 'aeraki.meta_protocol.filters.router'
const DEFAULT_BYTES = 16 * 1024 * 1024
const DEFAULT_IN_FLIGHT = 1_024
const DEFAULT_TIMEOUT_MS = 15_000

/** A MetaProtocolProxy; the router, which the model does not list, is its last filter. */
export function metaProtocolProxyAny(proxy: MetaProtocolConfig): Any {
  return anyPack(MetaProtocolProxySchema, create(MetaProtocolProxySchema, proxyInit(proxy)))
}

function proxyInit(proxy: MetaProtocolConfig): ProxyInit {
  return {
    statPrefix: proxy.statPrefix,
    ...protocolInit(proxy),
    routeSpecifier: routeSpecifierInit(proxy),
    metaProtocolFilters: [...proxy.filters.map(filterInit), { name: ROUTER }],
    generateRequestId: proxy.generateRequestId,
    ignoreClientTimeout: proxy.ignoresClientTimeout ?? false,
    ...observationInit(proxy),
    ...boundsInit(proxy),
  }
}

/** As they were configured. */
function observationInit({ tracing, accessLogs = [] }: MetaProtocolConfig): ProxyInit {
  const options = { registry: messageRegistry }
  return {
    ...(tracing === undefined ? {} : { tracing: fromJson(TracingSchema, tracing.asConfigured as JsonValue, options) }),
    accessLog: accessLogs.map(({ asConfigured }) => fromJson(AccessLogSchema, asConfigured as JsonValue, options)),
  }
}

/** In the older fields, which Aeraki writes and every proxy reads, as long as they can say it. */
function protocolInit({ applicationProtocol, codec, multiplexing }: MetaProtocolConfig): ProxyInit {
  if (!multiplexing) return { applicationProtocol, codec: codecInit(codec) }
  return { protocol: { name: applicationProtocol, codec: codecInit(codec), multiplexing } }
}

export function codecInit({ name, options, moduleDigest }: CodecConfig): Init<typeof CodecSchema> {
  return {
    name,
    moduleDigest: moduleDigest ?? '',
    ...(options === undefined ? {} : { config: anyFromJson('google.protobuf.Struct', options) }),
  }
}

function routeSpecifierInit({ rds, routes }: MetaProtocolConfig): NonNullable<ProxyInit['routeSpecifier']> {
  if (rds === undefined) return { case: 'routeConfig', value: metaRoutesInit(routes) }
  const value = { routeConfigName: rds.routeConfigName, configSource: configSourceInit(rds.source) }
  return { case: 'rds', value }
}

function filterInit({ name, typeUrl, config }: FilterConfig): Init<typeof MetaProtocolFilterSchema> {
  return { name, config: anyFromJson(typeUrl, config ?? {}) }
}

function boundsInit(proxy: MetaProtocolConfig): ProxyInit {
  const { idleTimeoutMs, maxMessageBytes, maxInFlightPerConnection, maxDownstreamBufferBytes } = proxy
  const { requestTimeoutMs, partialMessageTimeoutMs } = proxy
  return {
    ...(idleTimeoutMs === 0 ? {} : { idleTimeout: durationFromMs(idleTimeoutMs) }),
    ...(maxMessageBytes === DEFAULT_BYTES ? {} : { maxMessageBytes }),
    ...(maxInFlightPerConnection === DEFAULT_IN_FLIGHT ? {} : { maxInFlightPerConnection }),
    ...(maxDownstreamBufferBytes === DEFAULT_BYTES ? {} : { maxDownstreamBuffer: maxDownstreamBufferBytes }),
    ...(requestTimeoutMs === DEFAULT_TIMEOUT_MS ? {} : { requestTimeout: durationFromMs(requestTimeoutMs) }),
    ...(partialMessageTimeoutMs === DEFAULT_TIMEOUT_MS
      ? {}
      : { partialMessageTimeout: durationFromMs(partialMessageTimeoutMs) }),
  }
}
