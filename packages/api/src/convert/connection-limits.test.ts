import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseBootstrap } from '../parse-bootstrap.ts'

test('a connection limit in the runtime is its listener’s, in either form, and the last layer wins', () => {
  const whole = '{name: a, static_layer: {envoy.resource_limits.listener.l.connection_limit: 5}}'
  const nested = '{name: b, static_layer: {envoy: {resource_limits: {listener: {l: {connection_limit: 7}}}}}}'
  assert.equal(parse(whole).config?.listeners[0]?.maxConnections, 5)
  assert.equal(parse(`${whole}, ${nested}`).config?.listeners[0]?.maxConnections, 7)
  assert.equal(parse('{name: a, static_layer: {}}').config?.listeners[0]?.maxConnections, 0)
})

test('anything else in the runtime is refused', () => {
  const cases: readonly (readonly [string, string])[] = [
    [
      'static_layer: {envoy.resource_limits.listener.l.connection_limit: 0}',
      'static_layer: envoy.resource_limits.listener.l.connection_limit must be a whole number from 1 to 4294967295',
    ],
    [
      'static_layer: {envoy.resource_limits.listener.m.connection_limit: 1}',
      'static_layer: there is no listener "m" to limit',
    ],
    [
      'static_layer: {upstream: {healthy_panic_threshold: 5}}',
      'static_layer: runtime key upstream.healthy_panic_threshold is not supported yet',
    ],
    ['disk_layer: {symlink_root: /a}', 'disk_layer: disk_layer is not supported yet'],
  ]
  for (const [text, expected] of cases) {
    const { problems } = parse(`{name: a, ${text}}`)
    assert.deepEqual(
      problems.map((problem) => `${problem.path}: ${problem.message}`),
      [`layered_runtime.layers[0].${expected}`],
    )
  }
})

function parse(layers: string) {
  return parseBootstrap(
    `
layered_runtime: {layers: [${layers}]}
static_resources:
  clusters: {name: c}
  listeners:
    name: l
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
      filters:
        name: any
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
          stat_prefix: s
          cluster: c
`,
    'file.yaml',
  )
}
