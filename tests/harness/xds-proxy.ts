/** A whole proxy in the test's own process that has its configuration from a control plane. */

import { fileURLToPath } from 'node:url'
import { type FilterConfig, type ListenerConfig, parseBootstrap } from '@meltemi/api'
import { encodeCluster, encodeEndpoints, encodeListener, encodeRoutes } from '@meltemi/api/encode'
import { loadModules, startProxy } from '@meltemi/proxy'
import { proxyFilters } from '@meltemi/proxy/filters'
import { looping } from './codecs/looping.ts'
import { LiveProxy } from './live-proxy.ts'
import { testCluster, testListener, testMetaProtocol, testRoute } from './test-proxy.ts'

const MODULE = fileURLToPath(new URL('./codecs/looping.ts', import.meta.url))
const BUILT_IN = fileURLToPath(new URL('../../packages/cli/src/modules.ts', import.meta.url))
const ADS = { kind: 'ads', initialFetchTimeoutMs: 15_000 } as const
const FILTER_RULES = new Map(proxyFilters.map((filter) => [filter.typeUrl, filter]))

export interface XdsProxyOptions {
  /** Of the control plane. */
  readonly port: number
  readonly delta?: boolean
  readonly cacheFolder?: string
  readonly concurrency?: number
  /** In the bootstrap, as JSON. */
  readonly listeners?: readonly object[]
  /** Besides `xds`. */
  readonly clusters?: readonly object[]
  /** Instead of ADS for everything. */
  readonly dynamic?: object
  /** Of listeners and clusters. */
  readonly fetchTimeout?: string
  readonly logLevel?: string
  /** It has all codecs and filters that come with Meltemi, too. */
  readonly isComplete?: boolean
  /** How the control plane is called, as JSON. */
  readonly xdsTransport?: object
}

/** Its codec is `looping`, that is awesomerpc. */
export async function startXdsProxy(options: XdsProxyOptions): Promise<LiveProxy> {
  const { config, problems } = parseBootstrap(JSON.stringify(bootstrap(options)), 'test.json')
  if (config === undefined) throw new Error(problems.map(({ message }) => message).join('; '))
  const running = await startProxy({
    config,
    bootstrap: {},
    modules: (await loadModules(options.isComplete ? [BUILT_IN, MODULE] : [MODULE])).modules.map(
      ({ version }) => version,
    ),
    watchModules: false,
    concurrency: options.concurrency ?? 1,
    adminAddress: { host: '127.0.0.1', port: 0 },
    drainTimeS: 30,
    logLevel: options.logLevel ?? 'off',
    memoryLimitBytes: undefined,
    xds: { rules: options.isComplete ? { filters: FILTER_RULES } : {}, cacheFolder: options.cacheFolder },
  })
  return new LiveProxy(running)
}

function bootstrap({
  port,
  delta = true,
  listeners = [],
  clusters = [],
  dynamic,
  fetchTimeout = '15s',
  xdsTransport,
}: XdsProxyOptions): object {
  const source = { ads: {}, initial_fetch_timeout: fetchTimeout }
  const api_type = delta ? 'DELTA_GRPC' : 'GRPC'
  const ads_config = { api_type, grpc_services: [{ envoy_grpc: { cluster_name: 'xds' } }] }
  const address = { socket_address: { address: '127.0.0.1', port_value: port } }
  const load_assignment = { cluster_name: 'xds', endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] }
  return {
    node: { id: 'test-node', cluster: 'test', metadata: { NAMESPACE: 'default' } },
    dynamic_resources: dynamic ?? { ads_config, lds_config: source, cds_config: source },
    static_resources: {
      clusters: [
        {
          name: 'xds',
          http2_protocol_options: {},
          load_assignment,
          ...(xdsTransport === undefined ? {} : { transport_socket: xdsTransport }),
        },
        ...clusters,
      ],
      listeners,
    },
  }
}

/** A cluster whose endpoints come by `endpointBytes`. */
export function edsClusterBytes(name: string): Uint8Array {
  return encodeCluster(testCluster(name, [], { discovery: 'eds', eds: { serviceName: name, source: ADS } }))
}

export function clusterBytes(name: string, ...ports: readonly number[]): Uint8Array {
  return encodeCluster(testCluster(name, ports))
}

export function endpointBytes(name: string, ...ports: readonly number[]): Uint8Array {
  return encodeEndpoints({ cluster: name, endpoints: testCluster(name, ports).endpoints })
}

/** At a port of its own, with the routes called `name`. */
export function listenerBytes(
  name: string,
  changes: Partial<ListenerConfig> = {},
  filters: readonly FilterConfig[] = [],
): Uint8Array {
  const rds = { routeConfigName: name, source: ADS }
  return encodeListener(testListener(name, testMetaProtocol(looping.name, { rds, filters }), changes))
}

/** Everything goes to this cluster. */
export function routeBytes(name: string, cluster: string): Uint8Array {
  return encodeRoutes({ name, routes: [testRoute(cluster)] })
}
