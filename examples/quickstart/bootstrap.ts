/** The proxy's configuration: per protocol one listener and a route that sends 80 % to v1 and 20 % to v2. */

export interface Sample {
  readonly protocol: 'thrift' | 'awesomerpc'
  readonly listenPort: number
  /** Ports of the two versions. */
  readonly versions: Readonly<Record<'v1' | 'v2', number>>
}

export const WEIGHTS = { v1: 80, v2: 20 } as const

/** An Envoy v3 bootstrap, as JSON. */
export function bootstrap(samples: readonly Sample[], adminPort: number): string {
  const config = {
    admin: { address: address(adminPort) },
    static_resources: {
      listeners: samples.map(listener),
      clusters: samples.flatMap((sample) => [cluster(sample, 'v1'), cluster(sample, 'v2')]),
    },
  }
  return JSON.stringify(config, null, 2)
}

function listener({ protocol, listenPort }: Sample): object {
  const clusters = (['v1', 'v2'] as const).map((version) => ({
    name: `${protocol}-${version}`,
    weight: WEIGHTS[version],
  }))
  const proxy = {
    '@type': 'type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy',
    stat_prefix: `${protocol}-hello`,
    protocol: { name: protocol, codec: { name: `aeraki.meta_protocol.codec.${protocol}` }, multiplexing: true },
    route_config: { name: 'hello', routes: [{ name: 'canary', route: { weighted_clusters: { clusters } } }] },
  }
  const filter = { name: 'aeraki.meta_protocol_proxy', typed_config: proxy }
  return { name: protocol, address: address(listenPort), filter_chains: [{ filters: [filter] }] }
}

function cluster({ protocol, versions }: Sample, version: 'v1' | 'v2'): object {
  const name = `${protocol}-${version}`
  const endpoint = { endpoint: { address: address(versions[version]) } }
  const load_assignment = { cluster_name: name, endpoints: [{ lb_endpoints: [endpoint] }] }
  return { name, type: 'STATIC', connect_timeout: '1s', load_assignment }
}

function address(port: number): object {
  return { socket_address: { address: '127.0.0.1', port_value: port } }
}
