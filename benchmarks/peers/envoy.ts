// Envoy with one worker: as a TCP proxy, and with its filters that understand Thrift and Dubbo.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findProgram, readVersion } from './find-program.ts'
import { findFreePort, type Peer, type PeerOptions, type Production, startPeer } from './peer.ts'

const TYPES = 'type.googleapis.com/envoy.extensions.filters.network'
const LOG_FORMAT =
  '[%START_TIME%] %HOST% %METHOD% %RESPONSE_FLAGS% %DURATION% %BYTES_RECEIVED% %BYTES_SENT% %UPSTREAM_HOST%\n'

interface EnvoyFilter {
  readonly name: string
  readonly typed_config: object
}

export const envoyTcp: Peer = createEnvoy('Envoy tcp_proxy', undefined, {
  name: 'envoy.filters.network.tcp_proxy',
  typed_config: { '@type': `${TYPES}.tcp_proxy.v3.TcpProxy`, stat_prefix: 'benchmark', cluster: 'backend' },
})

export const envoyThrift: Peer = createEnvoy('Envoy thrift_proxy', /^thrift\.benchmark\.response_success: (\d+)$/m, {
  name: 'envoy.filters.network.thrift_proxy',
  typed_config: {
    '@type': `${TYPES}.thrift_proxy.v3.ThriftProxy`,
    stat_prefix: 'benchmark',
    transport: 'FRAMED',
    protocol: 'BINARY',
    route_config: { name: 'all', routes: [{ match: { method_name: '' }, route: { cluster: 'backend' } }] },
    thrift_filters: [
      {
        name: 'envoy.filters.thrift.router',
        typed_config: { '@type': `${TYPES}.thrift_proxy.router.v3.Router` },
      },
    ],
  },
})

/** Its filter knows neither access logs nor tracing: in production it has the listener's log, of connections. */
export const envoyDubbo: Peer = createEnvoy('Envoy dubbo_proxy', /^dubbo\.benchmark\.response_success: (\d+)$/m, {
  name: 'envoy.filters.network.dubbo_proxy',
  typed_config: {
    '@type': `${TYPES}.dubbo_proxy.v3.DubboProxy`,
    stat_prefix: 'benchmark',
    protocol_type: 'Dubbo',
    serialization_type: 'Hessian2',
    route_config: [
      {
        name: 'all',
        interface: '*',
        routes: [{ match: { method: { name: { safe_regex: { regex: '.*' } } } }, route: { cluster: 'backend' } }],
      },
    ],
    dubbo_filters: [
      {
        name: 'envoy.filters.dubbo.router',
        config: { '@type': `${TYPES}.dubbo_proxy.router.v3.Router` },
      },
    ],
  },
})

/** An upstream connection for each request under way. */
export const envoyGenericDubbo: Peer = createGeneric('Envoy generic_proxy', false)

/** An upstream connection for each connection of a client, which its requests share. */
export const envoyBoundDubbo: Peer = createGeneric('Envoy generic_proxy, bound', true)

function createGeneric(name: string, isBound: boolean): Peer {
  const answered = /^generic_proxy\.benchmark\.downstream_rq_code\.20: (\d+)$/m
  return createEnvoy(name, answered, ({ production }) => ({
    name: 'envoy.filters.network.generic_proxy',
    typed_config: {
      '@type': `${TYPES}.generic_proxy.v3.GenericProxy`,
      stat_prefix: 'benchmark',
      codec_config: {
        name: 'envoy.generic_proxy.codecs.dubbo',
        typed_config: { '@type': `${TYPES}.generic_proxy.codecs.dubbo.v3.DubboCodecConfig` },
      },
      route_config: { name: 'all', virtual_hosts: [{ name: 'all', hosts: ['*'], routes: GENERIC_ROUTES }] },
      filters: [
        {
          name: 'envoy.filters.generic.router',
          typed_config: { '@type': `${TYPES}.generic_proxy.router.v3.Router`, bind_upstream_connection: isBound },
        },
      ],
      ...(production === undefined ? {} : { access_log: [accessLog(production, LOG_FORMAT)], tracing: TRACING }),
    },
  }))
}

const GENERIC_ROUTES = {
  on_no_match: {
    action: {
      name: 'route',
      typed_config: { '@type': `${TYPES}.generic_proxy.action.v3.RouteAction`, cluster: 'backend' },
    },
  },
}

/** One request of a hundred, told to the cluster `collector`, in Envoy's form. */
export const TRACING: object = {
  random_sampling: { value: 1 },
  provider: {
    name: 'envoy.tracers.zipkin',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.config.trace.v3.ZipkinConfig',
      collector_cluster: 'collector',
      collector_endpoint: '/api/v2/spans',
      collector_endpoint_version: 'HTTP_JSON',
    },
  },
}

function accessLog({ accessLog: path }: Production, format?: string): object {
  const type = 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog'
  const log_format = format === undefined ? {} : { log_format: { text_format_source: { inline_string: format } } }
  return { name: 'envoy.access_loggers.file', typed_config: { '@type': type, path, ...log_format } }
}

/** What this Envoy was built without, by what it says when it does not start; undefined: that is not the reason. */
export function findMissingPart(error: unknown): string | undefined {
  return /(?:find a registered implementation for|could not find @type|type url:?) '([^']+)'/i.exec(String(error))?.[1]
}

export function createEnvoy(
  name: string,
  answered: RegExp | undefined,
  filter: EnvoyFilter | ((options: PeerOptions) => EnvoyFilter),
): Peer {
  return {
    name,
    version: () => readVersion(findProgram('envoy'), ['--version'], /\/(\d[^/]*)\/\w+\/RELEASE/),
    async start(options) {
      const port = await findFreePort()
      const adminPort = await findFreePort()
      const { folder } = options
      const file = join(folder, 'envoy.json')
      const filled = typeof filter === 'function' ? filter(options) : filter
      writeFileSync(file, JSON.stringify(bootstrap(port, adminPort, options, filled), undefined, 2))
      const args = ['-c', file, '--concurrency', '1', '--use-dynamic-base-id', '--log-level', 'warning']
      args.push('--file-flush-interval-msec', '1000') // the log is looked at after each run
      const command = { name, command: findProgram('envoy')!, args, port, adminPort, folder }
      const logsRequests = options.production !== undefined && 'access_log' in filled.typed_config
      return startPeer({
        ...command,
        ...(answered === undefined ? {} : { answered }),
        ...(logsRequests ? { accessLog: options.production!.accessLog } : {}),
      })
    },
  }
}

function bootstrap(port: number, adminPort: number, options: PeerOptions, filter: EnvoyFilter): object {
  const { production } = options
  const isLoggedByListener = production !== undefined && !('access_log' in filter.typed_config)
  return {
    admin: { address: { socket_address: { address: '127.0.0.1', port_value: adminPort } } },
    static_resources: {
      listeners: [
        {
          name: 'benchmark',
          address: { socket_address: { address: '127.0.0.1', port_value: port } },
          filter_chains: [filterChain(filter, options)],
          ...(isLoggedByListener ? { access_log: [accessLog(production)] } : {}),
        },
      ],
      clusters: [
        createCluster('backend', options.backendPort),
        ...(production === undefined ? [] : [createCluster('collector', production.collectorPort)]),
      ],
    },
  }
}

/** In Envoy's form. */
export function filterChain(filter: object, { tls }: PeerOptions): object {
  return { filters: [filter], ...(tls === undefined ? {} : { transport_socket: tls.transportSocket }) }
}

/** A cluster of one endpoint on this machine, in Envoy's form, with limits that no load reaches. */
export function createCluster(name: string, port: number): object {
  const address = { socket_address: { address: '127.0.0.1', port_value: port } }
  return {
    name,
    type: 'STATIC',
    connect_timeout: '5s',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
    circuit_breakers: {
      thresholds: [{ max_connections: 20000, max_requests: 20000, max_pending_requests: 20000 }],
    },
  }
}
