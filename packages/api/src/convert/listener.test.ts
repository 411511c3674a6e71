import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ListenerConfig } from '../model/index.ts'
import { parseBootstrap } from '../parse-bootstrap.ts'

const TCP = '"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: s'
const ADDRESS = 'address: {socket_address: {address: 127.0.0.1, port_value: 9}}'
const chains = (config: string) => `filter_chains: [{filters: [{name: any, typed_config: {${config}}}]}]`

const PROXY_FILTER = 'type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol'
const proxyFilter = (config: string) => `[{name: p, typed_config: {"@type": ${PROXY_FILTER}, ${config}}}]`
const identityRule = (type: number, key = 'principal') =>
  `{tlv_type: ${type}, on_tlv_present: {metadata_namespace: meltemi.client, key: ${key}}}`

describe('a listener', () => {
  test('carries tcp_proxy with one cluster, trying once and idling for an hour at most', () => {
    assert.deepEqual(accept(`${ADDRESS}, ${chains(`${TCP}, cluster: c`)}`).filter, {
      kind: 'tcp-proxy',
      statPrefix: 's',
      clusters: [{ cluster: 'c', weight: 1 }],
      idleTimeoutMs: 3_600_000,
      maxConnectAttempts: 1,
    })
  })

  test('carries tcp_proxy with weights', () => {
    const weighted = 'weighted_clusters: {clusters: [{name: c, weight: 1}, {name: c, weight: 3}]}'
    const { filter } = accept(`${ADDRESS}, ${chains(`${TCP}, ${weighted}, idle_timeout: 2s, max_connect_attempts: 3`)}`)
    assert.deepEqual(filter.kind === 'tcp-proxy' && filter.clusters.map(({ weight }) => weight), [1, 3])
    assert.deepEqual(filter.kind === 'tcp-proxy' && [filter.idleTimeoutMs, filter.maxConnectAttempts], [2000, 3])
  })

  test('without a name is called by its address', () => {
    assert.equal(accept(`${ADDRESS}, ${chains(`${TCP}, cluster: c`)}`).name, '127.0.0.1_9')
  })

  test('may say what is so anyway', () => {
    const text = `${ADDRESS}, ${chains(`${TCP}, cluster: c`)}`
    assert.deepEqual(accept(`${text}, enable_reuse_port: true, bind_to_port: true`), accept(text))
  })

  test('may believe one TLV of a PROXY header, whatever its type, that says who the client is', () => {
    const text = `${ADDRESS}, ${chains(`${TCP}, cluster: c`)}, listener_filters: `
    assert.equal(accept(text + proxyFilter('')).identityTlv, undefined)
    for (const type of [0, 208, 255]) {
      const { proxyProtocol, identityTlv } = accept(text + proxyFilter(`rules: [${identityRule(type)}]`))
      assert.deepEqual([proxyProtocol, identityTlv], [true, type])
    }
  })

  test('may have times for listener filters that it does not have, and for a handshake that it does not have', () => {
    const text = `${ADDRESS}, ${chains(`${TCP}, cluster: c`)}`
    const times = 'listener_filters_timeout: 0s, continue_on_listener_filters_timeout: true'
    const timed = text.replace('{filters', '{transport_socket_connect_timeout: 15s, filters')
    assert.deepEqual(accept(`${timed}, ${times}, max_connections_to_accept_per_socket_event: 1`), accept(text))
  })

  test('knows its direction', () => {
    const text = `${ADDRESS}, ${chains(`${TCP}, cluster: c`)}, traffic_direction: `
    const directions = ['UNSPECIFIED', 'INBOUND', 'OUTBOUND'].map((name) => accept(text + name).direction)
    assert.deepEqual(directions, ['unspecified', 'inbound', 'outbound'])
  })
})

describe('a wrong or unsupported listener is refused', () => {
  const good = chains(`${TCP}, cluster: c`)
  const cases: readonly (readonly [string, string])[] = [
    [good, 'address: address is required'],
    [ADDRESS, 'filter_chains: filter_chains is required'],
    [`${ADDRESS}, filter_chains: [{}]`, 'filter_chains[0].filters: filters is required'],
    [
      `${ADDRESS}, filter_chains: [{filters: [{name: f}]}]`,
      'filter_chains[0].filters[0].typed_config: typed_config is required',
    ],
    [
      `${ADDRESS}, ${good.replace(/\]$/, `, {filters: [{name: f, typed_config: {${TCP}, cluster: c}}]}]`)}`,
      'filter_chains[1]: more than one filter chain is not supported yet',
    ],
    [
      `${ADDRESS}, ${good.replace('{filters', '{filter_chain_match: {destination_port: 5}, filters')}`,
      'filter_chains[0].filter_chain_match: filter_chain_match is not supported yet',
    ],
    [
      `${ADDRESS}, ${good.replace('{filters', '{transport_socket: {name: tls}, filters')}`,
      'filter_chains[0].transport_socket.typed_config: typed_config is required',
    ],
    [
      `${ADDRESS}, ${chains('"@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager')}`,
      'filter_chains[0].filters[0].typed_config: network filter envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager is not supported yet',
    ],
    [
      `${ADDRESS}, ${chains(TCP)}`,
      'filter_chains[0].filters[0].typed_config: one of cluster, weighted_clusters is required',
    ],
    [
      `${ADDRESS}, ${chains(`${TCP}, cluster: c, hash_policy: [{source_ip: {}}]`)}`,
      'filter_chains[0].filters[0].typed_config.hash_policy: hash_policy is not supported yet',
    ],
    [
      `${ADDRESS}, ${good}, enable_reuse_port: false`,
      'enable_reuse_port: false is not supported, workers share the port',
    ],
    [
      `${ADDRESS}, ${good}, listener_filters: [{name: tls_inspector}]`,
      'listener_filters[0].typed_config: typed_config is required',
    ],
    [
      `${ADDRESS}, ${good}, listener_filters: [{name: x, typed_config: {"@type": a/b.C}}]`,
      'listener_filters[0].typed_config: listener filter b.C is not supported yet',
    ],
    [
      `${ADDRESS}, ${good}, listener_filters: ${proxyFilter(`rules: [${identityRule(208, 'name')}]`)}`,
      'listener_filters[0].typed_config.rules[0].on_tlv_present.key: expected principal: other TLVs are properties anyway',
    ],
    [
      `${ADDRESS}, ${good}, listener_filters: ${proxyFilter(`rules: [${identityRule(208)}, ${identityRule(209)}]`)}`,
      'listener_filters[0].typed_config.rules[1]: more than one rule is not supported',
    ],
    [
      `${ADDRESS}, ${good}, listener_filters: ${proxyFilter('')}, listener_filters_timeout: 0s`,
      'listener_filters_timeout: listener_filters_timeout is not supported with the proxy_protocol listener filter',
    ],
    [
      `${ADDRESS.replace('{address', '{protocol: UDP, address')}, ${good}`,
      'address.socket_address.protocol: UDP is not supported yet',
    ],
  ]
  for (const [text, expected] of cases) {
    test(expected, () => {
      const found = parse(text).problems.map((problem) => `${problem.path}: ${problem.message}`)
      assert.deepEqual(found, [`static_resources.listeners[0].${expected}`])
    })
  }
})

function parse(listener: string) {
  return parseBootstrap(`static_resources: {clusters: {name: c}, listeners: {${listener}}}`, 'file.yaml')
}

function accept(listener: string): ListenerConfig {
  const { config, problems } = parse(listener)
  assert.deepEqual(problems, [])
  return config?.listeners[0] ?? assert.fail('no listener')
}
