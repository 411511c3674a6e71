import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { formatProblem, type MetaProtocolConfig } from '../model/index.ts'
import { parseBootstrap } from '../parse-bootstrap.ts'

const XDS = '{name: xds, type: STATIC, http2_protocol_options: {}}'
const GRPC = 'grpc_services: [{envoy_grpc: {cluster_name: xds}}]'
const ADS = `ads_config: {api_type: DELTA_GRPC, transport_api_version: V3, set_node_on_first_message_only: true, ${GRPC}}`

describe('dynamic_resources', () => {
  test('name one stream for everything, which listeners and clusters come by', () => {
    const config = accept(
      `dynamic_resources: {${ADS}, lds_config: {resource_api_version: V3, ads: {}}, cds_config: {ads: {}, initial_fetch_timeout: 3s}}`,
    )
    assert.deepEqual(config.dynamic, {
      ads: { cluster: 'xds', delta: true },
      listeners: { kind: 'ads', initialFetchTimeoutMs: 15_000 },
      clusters: { kind: 'ads', initialFetchTimeoutMs: 3_000 },
    })
  })

  test('may name a service of their own for each, state-of-the-world or delta', () => {
    const source = (type: string) => `{api_config_source: {api_type: ${type}, ${GRPC}}}`
    const { dynamic } = accept(
      `dynamic_resources: {lds_config: ${source('GRPC')}, cds_config: ${source('DELTA_GRPC')}}`,
    )
    const grpc = (delta: boolean) => ({ kind: 'grpc', api: { cluster: 'xds', delta }, initialFetchTimeoutMs: 15_000 })
    assert.deepEqual(dynamic, { ads: undefined, listeners: grpc(false), clusters: grpc(true) })
  })

  test('keep limits of connections for listeners that are still to come', () => {
    const layers =
      "layered_runtime: {layers: [{name: a, static_layer: {'envoy.resource_limits.listener.l.connection_limit': 7}}]}"
    const { dynamic } = accept(`dynamic_resources: {${ADS}, lds_config: {ads: {}}}\n${layers}`)
    assert.deepEqual(dynamic.connectionLimits, new Map([['l', 7]]))
  })

  test('are refused where they lead to nobody', () => {
    const cases: readonly (readonly [string, string])[] = [
      ['lds_config: {ads: {}}', 'lds_config.ads: there is no dynamic_resources.ads_config to ask'],
      [
        `ads_config: {api_type: GRPC, grpc_services: [{envoy_grpc: {cluster_name: other}}]}`,
        'ads_config.grpc_services[0].envoy_grpc.cluster_name: there is no cluster "other" in the bootstrap with endpoints of its own',
      ],
      [`ads_config: {api_type: REST, ${GRPC}}`, 'ads_config.api_type: expected GRPC or DELTA_GRPC, got REST'],
      ['ads_config: {api_type: GRPC}', 'ads_config.grpc_services: grpc_services is required'],
      [
        `ads_config: {api_type: GRPC, transport_api_version: V2, ${GRPC}}`,
        'ads_config.transport_api_version: expected V3, got V2',
      ],
      ['cds_config: {path: /a}', 'cds_config.path: path is not supported yet'],
      ['cds_config: {self: {}}', 'cds_config.self: self is not supported yet'],
    ]
    for (const [text, expected] of cases)
      assert.deepEqual(errors(`dynamic_resources: {${text}}`), [`dynamic_resources.${expected}`])
  })

  test('need a node with an id, by which a control plane knows the proxy', () => {
    const text = `dynamic_resources: {${ADS}}\nstatic_resources: {clusters: [${XDS}]}`
    for (const node of ['', 'node: {}\n', 'node: {cluster: c}\n']) {
      const found = parseBootstrap(node + text, '').problems.map(formatProblem)
      assert.match(found.join(), /node.* is required/)
    }
  })
})

describe('a cluster of type EDS', () => {
  test('knows whom to ask for which service, its own name being the default', () => {
    const eds = (rest: string) => ({ ...clusterOf(`type: EDS, eds_cluster_config: {eds_config: {ads: {}}${rest}}`) })
    const source = { kind: 'ads', initialFetchTimeoutMs: 15_000 }
    assert.deepEqual(eds('').eds, { serviceName: 'c', source })
    assert.deepEqual(eds(', service_name: s').eds, { serviceName: 's', source })
    assert.equal(eds('').discovery, 'eds')
  })

  test('has no endpoints of its own, and others have no source', () => {
    const one = (cluster: string) =>
      errors(`dynamic_resources: {${ADS}}\n`, `{name: c, ${cluster}}`).map((line) =>
        line.replace('static_resources.clusters[1].', ''),
      )
    assert.deepEqual(one('type: EDS'), ['eds_cluster_config: eds_cluster_config is required'])
    assert.deepEqual(one('type: EDS, eds_cluster_config: {service_name: s}'), [
      'eds_cluster_config.eds_config: eds_config is required',
    ])
    assert.deepEqual(
      one('type: EDS, eds_cluster_config: {eds_config: {ads: {}}}, load_assignment: {cluster_name: c}'),
      ['load_assignment: load_assignment needs type STATIC, STRICT_DNS or LOGICAL_DNS'],
    )
    assert.deepEqual(one('type: STATIC, eds_cluster_config: {eds_config: {ads: {}}}'), [
      'eds_cluster_config: eds_cluster_config needs type EDS',
    ])
  })
})

describe('a cluster that speaks HTTP/2', () => {
  const typed = (inside: string) =>
    `typed_extension_protocol_options: {x: {"@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, ${inside}}}`

  test('says so in the old way or the new one', () => {
    assert.equal(clusterOf('http2_protocol_options: {}').http2, true)
    assert.equal(clusterOf(typed('explicit_http_config: {http2_protocol_options: {}}')).http2, true)
    assert.equal(clusterOf('type: STATIC').http2, false)
  })

  test('in one way only, without settings, and nothing but HTTP/2', () => {
    const one = (cluster: string) =>
      errors('', `{name: c, ${cluster}}`).map((line) => line.replace(/^.*clusters\[1\]\./, ''))
    const at = 'typed_extension_protocol_options["x"]'
    assert.deepEqual(
      one(`http2_protocol_options: {}, ${typed('explicit_http_config: {http2_protocol_options: {}}')}`),
      ['http2_protocol_options: is said in typed_extension_protocol_options already'],
    )
    assert.deepEqual(one('http2_protocol_options: {allow_connect: true}'), [
      'http2_protocol_options.allow_connect: allow_connect is not supported yet',
    ])
    assert.deepEqual(one(typed('auto_config: {}')), [`${at}.auto_config: auto_config is not supported yet`])
    assert.deepEqual(one('typed_extension_protocol_options: {x: {"@type": x/a.B}}'), [
      `${at}: protocol options "x" are not supported yet`,
    ])
  })
})

test('rds of a listener leaves its routes empty and says where they come from', () => {
  const rds =
    'rds: {routeConfigName: r, configSource: {resourceApiVersion: V3, apiConfigSource: {apiType: GRPC, transportApiVersion: V3, grpcServices: [{envoyGrpc: {clusterName: xds}}]}}}'
  const filter = accept(listenerWith(rds)).listeners[0]?.filter as MetaProtocolConfig
  assert.deepEqual(filter.routes, { name: '', routes: [] })
  const source = { kind: 'grpc', api: { cluster: 'xds', delta: false }, initialFetchTimeoutMs: 15_000 }
  assert.deepEqual(filter.rds, { routeConfigName: 'r', source })
  const nameless = errors(listenerWith(rds.replace('routeConfigName: r, ', '')))
  assert.match(nameless.join(), /rds\.route_config_name: route_config_name is required$/)
})

test('a module by digest is not for bootstrap files', () => {
  const codec = `route_config: {}, protocol: {name: p, codec: {name: c, module_digest: ${'a'.repeat(64)}}}`
  const found = errors(listenerWith(codec, ''))
  assert.match(found.join(), /module_digest: modules by digest come with the listeners of a control plane only$/)
})

function listenerWith(inside: string, protocol = 'protocol: {name: p, codec: {name: c}}, '): string {
  const typed = `"@type": type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy, stat_prefix: s, ${protocol}${inside}`
  return `  listeners: [{name: l, address: {socket_address: {address: 127.0.0.1, port_value: 0}}, filter_chains: [{filters: [{name: f, typed_config: {${typed}}}]}]}]\n`
}

function parse(text: string, cluster: string) {
  const isListener = text.startsWith('  listeners')
  const resources = `static_resources:\n  clusters: [${[XDS, cluster].filter((each) => each !== '').join(', ')}]\n${isListener ? text : ''}`
  return parseBootstrap(`node: {id: n}\n${resources}${isListener ? '' : text}`, '')
}

function accept(text: string) {
  const { config, problems } = parse(text, '')
  assert.deepEqual(problems, [])
  return config ?? assert.fail('no configuration')
}

function clusterOf(settings: string) {
  const { config, problems } = parse(`dynamic_resources: {${ADS}}\n`, `{name: c, ${settings}}`)
  assert.deepEqual(problems, [])
  return config?.clusters[1] ?? assert.fail('no cluster')
}

/** Errors as `path: message`. */
function errors(text: string, cluster = ''): readonly string[] {
  const found = parse(text, cluster).problems.filter((problem) => problem.severity === 'error')
  return found.map((problem) => `${problem.path}: ${problem.message}`)
}
