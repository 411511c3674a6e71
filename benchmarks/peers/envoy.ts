// Envoy with one worker: as a TCP proxy, and with its filters that understand Thrift and Dubbo.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findProgram, readVersion } from './find-program.ts'
import { findFreePort, type Peer, type PeerOptions, startPeer } from './peer.ts'

const TYPES = 'type.googleapis.com/envoy.extensions.filters.network'

export const envoyTcp: Peer = createEnvoy('Envoy tcp_proxy', {
  name: 'envoy.filters.network.tcp_proxy',
  typed_config: { '@type': `${TYPES}.tcp_proxy.v3.TcpProxy`, stat_prefix: 'benchmark', cluster: 'backend' },
})

export const envoyThrift: Peer = createEnvoy('Envoy thrift_proxy', {
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

export const envoyDubbo: Peer = createEnvoy('Envoy dubbo_proxy', {
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
        typed_config: { '@type': `${TYPES}.dubbo_proxy.router.v3.Router` },
      },
    ],
  },
})

export const envoyGenericDubbo: Peer = createEnvoy('Envoy generic_proxy', {
  name: 'envoy.filters.network.generic_proxy',
  typed_config: {
    '@type': `${TYPES}.generic_proxy.v3.GenericProxy`,
    stat_prefix: 'benchmark',
    codec_config: {
      name: 'envoy.generic_proxy.codecs.dubbo',
      typed_config: { '@type': `${TYPES}.generic_proxy.codecs.dubbo.v3.DubboCodecConfig` },
    },
    route_config: {
      name: 'all',
      virtual_hosts: [
        {
          name: 'all',
          hosts: ['*'],
          routes: {
            matcher_list: {
              matchers: [
                {
                  predicate: {
                    single_predicate: {
                      input: {
                        name: 'envoy.matching.generic_proxy.input.host',
                        typed_config: { '@type': `${TYPES}.generic_proxy.matcher.v3.HostMatchInput` },
                      },
                      value_match: { safe_regex: { regex: '.*' } },
                    },
                  },
                  on_match: {
                    action: {
                      name: 'route',
                      typed_config: { '@type': `${TYPES}.generic_proxy.action.v3.RouteAction`, cluster: 'backend' },
                    },
                  },
                },
              ],
            },
          },
        },
      ],
    },
    filters: [
      {
        name: 'envoy.filters.generic.router',
        typed_config: { '@type': `${TYPES}.generic_proxy.router.v3.Router` },
      },
    ],
  },
})

function createEnvoy(name: string, filter: object): Peer {
  return {
    name,
    version: () => readVersion(findProgram('envoy'), ['--version'], /\/(\d[^/]*)\/\w+\/RELEASE/),
    async start(options) {
      const port = await findFreePort()
      const adminPort = await findFreePort()
      const file = join(options.folder, 'envoy.json')
      writeFileSync(file, JSON.stringify(bootstrap(port, adminPort, options, filter), undefined, 2))
      const args = ['-c', file, '--concurrency', '1', '--use-dynamic-base-id', '--log-level', 'warning']
      return startPeer({ name, command: findProgram('envoy')!, args, port, adminPort, folder: options.folder })
    },
  }
}

function bootstrap(port: number, adminPort: number, options: PeerOptions, filter: object): object {
  const backend = { socket_address: { address: '127.0.0.1', port_value: options.backendPort } }
  return {
    admin: { address: { socket_address: { address: '127.0.0.1', port_value: adminPort } } },
    static_resources: {
      listeners: [
        {
          name: 'benchmark',
          address: { socket_address: { address: '127.0.0.1', port_value: port } },
          filter_chains: [{ filters: [filter] }],
        },
      ],
      clusters: [
        {
          name: 'backend',
          type: 'STATIC',
          connect_timeout: '5s',
          load_assignment: {
            cluster_name: 'backend',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: backend } }] }],
          },
          circuit_breakers: {
            thresholds: [{ max_connections: 20000, max_requests: 20000, max_pending_requests: 20000 }],
          },
        },
      ],
    },
  }
}
