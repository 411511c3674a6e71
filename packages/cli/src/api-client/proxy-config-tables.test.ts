import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CONFIG_TABLES } from './proxy-config-tables.ts'

test('routes: what matches, where it goes by weight, and what is mirrored', () => {
  const table = {
    name: 'greeter_9090',
    virtual_hosts: [
      {
        routes: [
          {
            name: 'canary',
            match: { prefix: '/', headers: [{ name: 'user', exact_match: 'x' }] },
            route: {
              weighted_clusters: {
                clusters: [
                  { name: 'a', weight: 90 },
                  { name: 'b', weight: 10 },
                ],
              },
            },
          },
          {
            name: 'all',
            match: { prefix: '/' },
            route: {
              cluster: 'a',
              request_mirror_policies: [
                { cluster: 'b', runtime_fraction: { default_value: { numerator: 505_000, denominator: 'MILLION' } } },
              ],
            },
          },
        ],
      },
    ],
  }
  assert.deepEqual(CONFIG_TABLES.routes([table]).rows, [
    ['greeter_9090', 'canary', 'user: "exact_match":"x"', 'a (90), b (10)', ''],
    ['greeter_9090', 'all', 'everything', 'a', 'b (50.5 %)'],
  ])
})

test('listeners: the address, the protocol, and where its messages go', () => {
  const listener = (config: unknown) => ({
    name: 'x',
    address: { socket_address: { address: '::1', port_value: 9090 } },
    filter_chains: [{ filters: [{ typed_config: config }] }],
  })
  const rows = CONFIG_TABLES.listeners([
    listener({ protocol: { name: 'thrift' }, rds: { route_config_name: 'greeter_9090' } }),
    listener({ cluster: 'outbound|9090||greeter' }),
  ]).rows
  assert.deepEqual(rows, [
    ['x', '[::1]:9090', 'thrift', 'greeter_9090', ''],
    ['x', '[::1]:9090', 'tcp', undefined, 'outbound|9090||greeter'],
  ])
})

test('clusters by the parts of their names, and endpoints with their state', () => {
  const policies = [{ typed_extension_config: { name: 'envoy.load_balancing_policies.peak_ewma' } }]
  const clusters = [
    { name: 'outbound|9090|v1|a.b', type: 'EDS', lb_policy: 'RING_HASH' },
    { name: 'own' },
    { name: 'quick', load_balancing_policy: { policies } },
  ]
  assert.deepEqual(CONFIG_TABLES.clusters(clusters).rows, [
    ['a.b', '9090', 'v1', 'outbound', 'EDS', 'RING_HASH'],
    ['own', '', '', '', 'STATIC', 'ROUND_ROBIN'],
    ['quick', '', '', '', 'STATIC', 'PEAK_EWMA'],
  ])
  const address = { socket_address: { address: '10.0.0.1', port_value: 1 } }
  const assignment = {
    cluster_name: 'c',
    endpoints: [
      {
        lb_endpoints: [
          { endpoint: { address }, health_status: 'UNHEALTHY', load_balancing_weight: 3 },
          { endpoint: { address } },
        ],
      },
    ],
  }
  assert.deepEqual(CONFIG_TABLES.endpoints([assignment]).rows, [
    ['10.0.0.1:1', 'UNHEALTHY', 3, 'c'],
    ['10.0.0.1:1', 'HEALTHY', 1, 'c'],
  ])
})

test('what is not there leaves a cell empty', () => {
  for (const table of Object.values(CONFIG_TABLES)) {
    for (const config of [{}, { virtual_hosts: 7 }, { filter_chains: [null] }, { endpoints: [{}] }]) {
      assert.doesNotThrow(() => table([config]), JSON.stringify(config))
    }
  }
})
