import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseBootstrap } from '@meltemi/api'
import { type ConfigChange, NO_CHANGE } from '@meltemi/api/model'
import type { AdminReply } from '@meltemi/runtime'
import { LiveConfig } from '../config/live-config.ts'
import { configDumpRoute } from './config-dump.ts'
import type { ProxyInspector } from './inspector.ts'

const PROXY = 'type.googleapis.com/aeraki.meta_protocol_proxy'
const ENVOY = 'type.googleapis.com/envoy'
const UPDATED = '2026-01-02T03:04:05.006Z'
const CHANGED = '2026-01-02T03:14:05.006Z'
const TEXT = `
node: {id: node-1, cluster: c, metadata: {DB_PASSWORD: hunter2, region: eu}}
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 15000}}}
static_resources:
  listeners:
  - name: in
    address: {socket_address: {address: 0.0.0.0, port_value: 9090}}
    trafficDirection: INBOUND
    filter_chains:
    - filters:
      - name: any
        typed_config:
          "@type": ${PROXY}.v1alpha.MetaProtocolProxy
          statPrefix: s
          protocol: {name: p, codec: {name: p, config: {"@type": x/p.Codec, private_key: hunter2}}, multiplexing: true}
          idle_timeout: 0.25s
          route_config:
            name: table-1
            routes:
            - name: r
              match: {metadata: [{name: size, range_match: {start: 1, end: "2"}}, {name: auth-token, exact_match: hunter2}]}
              route: {cluster: a}
              request_mutation: [{key: authorization, value: hunter2}]
  - address: {socket_address: {address: "::1", port_value: 9091}}
    filter_chains:
    - filters:
      - name: any
        typed_config:
          "@type": type.googleapis.com/udpa.type.v1.TypedStruct
          type_url: ${PROXY}.v1alpha.MetaProtocolProxy
          value: {stat_prefix: s, protocol: {name: p, codec: {name: p}}, route_config: {name: table-2, routes: []}}
  - name: plain
    address: {socket_address: {address: "::1", port_value: 9092}}
    filter_chains:
    - filters:
      - {name: tcp, typed_config: {"@type": ${ENVOY}.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: a}}
  clusters:
  - name: a
    connectTimeout: 1.5s
    lb_policy: RING_HASH
    ring_hash_lb_config: {minimum_ring_size: 5}
    load_assignment: {cluster_name: a, endpoints: {lb_endpoints: {endpoint: {address: {socket_address: {address: ::1, port_value: 1}}}}}}
  - {name: outbound|80||b.c}
`

function ask(query: string, change: ConfigChange = NO_CHANGE): AdminReply {
  const { config, bootstrap, problems } = parseBootstrap(TEXT, 'b.yaml')
  assert.ok(config !== undefined, JSON.stringify(problems))
  const live = new LiveConfig(config, Date.parse(UPDATED))
  live.apply(change, (kind, name) => (name === 'unversioned' ? '' : `${kind} 7`), Date.parse(CHANGED))
  const inspector = { live, bootstrap, startedAtMs: Date.parse(UPDATED), secrets: () => [] } as Partial<ProxyInspector>
  const { handle } = configDumpRoute(inspector as ProxyInspector)
  return handle({ query: new URLSearchParams(query) } as Parameters<typeof handle>[0]) as AdminReply
}

// biome-ignore lint/suspicious/noExplicitAny: JSON of any shape
function configsOf(query: string, change?: ConfigChange): any[] {
  const { status, body } = ask(query, change)
  assert.equal(status, undefined, String(body))
  return JSON.parse(String(body)).configs ?? []
}

test('the dump has Envoy’s sections, each with its type', () => {
  assert.deepEqual(
    configsOf('').map((section) => Object.keys(section)),
    [
      ['@type', 'bootstrap', 'last_updated'],
      ['@type', 'static_clusters'],
      ['@type', 'static_listeners'],
      ['@type', 'static_route_configs'],
    ],
  )
  assert.deepEqual(
    configsOf('').map((section) => section['@type']),
    [
      `${ENVOY}.admin.v3.BootstrapConfigDump`,
      `${ENVOY}.admin.v3.ClustersConfigDump`,
      `${ENVOY}.admin.v3.ListenersConfigDump`,
      `${PROXY}.admin.v1alpha.RoutesConfigDump`,
    ],
  )
})

test('a cluster is shown as it was loaded, with the names and values that Envoy prints', () => {
  const [, { static_clusters }] = configsOf('')
  assert.deepEqual(static_clusters, [
    {
      cluster: {
        '@type': `${ENVOY}.config.cluster.v3.Cluster`,
        name: 'a',
        connect_timeout: '1.500s',
        lb_policy: 'RING_HASH',
        ring_hash_lb_config: { minimum_ring_size: '5' },
        load_assignment: {
          cluster_name: 'a',
          endpoints: [
            { lb_endpoints: [{ endpoint: { address: { socket_address: { address: '::1', port_value: 1 } } } }] },
          ],
        },
      },
      last_updated: UPDATED,
    },
    { cluster: { '@type': `${ENVOY}.config.cluster.v3.Cluster`, name: 'outbound|80||b.c' }, last_updated: UPDATED },
  ])
})

test('a listener is shown with its whole protocol proxy, and route tables a second time by themselves', () => {
  const [{ bootstrap }, , { static_listeners }, { static_route_configs }] = configsOf('')
  const { listener } = static_listeners[0]
  assert.deepEqual([listener['@type'], listener.name], [`${ENVOY}.config.listener.v3.Listener`, 'in'])
  assert.equal(listener.traffic_direction, 'INBOUND')
  const proxy = listener.filter_chains[0].filters[0].typed_config
  assert.deepEqual(
    [proxy['@type'], proxy.stat_prefix, proxy.protocol.multiplexing, proxy.idle_timeout],
    [`${PROXY}.v1alpha.MetaProtocolProxy`, 's', true, '0.250s'],
  )
  assert.deepEqual(proxy.route_config.routes[0].match.metadata[0].range_match, { start: '1', end: '2' })
  assert.deepEqual(
    static_route_configs.map(({ route_config }: { route_config: object }) => route_config),
    [
      { '@type': `${PROXY}.config.route.v1alpha.RouteConfiguration`, ...proxy.route_config },
      { '@type': `${PROXY}.config.route.v1alpha.RouteConfiguration`, name: 'table-2' },
    ],
  )
  const { '@type': _, ...withoutType } = listener
  assert.deepEqual(bootstrap.static_resources.listeners[0], withoutType)
  assert.deepEqual(bootstrap.admin.address.socket_address, { address: '127.0.0.1', port_value: 15000 })
})

test('no secret is in the dump, and everything else is', () => {
  const text = String(ask('').body)
  assert.ok(!text.includes('hunter2'))
  const [{ bootstrap }] = configsOf('')
  assert.deepEqual(bootstrap.node, {
    id: 'node-1',
    cluster: 'c',
    metadata: { DB_PASSWORD: '[redacted]', region: 'eu' },
  })
  const [route] = configsOf('resource=static_route_configs')[0].route_config.routes
  assert.deepEqual(route.request_mutation, [{ key: 'authorization', value: '[redacted]' }])
})

test('name_regex is for whole names, of clusters, listeners and route tables, given ones and those that the proxy gives', () => {
  const namesOf = (query: string) =>
    configsOf(query)
      .flatMap((section) => Object.values(section))
      .filter(Array.isArray)
      .map((items) => items.map((item) => (item.cluster ?? item.listener ?? item.route_config).name))
  assert.deepEqual(namesOf('name_regex=a'), [['a'], [], []])
  assert.deepEqual(namesOf('name_regex=.*[an]'), [['a'], ['in', 'plain'], []])
  assert.deepEqual(namesOf('name_regex=table.*'), [[], [], ['table-1', 'table-2']])
  assert.deepEqual(namesOf('name_regex='), namesOf(''))
  assert.equal(configsOf('resource=static_listeners&name_regex=::1_9091').length, 1)
  assert.deepEqual(ask('name_regex=(').status, 400)
})

test('resource gives the items of one list with their type; of what is always empty nothing', () => {
  const items = configsOf('resource=static_clusters&name_regex=out.*')
  assert.deepEqual(
    items.map((item) => [item['@type'], item.cluster.name]),
    [[`${ENVOY}.admin.v3.ClustersConfigDump.StaticCluster`, 'outbound|80||b.c']],
  )
  assert.equal(
    configsOf('resource=static_route_configs')[0]['@type'],
    `${PROXY}.admin.v1alpha.RoutesConfigDump.StaticRouteConfig`,
  )
  assert.deepEqual(JSON.parse(String(ask('resource=dynamic_listeners').body)), {})
  assert.deepEqual(ask('resource=nope'), { status: 404, body: 'nope not found in config dump\n' })
  const single = ask('resource=bootstrap')
  assert.deepEqual(
    [single.status, single.body],
    [400, 'bootstrap is not a repeated field. Use ?mask=bootstrap to get only this field\n'],
  )
})

test('mask keeps some fields, of sections and of the items of a resource', () => {
  assert.deepEqual(configsOf('mask=bootstrap.node.id'), [
    { '@type': `${ENVOY}.admin.v3.BootstrapConfigDump`, bootstrap: { node: { id: 'node-1' } } },
  ])
  assert.deepEqual(
    configsOf('resource=static_clusters&mask=cluster.name').map(({ cluster }) => cluster),
    ['a', 'outbound|80||b.c'].map((name) => ({ '@type': `${ENVOY}.config.cluster.v3.Cluster`, name })),
  )
  assert.equal(ask('mask=nope').status, 400)
})

const source = { kind: 'ads', initialFetchTimeoutMs: 15_000 } as const

/** Of what has come since the start: a cluster with endpoints, routes, and a listener that uses them. */
function laterChange(): ConfigChange {
  const { config } = parseBootstrap(TEXT, 'b.yaml')
  const [cluster] = config?.clusters ?? []
  const [listener] = config?.listeners ?? []
  assert.ok(cluster && listener?.filter.kind === 'meta-protocol')
  const route = listener.filter.routes.routes[0]!
  const rds = { routeConfigName: 'later-routes', source }
  const eds = { serviceName: 'dynamic', source }
  return {
    ...NO_CHANGE,
    clusters: [
      { ...cluster, name: 'dynamic', statName: 'dynamic', discovery: 'eds', eds, endpoints: [] },
      { ...cluster, name: 'unversioned', statName: 'unversioned' },
    ],
    endpoints: [
      {
        cluster: 'dynamic',
        endpoints: [{ address: { host: '10.0.0.9', port: 99 }, hostname: '', weight: 3, healthy: true }],
      },
    ],
    routes: [{ key: 'ads/later-routes', table: { name: 'later-routes', routes: [{ ...route, name: 'later' }] } }],
    listeners: [
      {
        ...listener,
        name: 'later',
        address: { host: '127.0.0.1', port: 9 },
        filter: { ...listener.filter, routes: { name: '', routes: [] }, rds },
      },
    ],
  }
}

test('what has come since is shown as Envoy shows what comes over xDS, with version and time', () => {
  const [, clusters, listeners, routes] = configsOf('', laterChange())
  assert.deepEqual(
    [clusters.version_info, clusters.static_clusters.length, clusters.dynamic_active_clusters.length],
    ['cluster 7', 2, 2],
  )
  const [dynamic, unversioned] = clusters.dynamic_active_clusters
  assert.deepEqual(
    [dynamic.version_info, dynamic.last_updated, dynamic.cluster['@type'], dynamic.cluster.name, dynamic.cluster.type],
    ['cluster 7', CHANGED, `${ENVOY}.config.cluster.v3.Cluster`, 'dynamic', 'EDS'],
  )
  assert.deepEqual(Object.keys(unversioned), ['cluster', 'last_updated'])
  const [later] = listeners.dynamic_listeners
  assert.deepEqual([later.name, later.active_state.version_info], ['later', 'listener 7'])
  const { listener } = later.active_state
  assert.equal(listener.filter_chains[0].filters[0].typed_config.rds.route_config_name, 'later-routes')
  const [table] = routes.dynamic_route_configs
  assert.deepEqual(
    [table.version_info, table.route_config['@type'], table.route_config.name, table.route_config.routes[0].name],
    ['routes 7', `${PROXY}.config.route.v1alpha.RouteConfiguration`, 'later-routes', 'later'],
  )
  assert.equal(routes.static_route_configs.length, 2)
  assert.ok(!String(ask('', laterChange()).body).includes('hunter2'))
})

test('endpoints are shown when they are asked for, given ones as dynamic', () => {
  const [, , endpoints] = configsOf('include_eds', laterChange())
  assert.equal(endpoints['@type'], `${ENVOY}.admin.v3.EndpointsConfigDump`)
  const [dynamic] = endpoints.dynamic_endpoint_configs
  assert.deepEqual([dynamic.version_info, dynamic.endpoint_config.cluster_name], ['endpoints 7', 'dynamic'])
  assert.equal(dynamic.endpoint_config.endpoints[0].lb_endpoints[0].load_balancing_weight, 3)
  const names = endpoints.static_endpoint_configs.map((item: { endpoint_config: { cluster_name: string } }) => {
    return item.endpoint_config.cluster_name
  })
  assert.deepEqual(names, ['a', 'outbound|80||b.c', 'unversioned'])
  const items = configsOf('resource=dynamic_endpoint_configs&name_regex=dyn.*', laterChange())
  assert.deepEqual(
    items.map((item) => item['@type']),
    [`${ENVOY}.admin.v3.EndpointsConfigDump.DynamicEndpointConfig`],
  )
})

test('what has gone is not shown any more', () => {
  const change = laterChange()
  assert.equal(configsOf('resource=dynamic_listeners', change).length, 1)
  assert.equal(configsOf('resource=dynamic_listeners&name_regex=other', change).length, 0)
  const gone = { ...NO_CHANGE, clustersRemoved: ['a'] }
  assert.equal(configsOf('include_eds', gone)[2].static_endpoint_configs.length, 1)
})
