/** Parts of configurations of Envoys that play Istio's proxies: connections are copied as they are. */

export interface TcpListenerOptions {
  readonly address?: string
  /** Further fields of its filter, of its filter chain, and of itself. */
  readonly filter?: object
  readonly chain?: object
  readonly more?: object
}

export interface EnvoyConfig {
  readonly listeners: readonly object[]
  readonly clusters: readonly object[]
}

export function envoyBootstrap(parts: EnvoyConfig): object {
  return { static_resources: parts }
}

export function typeUrl(name: string): string {
  return `type.googleapis.com/envoy.extensions.${name}`
}

/** Of all that it accepts to one cluster. */
export function tcpListener(port: number, cluster: string, options: TcpListenerOptions = {}): object {
  const type = { '@type': typeUrl('filters.network.tcp_proxy.v3.TcpProxy') }
  const filter = { name: 'tcp', typed_config: { ...type, stat_prefix: 'tcp', cluster, ...options.filter } }
  const filter_chains = [{ filters: [filter], ...options.chain }]
  return { name: `${cluster}-${port}`, address: at(port, options.address), filter_chains, ...options.more }
}

export function staticCluster(name: string, port: number, transport_socket?: object): object {
  const endpoints = [{ lb_endpoints: [{ endpoint: { address: at(port) } }] }]
  const cluster = { name, load_assignment: { cluster_name: name, endpoints } }
  return transport_socket === undefined ? cluster : { ...cluster, transport_socket }
}

export function tlsSocket(side: 'Upstream' | 'Downstream', common_tls_context: object, more: object): object {
  const typed_config = { '@type': typeUrl(`transport_sockets.tls.v3.${side}TlsContext`), common_tls_context, ...more }
  return { name: 'envoy.transport_sockets.tls', typed_config }
}

/** Says in a PROXY header of version 2 who is connected to Envoy; `config` says which TLVs. */
export function proxyHeaderSocket(config: object): object {
  const raw = { '@type': typeUrl('transport_sockets.raw_buffer.v3.RawBuffer') }
  const typed_config = {
    '@type': typeUrl('transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport'),
    config: { version: 'V2', ...config },
    transport_socket: { name: 'envoy.transport_sockets.raw_buffer', typed_config: raw },
  }
  return { name: 'envoy.transport_sockets.upstream_proxy_protocol', typed_config }
}

function at(port_value: number, address = '127.0.0.1'): object {
  return { socket_address: { address, port_value } }
}
