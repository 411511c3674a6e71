/** What sidecars need to know besides what Istio tells them: the cluster that EnvoyFilters have them get routes from. */

const CLUSTER = 'aeraki-xds'
const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext'
const LIMIT = { max_connections: 100_000, max_pending_requests: 100_000, max_requests: 100_000 }

/** A part of an Envoy bootstrap, which Istio merges into its own. Certificates are those that Istio gives sidecars. */
export function bootstrapConfig({ host, port }: { readonly host: string; readonly port: number }): object {
  const endpoint = { address: { socket_address: { address: host, port_value: port } } }
  const cluster = {
    name: CLUSTER,
    type: 'STRICT_DNS',
    connect_timeout: '1s',
    max_requests_per_connection: 1,
    circuit_breakers: {
      thresholds: [
        { priority: 'DEFAULT', ...LIMIT },
        { priority: 'HIGH', ...LIMIT },
      ],
    },
    http2_protocol_options: {},
    upstream_connection_options: { tcp_keepalive: { keepalive_time: 300 } },
    load_assignment: { cluster_name: CLUSTER, endpoints: [{ lb_endpoints: [{ endpoint }] }] },
    transport_socket: { name: 'envoy.transport_sockets.tls', typed_config: tlsContext() },
  }
  return { static_resources: { clusters: [cluster] } }
}

function tlsContext(): object {
  return {
    '@type': TLS,
    common_tls_context: {
      validation_context_sds_secret_config: { name: 'ROOTCA', sds_config: ofAgent() },
      tls_certificate_sds_secret_configs: [{ name: 'default', sds_config: ofAgent() }],
    },
  }
}

/** Istio's agent, which stands beside the sidecar. */
function ofAgent(): object {
  return {
    initial_fetch_timeout: '0s',
    resource_api_version: 'V3',
    api_config_source: {
      api_type: 'GRPC',
      transport_api_version: 'V3',
      set_node_on_first_message_only: true,
      grpc_services: [{ envoy_grpc: { cluster_name: 'sds-grpc' } }],
    },
  }
}
