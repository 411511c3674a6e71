import type { ListenerConfig, MetaProtocolConfig, TcpProxyConfig } from '@meltemi/api'
import type { ProtocolView, ServicePort, ServiceView } from '../store/world.ts'
import { translateFilters } from './filters.ts'
import { clusterName, listenerName, routesName, statPrefix } from './names.ts'

const MEBIBYTE = 1024 * 1024
const HOUR_MS = 3_600_000
const FETCH_TIMEOUT_MS = 15_000
const DEFAULT_TRUST_DOMAINS = ['cluster.local']

export interface ListenersOptions {
  /** Where services without an address of their own listen. */
  readonly listenHost: string
  /** Of certificates: the own one first, then those that it has had or is also known by; default `cluster.local`. */
  readonly trustDomains?: readonly string[]
}

/**
 * For each address of the service, or without any at `listenHost`, and each port one listener: of its protocol, or of
 * plain TCP. A port whose codec is not there yet has none.
 */
export function translateListeners(
  view: ServiceView,
  { listenHost, trustDomains = DEFAULT_TRUST_DOMAINS }: ListenersOptions,
): readonly ListenerConfig[] {
  if (view.resolution === 'none') return []
  const addresses = view.addresses.length === 0 ? [listenHost] : view.addresses
  const ports = view.ports.filter(({ protocol }) => protocol?.isReady ?? true)
  return addresses.flatMap((host) => ports.map((port) => translateListener(view, port, { host, trustDomains })))
}

interface Place {
  readonly host: string
  readonly trustDomains: readonly string[]
}

function translateListener(view: ServiceView, port: ServicePort, { host, trustDomains }: Place): ListenerConfig {
  return {
    name: listenerName(host, port.number),
    address: { host, port: port.number },
    direction: 'outbound',
    proxyProtocol: false,
    bufferLimitBytes: MEBIBYTE,
    maxConnections: 0,
    filter:
      port.protocol === undefined ? tcpProxy(view, port) : metaProtocol(view, port.number, port.protocol, trustDomains),
  }
}

function tcpProxy({ host }: ServiceView, { number }: ServicePort): TcpProxyConfig {
  return {
    kind: 'tcp-proxy',
    statPrefix: statPrefix(host, number),
    clusters: [{ cluster: clusterName(host, number), weight: 1 }],
    idleTimeoutMs: HOUR_MS,
    maxConnectAttempts: 1,
  }
}

function metaProtocol(
  view: ServiceView,
  number: number,
  protocol: ProtocolView,
  trustDomains: readonly string[],
): MetaProtocolConfig {
  const source = { kind: 'ads' as const, initialFetchTimeoutMs: FETCH_TIMEOUT_MS }
  return {
    kind: 'meta-protocol',
    statPrefix: statPrefix(view.host, number),
    applicationProtocol: protocol.name,
    codec: { name: protocol.codec, options: undefined, moduleDigest: protocol.module?.digest },
    multiplexing: view.multiplexing,
    filters: translateFilters(view, protocol, trustDomains),
    routes: { name: '', routes: [] },
    rds: { routeConfigName: routesName(view.host, number), source },
    idleTimeoutMs: 0,
    maxMessageBytes: 16 * MEBIBYTE,
    maxInFlightPerConnection: 1_024,
    requestTimeoutMs: 15_000,
    maxDownstreamBufferBytes: 16 * MEBIBYTE,
    partialMessageTimeoutMs: 15_000,
    generateRequestId: false,
  }
}
