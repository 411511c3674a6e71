import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from 'yaml'
import { bootstrapConfig } from './bootstrap-config.ts'

const SDS = `
    initial_fetch_timeout: 0s
    resource_api_version: V3
    api_config_source:
      api_type: GRPC
      transport_api_version: V3
      set_node_on_first_message_only: true
      grpc_services: [{ envoy_grpc: { cluster_name: sds-grpc } }]
`
const GOLDEN = `
static_resources:
  clusters:
  - name: aeraki-xds
    type: STRICT_DNS
    connect_timeout: 1s
    max_requests_per_connection: 1
    circuit_breakers:
      thresholds:
      - { priority: DEFAULT, max_connections: 100000, max_pending_requests: 100000, max_requests: 100000 }
      - { priority: HIGH, max_connections: 100000, max_pending_requests: 100000, max_requests: 100000 }
    http2_protocol_options: {}
    upstream_connection_options: { tcp_keepalive: { keepalive_time: 300 } }
    load_assignment:
      cluster_name: aeraki-xds
      endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: aeraki.istio-system, port_value: 15010 } } } }] }]
    transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        common_tls_context:
          validation_context_sds_secret_config: { name: ROOTCA }
          tls_certificate_sds_secret_configs: [{ name: default }]
`

test('sidecars are told where routes come from, over TLS with the certificates that Istio gives them', () => {
  const wanted = parse(GOLDEN)
  const { common_tls_context: tls } = wanted.static_resources.clusters[0].transport_socket.typed_config
  tls.validation_context_sds_secret_config.sds_config = parse(SDS)
  tls.tls_certificate_sds_secret_configs[0].sds_config = parse(SDS)
  assert.deepEqual(bootstrapConfig({ host: 'aeraki.istio-system', port: 15010 }), wanted)
})
