/** Configuration for tests of its coming. */

import type {
  ClusterConfig,
  ConfigSource,
  EndpointConfig,
  ListenerConfig,
  MetaProtocolConfig,
  ProxyConfig,
  RouteTableConfig,
} from '@meltemi/api/model'

export const ADS: ConfigSource = { kind: 'ads', initialFetchTimeoutMs: 15_000 }
export const RDS: ConfigSource = { kind: 'grpc', api: { cluster: 'xds', delta: false }, initialFetchTimeoutMs: 15_000 }

export function edsCluster(name: string, source: ConfigSource = ADS): ClusterConfig {
  return { ...staticCluster(name, []), discovery: 'eds', eds: { serviceName: name, source } }
}

export function staticCluster(name: string, ports: readonly number[]): ClusterConfig {
  return {
    name,
    statName: name,
    discovery: 'static',
    eds: undefined,
    dnsRefreshMs: 5_000,
    dnsLookupFamily: 'auto',
    endpoints: endpoints(...ports),
    connectTimeoutMs: 5_000,
    loadBalancer: { kind: 'round-robin' },
    circuitBreaker: { maxConnections: 1024, maxPendingRequests: 1024, maxRequests: 1024, maxRetries: 3 },
    panicThresholdPercent: 50,
    bufferLimitBytes: 1024 * 1024,
    outlierDetection: undefined,
    http2: false,
  }
}

export function endpoints(...ports: readonly number[]): readonly EndpointConfig[] {
  return ports.map((port) => ({ address: { host: '127.0.0.1', port }, hostname: '', weight: 1, healthy: true }))
}

/** With rds by its own name. */
export function rdsListener(name: string, source: ConfigSource = ADS): ListenerConfig {
  return listener(name, { rds: { routeConfigName: name, source } })
}

export function listener(name: string, filter: Partial<MetaProtocolConfig> = {}): ListenerConfig {
  return {
    name,
    address: { host: '127.0.0.1', port: 0 },
    direction: 'unspecified',
    proxyProtocol: false,
    bufferLimitBytes: 1024 * 1024,
    maxConnections: 0,
    filter: {
      kind: 'meta-protocol',
      statPrefix: name,
      applicationProtocol: 'test',
      codec: { name: 'test.codec', options: undefined, moduleDigest: undefined },
      multiplexing: false,
      filters: [],
      routes: { name: '', routes: [] },
      rds: undefined,
      idleTimeoutMs: 0,
      maxMessageBytes: 16 * 1024 * 1024,
      maxInFlightPerConnection: 1024,
      requestTimeoutMs: 15_000,
      maxDownstreamBufferBytes: 16 * 1024 * 1024,
      partialMessageTimeoutMs: 15_000,
      generateRequestId: false,
      ...filter,
    },
  }
}

export function table(name: string, ...clusters: readonly string[]): RouteTableConfig {
  const routes = clusters.map((cluster) => ({
    name: cluster,
    match: { metadata: [] },
    clusters: [{ cluster, weight: 1 }],
    hashPolicy: [],
    mirrors: [],
    timeoutMs: undefined,
    requestMutation: [],
    responseMutation: [],
  }))
  return { name, routes }
}

/** A bootstrap that has all from one control plane at port 1. */
export function bootstrap(changes: Partial<ProxyConfig> = {}): ProxyConfig {
  return {
    node: { id: 'node', cluster: 'edge', metadata: { NAMESPACE: 'default' } },
    admin: undefined,
    listeners: [],
    clusters: [{ ...staticCluster('xds', [1, 2]), http2: true }],
    dynamic: { ads: { cluster: 'xds', delta: true }, listeners: ADS, clusters: ADS },
    modules: [],
    ...changes,
  }
}
