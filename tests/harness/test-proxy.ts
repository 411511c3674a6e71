/** A data plane in the test's own process, on real sockets, from the configuration model. */

import type {
  ClusterConfig,
  ListenerConfig,
  MetaProtocolConfig,
  NodeConfig,
  ProxyConfig,
  RetryPolicyConfig,
  RouteConfig,
  TcpProxyConfig,
} from '@meltemi/api'
import {
  type Network,
  nodeNetwork,
  type Outlet,
  Proxy,
  SeededRandom,
  SharedLimits,
  type TlsSecrets,
} from '@meltemi/proxy'
import { type Clock, MergedRegistry, systemClock } from '@meltemi/runtime'
import type { CodecDefinition, FilterDefinition } from '@meltemi/sdk'

export interface TestProxyOptions {
  readonly codec: CodecDefinition
  /** Ports of the endpoints of the one cluster, `service`; or whole clusters. */
  readonly endpoints?: readonly number[]
  readonly clusters?: readonly ClusterConfig[]
  /** Changes to the cluster made of `endpoints`. */
  readonly cluster?: Partial<ClusterConfig>
  readonly multiplexing?: boolean
  /** Changes to the MetaProtocolProxy. */
  readonly filter?: Partial<MetaProtocolConfig>
  /** Instead of the MetaProtocolProxy. */
  readonly tcpProxy?: TcpProxyConfig
  readonly listener?: Partial<ListenerConfig>
  /** undefined: everything goes to `service`. */
  readonly routes?: readonly RouteConfig[]
  readonly filters?: readonly FilterDefinition[]
  readonly node?: NodeConfig
  readonly overloadLevel?: () => number
  /** What clients may hold in buffers; no limit if not said. */
  readonly bufferLimitBytes?: number
  readonly seed?: number
  /** Which worker of those that share these limits; alone if not said. */
  readonly share?: { readonly limits: SharedLimits; readonly worker: number }
  /** Instead of the machine's own. */
  readonly network?: Network
  readonly clock?: Clock
  /** Where access logs and spans go; nowhere if not said. */
  readonly outlet?: Outlet
  /** Certificates and keys, read already. */
  readonly secrets?: TlsSecrets
  /** Changes to the whole configuration. */
  readonly config?: Partial<ProxyConfig>
}

export interface LogLine {
  readonly level: string
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

export class TestProxy implements AsyncDisposable {
  readonly proxy: Proxy
  readonly metrics: MergedRegistry
  readonly limits: SharedLimits
  readonly log: LogLine[] = []

  constructor(options: TestProxyOptions) {
    const config = testConfig(options)
    this.metrics = new MergedRegistry()
    this.limits = options.share?.limits ?? new SharedLimits(1)
    this.proxy = new Proxy({
      config,
      codecs: [options.codec],
      filters: options.filters ?? [],
      network: options.network ?? nodeNetwork,
      clock: options.clock ?? systemClock,
      random: new SeededRandom(options.seed ?? 1),
      metrics: this.metrics,
      share: this.limits.share(options.share?.worker ?? 0),
      ...(options.secrets === undefined ? {} : { secrets: options.secrets }),
      ...(options.outlet === undefined ? {} : { outlet: options.outlet }),
      ...(options.bufferLimitBytes === undefined ? {} : { bufferLimitBytes: options.bufferLimitBytes }),
      overloadLevel: options.overloadLevel ?? (() => 0),
      log: (level, message, fields) => this.log.push({ level, message, fields }),
    })
  }

  get port(): number {
    return this.proxy.listeners[0]?.port ?? 0
  }

  /** What is held of all limits, and wants to be, by all that share them. */
  get limitsInUse(): number {
    return this.limits.inUse
  }

  /** A counter or gauge whose name ends like this; the sum where several do. 0 when there is none. */
  stat(ending: string): number {
    let sum = 0
    for (const metric of this.metrics.read((name) => name === ending || name.endsWith(`.${ending}`))) {
      if (metric.kind !== 'histogram') sum += metric.value
    }
    return sum
  }

  /** Resolves when the counter or gauge has this value; rejects, with what it is, after a second. */
  async until(ending: string, value: number, timeoutMs = 1000): Promise<void> {
    const endMs = performance.now() + timeoutMs
    while (this.stat(ending) !== value) {
      if (performance.now() > endMs) throw new Error(`${ending} is ${this.stat(ending)}, not ${value}`)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy.stop()
  }
}

export async function startTestProxy(options: TestProxyOptions): Promise<TestProxy> {
  const proxy = new TestProxy(options)
  await proxy.proxy.start(false)
  return proxy
}

/** A cluster of endpoints on this machine, with Envoy's defaults. */
export function testCluster(
  name: string,
  ports: readonly number[],
  changes: Partial<ClusterConfig> = {},
): ClusterConfig {
  return {
    name,
    statName: name,
    discovery: 'static',
    dnsRefreshMs: 5000,
    dnsLookupFamily: 'auto',
    endpoints: ports.map((port) => ({ address: { host: '127.0.0.1', port }, hostname: '', weight: 1, healthy: true })),
    connectTimeoutMs: 5000,
    loadBalancer: { kind: 'round-robin' },
    circuitBreaker: { maxConnections: 1024, maxPendingRequests: 1024, maxRequests: 1024, maxRetries: 3 },
    panicThresholdPercent: 50,
    eds: undefined,
    outlierDetection: undefined,
    http2: false,
    bufferLimitBytes: 1024 * 1024,
    ...changes,
  }
}

/** A route that matches everything and goes to `cluster`, except for what `changes` say. */
export function testRoute(cluster: string, changes: Partial<RouteConfig> = {}): RouteConfig {
  return {
    name: cluster,
    match: { metadata: [] },
    clusters: [{ cluster, weight: 1 }],
    hashPolicy: [],
    mirrors: [],
    timeoutMs: undefined,
    requestMutation: [],
    responseMutation: [],
    ...changes,
  }
}

/** One retry of any end, also of requests that their protocol does not call idempotent, except for what `changes` say. */
export function testRetry(changes: Partial<RetryPolicyConfig> = {}): RetryPolicyConfig {
  return {
    retryOn: ['5xx', 'non-idempotent'],
    numRetries: 1,
    perTryTimeoutMs: 0,
    backOff: { baseMs: 1, maxMs: 10 },
    retriableHeaders: [],
    retriableRequestHeaders: [],
    ...changes,
  }
}

/** A listener on any port of this machine, with the defaults. */
export function testListener(
  name: string,
  filter: MetaProtocolConfig | TcpProxyConfig,
  changes: Partial<ListenerConfig> = {},
): ListenerConfig {
  return {
    name,
    address: { host: '127.0.0.1', port: 0 },
    direction: 'unspecified',
    proxyProtocol: false,
    bufferLimitBytes: 1024 * 1024,
    maxConnections: 0,
    filter,
    ...changes,
  }
}

function testConfig(options: TestProxyOptions): ProxyConfig {
  const listener = testListener('test', options.tcpProxy ?? testFilter(options), options.listener)
  const clusters = options.clusters ?? [testCluster('service', options.endpoints ?? [], options.cluster)]
  return {
    node: options.node ?? { id: 'test', cluster: '', metadata: {} },
    admin: undefined,
    listeners: [listener],
    clusters,
    dynamic: { ads: undefined, listeners: undefined, clusters: undefined },
    modules: [],
    ...options.config,
  }
}

function testFilter({ codec, multiplexing = true, routes, filter }: TestProxyOptions): MetaProtocolConfig {
  const table = { name: 'routes', routes: routes ?? [testRoute('service')] }
  return testMetaProtocol(codec.name, { multiplexing, routes: table, ...filter })
}

/** A MetaProtocolProxy with the defaults, and no routes. */
export function testMetaProtocol(codec: string, changes: Partial<MetaProtocolConfig> = {}): MetaProtocolConfig {
  return {
    kind: 'meta-protocol',
    statPrefix: 'test',
    applicationProtocol: 'test',
    codec: { name: codec, options: undefined, moduleDigest: undefined },
    multiplexing: true,
    filters: [],
    routes: { name: 'routes', routes: [] },
    rds: undefined,
    idleTimeoutMs: 0,
    maxMessageBytes: 16 * 1024 * 1024,
    maxInFlightPerConnection: 1024,
    requestTimeoutMs: 15_000,
    maxDownstreamBufferBytes: 16 * 1024 * 1024,
    partialMessageTimeoutMs: 15_000,
    generateRequestId: false,
    ...changes,
  }
}
