import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create, createRegistry, fromJson, type JsonObject } from '@bufbuild/protobuf'
import { file_aeraki_meta_protocol_proxy_filters_router_v1alpha_router } from '../gen/aeraki/meta_protocol_proxy/filters/router/v1alpha/router_pb.ts'
import { file_aeraki_meta_protocol_proxy_v1alpha_meta_protocol_proxy } from '../gen/aeraki/meta_protocol_proxy/v1alpha/meta_protocol_proxy_pb.ts'
import { BootstrapSchema } from '../gen/envoy/config/bootstrap/v3/bootstrap_pb.ts'
import { Cluster_RingHashLbConfigSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.ts'
import { parseBootstrap } from '../parse-bootstrap.ts'

const TEXT = `
node: {id: n, metadata: {a: {b: [1, null, x]}}}
layeredRuntime: {layers: [{name: static, static_layer: {envoy.resource_limits.listener.l.connection_limit: 3}}]}
static_resources:
  listeners:
    name: l
    address: {socketAddress: {address: 127.0.0.1, portValue: 1}}
    enable_reuse_port: true
    per_connection_buffer_limit_bytes: "7"
    filter_chains:
      filters:
        name: any
        typed_config:
          "@type": type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy
          stat_prefix: s
          protocol: {name: p, codec: {name: c}}
          idle_timeout: 1.000000002s
          request_timeout: 30.5s
          route_config: {routes: [{match: {metadata: [{name: n, range_match: {end: 9007199254740993}}]}, route: {cluster: c, timeout: 2s}}]}
          meta_protocol_filters:
          - name: r
            config: {"@type": type.googleapis.com/aeraki.meta_protocol_proxy.filters.router.v1alpha.Router}
  clusters:
  - {name: c, type: 1, connect_timeout: 0.5s, lb_policy: RING_HASH, ring_hash_lb_config: {minimum_ring_size: 5}, common_lb_config: {healthy_panic_threshold: {value: 12.5}}}
`
const registry = createRegistry(
  file_aeraki_meta_protocol_proxy_v1alpha_meta_protocol_proxy,
  file_aeraki_meta_protocol_proxy_filters_router_v1alpha_router,
)

function parse(text: string) {
  const { config, bootstrap, problems } = parseBootstrap(text, 'b.yaml')
  assert.deepEqual(problems, [])
  return { config, bootstrap }
}

test('a bootstrap in proto JSON is the same one: to us, and to protobuf itself', () => {
  const { config, bootstrap } = parse(TEXT)
  assert.deepEqual(parse(JSON.stringify(bootstrap)), { config, bootstrap })
  const message = fromJson(BootstrapSchema, bootstrap as JsonObject, { registry })
  const [cluster] = message.staticResources?.clusters ?? []
  assert.deepEqual(cluster?.lbConfig.value, create(Cluster_RingHashLbConfigSchema, { minimumRingSize: 5n }))
  assert.equal(cluster?.connectTimeout?.nanos, 500_000_000)
  assert.equal(message.staticResources?.listeners[0]?.perConnectionBufferLimitBytes, 7)
})

test('proto JSON has the names of the .proto files, wide numbers as texts, and durations with as many digits as needed', () => {
  const { bootstrap } = parse(TEXT)
  const text = JSON.stringify(bootstrap)
  for (const part of [
    '"socket_address":{"address":"127.0.0.1","port_value":1}',
    '"idle_timeout":"1.000000002s"',
    '"request_timeout":"30.500s"',
    '"timeout":"2s"',
    '"range_match":{"end":"9007199254740993"}',
    '"type":"STRICT_DNS"',
    '"metadata":{"a":{"b":[1,null,"x"]}}',
  ]) {
    assert.ok(text.includes(part), `${part} in ${text}`)
  }
})
