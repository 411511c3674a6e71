import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ClusterConfig } from '../model/index.ts'
import { parseBootstrap } from '../parse-bootstrap.ts'

const POLICY = 'type.googleapis.com/envoy.extensions.load_balancing_policies'

function parse(settings: string) {
  return parseBootstrap(`static_resources: {clusters: [{name: c, ${settings}}]}`, 'file.yaml')
}

function accept(settings: string): ClusterConfig {
  const { config, problems } = parse(settings)
  assert.deepEqual(problems, [])
  return config?.clusters[0] ?? assert.fail('no cluster')
}

/** `path: message` of each problem, the path inside of the cluster. */
function faults(settings: string): readonly string[] {
  const { config, problems } = parse(settings)
  assert.equal(config, undefined)
  return problems.map(({ path, message }) => `${path.replace('static_resources.clusters[0].', '')}: ${message}`)
}

function policy(type: string, settings = ''): string {
  return `{typed_extension_config: {name: any, typed_config: {"@type": ${POLICY}.${type}, ${settings}}}}`
}

function policies(...list: readonly string[]): string {
  return `load_balancing_policy: {policies: [${list}]}`
}

describe('slow start', () => {
  test('belongs to round robin and least request, with Envoy’s defaults', () => {
    assert.deepEqual(accept('round_robin_lb_config: {slow_start_config: {slow_start_window: 30s}}').loadBalancer, {
      kind: 'round-robin',
      slowStart: { windowMs: 30_000, aggression: 1, minWeightPercent: 10 },
    })
    const settings = `slow_start_window: 1.5s, min_weight_percent: {value: 5},
      aggression: {default_value: 2, runtime_key: upstream.aggression}`
    const least = `choice_count: 3, active_request_bias: {default_value: 0.5, runtime_key: b}`
    assert.deepEqual(
      accept(`lb_policy: LEAST_REQUEST, least_request_lb_config: {${least}, slow_start_config: {${settings}}}`)
        .loadBalancer,
      {
        kind: 'least-request',
        choiceCount: 3,
        activeRequestBias: 0.5,
        slowStart: { windowMs: 1_500, aggression: 2, minWeightPercent: 5 },
      },
    )
    assert.deepEqual(accept('round_robin_lb_config: {}').loadBalancer, { kind: 'round-robin' })
  })

  test('needs a window, and an aggression above 0', () => {
    assert.deepEqual(faults('round_robin_lb_config: {slow_start_config: {}}'), [
      'round_robin_lb_config.slow_start_config.slow_start_window: slow_start_window is required',
    ])
    assert.deepEqual(
      faults(
        'round_robin_lb_config: {slow_start_config: {slow_start_window: 1s, aggression: {default_value: 0, runtime_key: a}}}',
      ),
      ['round_robin_lb_config.slow_start_config.aggression: must be more than 0, got 0'],
    )
    assert.deepEqual(
      faults(
        'lb_policy: LEAST_REQUEST, least_request_lb_config: {active_request_bias: {default_value: -1, runtime_key: a}}',
      ),
      ['least_request_lb_config.active_request_bias: must be at least 0, got -1'],
    )
  })
})

describe('localities', () => {
  test('are balanced by weight or by zone, or not at all', () => {
    assert.equal(accept('common_lb_config: {}').localityLb, undefined)
    assert.deepEqual(accept('common_lb_config: {locality_weighted_lb_config: {}}').localityLb, { kind: 'weighted' })
    assert.deepEqual(accept('common_lb_config: {zone_aware_lb_config: {}}').localityLb, {
      kind: 'zone-aware',
      routingEnabledPercent: 100,
      minClusterSize: 6,
      failTrafficOnPanic: false,
    })
    const settings = 'routing_enabled: {value: 30}, min_cluster_size: 2, fail_traffic_on_panic: true'
    assert.deepEqual(accept(`common_lb_config: {zone_aware_lb_config: {${settings}}}`).localityLb, {
      kind: 'zone-aware',
      routingEnabledPercent: 30,
      minClusterSize: 2,
      failTrafficOnPanic: true,
    })
  })

  test('and priorities, weights and metadata of endpoints are read', () => {
    const endpoint = (rest: string) =>
      `{endpoint: {address: {socket_address: {address: 10.0.0.1, port_value: 1}}}${rest}}`
    const groups = [
      `{lb_endpoints: [${endpoint('')}]}`,
      `{priority: 2, load_balancing_weight: 7, locality: {region: r, zone: z, sub_zone: s}, lb_endpoints: [${endpoint(
        ', health_status: DEGRADED, metadata: {filter_metadata: {envoy.lb: {version: "1", n: 2, list: [a, true]}, other: {x: y}}}',
      )}]}`,
    ]
    const { endpoints } = accept(
      `load_assignment: {cluster_name: c, policy: {overprovisioning_factor: 140}, endpoints: [${groups}]}`,
    )
    const common = { address: { host: '10.0.0.1', port: 1 }, hostname: '', weight: 1, healthy: true }
    assert.deepEqual(endpoints, [
      common,
      {
        ...common,
        degraded: true,
        priority: 2,
        locality: { region: 'r', zone: 'z', subZone: 's' },
        localityWeight: 7,
        metadata: { version: '1', n: 2, list: ['a', true] },
      },
    ])
  })

  test('the proxy’s own and the cluster of its like come from the bootstrap', () => {
    const text = `node: {id: a, locality: {region: r, zone: z}}
cluster_manager: {local_cluster_name: mesh}
static_resources: {clusters: [{name: mesh}]}`
    const { config, problems } = parseBootstrap(text, 'file.yaml')
    assert.deepEqual(problems, [])
    assert.deepEqual([config?.node.locality, config?.localCluster], [{ region: 'r', zone: 'z', subZone: '' }, 'mesh'])
    const wrong = parseBootstrap('cluster_manager: {local_cluster_name: mesh}', 'file.yaml').problems
    assert.deepEqual(
      wrong.map(({ path, message }) => `${path}: ${message}`),
      ['cluster_manager.local_cluster_name: there is no cluster "mesh" among static_resources'],
    )
  })
})

describe('subsets', () => {
  test('are read with all that they have', () => {
    const settings =
      `fallback_policy: DEFAULT_SUBSET, default_subset: {stage: prod}, panic_mode_any: true, list_as_any: true,
      locality_weight_aware: true, scale_locality_weight: true, metadata_fallback_policy: FALLBACK_LIST,
      subset_selectors: [{keys: [version, stage], fallback_policy: KEYS_SUBSET, fallback_keys_subset: [stage]},
        {keys: stage, single_host_per_subset: true, fallback_policy: NO_FALLBACK}, {keys: [version]}]`.replace(
        'keys: stage,',
        'keys: [stage],',
      )
    const cluster = accept(`lb_subset_config: {${settings}}, common_lb_config: {locality_weighted_lb_config: {}}`)
    assert.deepEqual(cluster.subsets, {
      fallback: 'default',
      defaultSubset: { stage: 'prod' },
      selectors: [
        { keys: ['stage', 'version'], fallback: 'keys', fallbackKeys: ['stage'], singleHost: false },
        { keys: ['stage'], fallback: 'none', fallbackKeys: [], singleHost: true },
        { keys: ['version'], fallback: 'inherit', fallbackKeys: [], singleHost: false },
      ],
      localityWeightAware: true,
      scaleLocalityWeight: true,
      panicModeAny: true,
      listAsAny: true,
      allowRedundantKeys: false,
      metadataFallback: 'list',
    })
  })

  test('without selectors there are none, and a warning says so', () => {
    const { config, problems } = parse('lb_subset_config: {fallback_policy: ANY_ENDPOINT}')
    assert.equal(config?.clusters[0]?.subsets, undefined)
    assert.deepEqual(
      problems.map(({ severity, message }) => `${severity}: ${message}`),
      ['warning: there are no subset_selectors, and so no subsets'],
    )
  })

  test('with selectors that make no sense are refused', () => {
    const selector = (text: string) => faults(`lb_subset_config: {subset_selectors: [{${text}}]}`)
    const path = 'lb_subset_config.subset_selectors[0]'
    assert.deepEqual(selector('keys: []'), [`${path}.keys: keys is required`])
    assert.deepEqual(selector('keys: [a], fallback_keys_subset: [a]'), [
      `${path}.fallback_policy: must be KEYS_SUBSET where there is a fallback_keys_subset`,
    ])
    assert.deepEqual(selector('keys: [a, b], fallback_policy: KEYS_SUBSET'), [
      `${path}.fallback_keys_subset: must not be empty with fallback_policy KEYS_SUBSET`,
    ])
    for (const keys of ['[a]', '[b]', '[a, b]']) {
      assert.deepEqual(selector(`keys: [a], fallback_policy: KEYS_SUBSET, fallback_keys_subset: ${keys}`), [
        `${path}.fallback_keys_subset: must be some of keys, and not all`,
      ])
    }
    const selectors = 'subset_selectors: [{keys: [a]}]'
    assert.deepEqual(faults(`lb_subset_config: {${selectors}, scale_locality_weight: true}`), [
      'lb_subset_config.scale_locality_weight: needs locality_weight_aware',
    ])
    assert.deepEqual(faults(`lb_subset_config: {${selectors}, locality_weight_aware: true}`), [
      'lb_subset_config.locality_weight_aware: needs locality_weighted_lb_config',
    ])
  })
})

describe('a policy in the form of an extension', () => {
  const weighted = 'locality_lb_config: {locality_weighted_lb_config: {}}'
  const cases: readonly (readonly [string, Partial<ClusterConfig>])[] = [
    [policy('round_robin.v3.RoundRobin'), { loadBalancer: { kind: 'round-robin' } }],
    [
      policy('round_robin.v3.RoundRobin', `slow_start_config: {slow_start_window: 2s}, ${weighted}`),
      {
        loadBalancer: { kind: 'round-robin', slowStart: { windowMs: 2_000, aggression: 1, minWeightPercent: 10 } },
        localityLb: { kind: 'weighted' },
      },
    ],
    [
      policy('least_request.v3.LeastRequest', 'choice_count: 4, selection_method: N_CHOICES'),
      { loadBalancer: { kind: 'least-request', choiceCount: 4 } },
    ],
    [policy('random.v3.Random', weighted), { loadBalancer: { kind: 'random' }, localityLb: { kind: 'weighted' } }],
    [
      policy('ring_hash.v3.RingHash', 'minimum_ring_size: 9, hash_function: XX_HASH, locality_weighted_lb_config: {}'),
      {
        loadBalancer: { kind: 'ring-hash', minimumRingSize: 9, maximumRingSize: 8_388_608, useHostname: false },
        localityLb: { kind: 'weighted' },
      },
    ],
    [
      policy('maglev.v3.Maglev', 'table_size: 251, consistent_hashing_lb_config: {use_hostname_for_hashing: true}'),
      { loadBalancer: { kind: 'maglev', tableSize: 251, useHostname: true } },
    ],
    [
      policy('peak_ewma.v3alpha.PeakEwma'),
      { loadBalancer: { kind: 'peak-ewma', decayMs: 10_000, defaultReplyMs: 10, penalty: 1_000_000 } },
    ],
    [
      policy(
        'peak_ewma.v3alpha.PeakEwma',
        'decay_time: 3s, default_rtt: 0.005s, penalty_value: 7, max_samples_per_host: 3',
      ),
      { loadBalancer: { kind: 'peak-ewma', decayMs: 3_000, defaultReplyMs: 5, penalty: 7 } },
    ],
    [
      policy('wrr_locality.v3.WrrLocality', `endpoint_picking_policy: {policies: [${policy('random.v3.Random')}]}`),
      { loadBalancer: { kind: 'random' }, localityLb: { kind: 'weighted' } },
    ],
    [
      policy(
        'subset.v3.Subset',
        `subset_selectors: [{keys: [a]}], allow_redundant_keys: true,
          subset_lb_policy: {policies: [${policy('round_robin.v3.RoundRobin')}]}`,
      ),
      {
        loadBalancer: { kind: 'round-robin' },
        subsets: {
          fallback: 'none',
          defaultSubset: {},
          selectors: [{ keys: ['a'], fallback: 'inherit', fallbackKeys: [], singleHost: false }],
          localityWeightAware: false,
          scaleLocalityWeight: false,
          panicModeAny: false,
          listAsAny: false,
          allowRedundantKeys: true,
          metadataFallback: 'none',
        },
      },
    ],
  ]
  for (const [text, expected] of cases) {
    test(text.replace(/.*policies\.(\w+).*?, ?/s, '$1 '), () => {
      const { loadBalancer, localityLb, subsets } = accept(policies(text))
      assert.deepEqual(
        { localityLb, subsets, loadBalancer },
        { localityLb: undefined, subsets: undefined, ...expected },
      )
    })
  }

  test('is the first that is known', () => {
    const others = '{typed_extension_config: {name: x, typed_config: {"@type": type.googleapis.com/a.b.C, d: 1}}}'
    const list = policies(others, policy('random.v3.Random'), policy('maglev.v3.Maglev', 'table_size: 4'))
    assert.deepEqual(accept(list).loadBalancer, { kind: 'random' })
    assert.deepEqual(faults(policies(others)), ['load_balancing_policy.policies: none of the policies is supported'])
  })

  test('overrides lb_policy, and cannot stand beside the older fields', () => {
    const random = policies(policy('random.v3.Random'))
    assert.deepEqual(accept(`lb_policy: MAGLEV, ${random}`).loadBalancer, { kind: 'random' })
    assert.deepEqual(accept(`lb_policy: LOAD_BALANCING_POLICY_CONFIG, ${random}`).loadBalancer, { kind: 'random' })
    assert.deepEqual(faults('lb_policy: LOAD_BALANCING_POLICY_CONFIG'), [
      'load_balancing_policy: load_balancing_policy is required',
    ])
    assert.deepEqual(faults(`lb_policy: MAGLEV, maglev_lb_config: {}, ${random}`), [
      'maglev_lb_config: maglev_lb_config cannot be combined with load_balancing_policy',
      'load_balancing_policy: cannot be combined with maglev_lb_config',
    ])
    assert.deepEqual(faults(`lb_subset_config: {subset_selectors: [{keys: [a]}]}, ${random}`), [
      'lb_subset_config: lb_subset_config cannot be combined with load_balancing_policy',
      'load_balancing_policy: cannot be combined with lb_subset_config',
    ])
    assert.deepEqual(faults(`common_lb_config: {zone_aware_lb_config: {}}, ${random}`), [
      'common_lb_config.zone_aware_lb_config: zone_aware_lb_config cannot be combined with load_balancing_policy',
      'load_balancing_policy: cannot be combined with zone_aware_lb_config',
    ])
    assert.equal(accept(`common_lb_config: {healthy_panic_threshold: {value: 3}}, ${random}`).panicThresholdPercent, 3)
  })

  test('is refused where it wants what is not supported', () => {
    assert.match(
      faults(policies(policy('least_request.v3.LeastRequest', 'selection_method: FULL_SCAN')))[0] ?? '',
      /FULL_SCAN/,
    )
    assert.match(faults(policies(policy('peak_ewma.v3alpha.PeakEwma', 'decay_time: 0s'))).join(), /more than 0s/)
    const nested = policy(
      'wrr_locality.v3.WrrLocality',
      `endpoint_picking_policy: {policies: [${policy('random.v3.Random', weighted)}]}`,
    )
    assert.match(faults(policies(nested))[0] ?? '', /inside of wrr_locality/)
    const ring = policy('ring_hash.v3.RingHash', 'minimum_ring_size: 1048577')
    assert.match(faults(`type: STRICT_DNS, ${policies(ring)}`)[0] ?? '', /more than 1048576/)
  })
})

describe('names', () => {
  const endpoint = '{endpoint: {address: {socket_address: {address: a.b, port_value: 1}}}}'
  const assignment = (count: number) =>
    `load_assignment: {cluster_name: c, endpoints: [{lb_endpoints: [${new Array(count).fill(endpoint)}]}]}`

  test('are asked for as often, of whom and for as long as is said', () => {
    const resolver = `{name: x, typed_config: {
      "@type": type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig,
      resolvers: [{socket_address: {address: 127.0.0.1, port_value: 53}}, {socket_address: {address: "::1", port_value: 5353}}]}}`
    const cluster = accept(`type: LOGICAL_DNS, dns_refresh_rate: 7s, respect_dns_ttl: true, dns_lookup_family: V6_ONLY,
      dns_failure_refresh_rate: {base_interval: 0.2s, max_interval: 3s}, typed_dns_resolver_config: ${resolver}, ${assignment(1)}`)
    const { discovery, dnsRefreshMs, respectDnsTtl, dnsLookupFamily, dnsFailureRefresh, dnsServers } = cluster
    assert.deepEqual([discovery, dnsRefreshMs, respectDnsTtl, dnsLookupFamily], ['logical-dns', 7_000, true, 'v6-only'])
    assert.deepEqual(dnsFailureRefresh, { baseMs: 200, maxMs: 3_000 })
    assert.deepEqual(dnsServers, [
      { host: '127.0.0.1', port: 53 },
      { host: '::1', port: 5353 },
    ])
    const failing = accept('type: STRICT_DNS, dns_failure_refresh_rate: {base_interval: 2s}')
    assert.deepEqual(failing.dnsFailureRefresh, { baseMs: 2_000, maxMs: 20_000 })
  })

  test('one logical name has one endpoint', () => {
    for (const count of [0, 2]) {
      assert.deepEqual(faults(`type: LOGICAL_DNS, ${assignment(count)}`), [
        `load_assignment: type LOGICAL_DNS needs exactly one endpoint, got ${count}`,
      ])
    }
  })

  test('settings that make no sense are refused', () => {
    assert.deepEqual(faults('type: STRICT_DNS, dns_failure_refresh_rate: {base_interval: 2s, max_interval: 1s}'), [
      'dns_failure_refresh_rate.max_interval: must be at least base_interval',
    ])
    assert.deepEqual(faults('respect_dns_ttl: true'), [
      'respect_dns_ttl: respect_dns_ttl needs type STRICT_DNS or LOGICAL_DNS',
    ])
    assert.match(
      faults(
        'type: STRICT_DNS, typed_dns_resolver_config: {name: x, typed_config: {"@type": type.googleapis.com/a.B}}',
      )[0] ?? '',
      /DNS resolver a.B is not supported yet/,
    )
  })
})
