import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodeCluster, encodeCodecModule, encodeEndpoints, encodeListener, encodeRoutes } from '../encode.ts'
import type {
  ClusterConfig,
  ConfigSource,
  EndpointConfig,
  ErrorTypeName,
  FilterOverride,
  HealthCheckConfig,
  ListenerConfig,
  LoadBalancerConfig,
  LocalityLbConfig,
  MetadataMatcher,
  MetaProtocolConfig,
  OutlierDetectionConfig,
  PropertyChange,
  RetryCondition,
  RetryPolicyConfig,
  RouteConfig,
  RouteTableConfig,
  SubsetConfig,
  SubsetSelector,
  TcpProxyConfig,
  WeightedCluster,
} from '../model/index.ts'
import { ERROR_TYPES, RETRY_CONDITIONS } from '../model/index.ts'
import { parseCluster } from '../xds-resources/parse-cluster.ts'
import { parseCodecModule } from '../xds-resources/parse-codec-module.ts'
import { parseEndpoints } from '../xds-resources/parse-endpoints.ts'
import { parseListener } from '../xds-resources/parse-listener.ts'
import type { ParsedResource } from '../xds-resources/parse-resource.ts'
import { parseRoutes } from '../xds-resources/parse-routes.ts'
import type { ResourceContext } from '../xds-resources/resource-context.ts'

// Words of the model as they come out of the converters.

const word = fc.stringMatching(/^[a-zA-Z0-9|_.-]{1,20}$/)
const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const positive = fc.integer({ min: 1, max: 2 ** 31 })
const durationMs = fc.integer({ min: 1, max: 10_000_000 })

const source: fc.Arbitrary<ConfigSource> = fc.oneof(
  fc.record({ kind: fc.constant('ads' as const), initialFetchTimeoutMs: fc.constantFrom(0, 15_000, 2_500) }),
  fc.record({
    kind: fc.constant('grpc' as const),
    api: fc.record({ cluster: fc.constant('xds'), delta: fc.boolean() }),
    initialFetchTimeoutMs: fc.constantFrom(0, 15_000),
  }),
)

/** Plain words, so that two keys of a map are never the same in JSON. */
const metadata = fc.dictionary(word, fc.oneof(word, fc.boolean(), fc.integer(), fc.constant(null), fc.array(word)), {
  minKeys: 1,
  maxKeys: 3,
})

const locality = fc
  .record({ region: fc.constantFrom('', 'r'), zone: fc.constantFrom('', 'z', 'y'), subZone: fc.constantFrom('', 's') })
  .filter(({ region, zone, subZone }) => region + zone + subZone !== '')

const endpoint: fc.Arbitrary<EndpointConfig> = fc
  .record(
    {
      address: fc.record({ host: fc.oneof(fc.ipV4(), fc.ipV6()), port: fc.integer({ min: 1, max: 65_535 }) }),
      hostname: fc.oneof(fc.constant(''), word),
      weight: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 100_000 })),
      healthy: fc.boolean(),
      degraded: fc.constant(true),
      priority: fc.integer({ min: 1, max: 3 }),
      locality,
      localityWeight: fc.integer({ min: 1, max: 3 }),
      metadata,
      healthCheck: fc.constantFrom({ port: 7 }, { isDisabled: true }, { port: 1, isDisabled: true }),
    },
    { requiredKeys: ['address', 'hostname', 'weight', 'healthy'] },
  )
  .map((config) => (config.degraded ? { ...config, healthy: true } : config))

/** Endpoints as they are read: those of one place stand together. */
const endpoints = fc.array(endpoint, { maxLength: 5 }).map((list) => {
  const placeOf = ({ priority, locality, localityWeight }: EndpointConfig) =>
    JSON.stringify([priority, locality?.region, locality?.zone, locality?.subZone, localityWeight])
  return [...Map.groupBy(list, placeOf).values()].flat()
})

const slowStart = fc.record({
  windowMs: durationMs,
  aggression: fc.constantFrom(1, 0.5, 2),
  minWeightPercent: fc.integer({ min: 0, max: 100 }),
})

const loadBalancer: fc.Arbitrary<LoadBalancerConfig> = fc.oneof(
  fc.record({ kind: fc.constant('round-robin' as const), slowStart }, { requiredKeys: ['kind'] }),
  fc.constant({ kind: 'random' as const }),
  fc.record(
    {
      kind: fc.constant('least-request' as const),
      choiceCount: fc.integer({ min: 2, max: 10 }),
      activeRequestBias: fc.constantFrom(0, 0.25, 3),
      slowStart,
    },
    { requiredKeys: ['kind', 'choiceCount'] },
  ),
  fc.record({
    kind: fc.constant('ring-hash' as const),
    minimumRingSize: fc.integer({ min: 1, max: 4_096 }),
    maximumRingSize: fc.constantFrom(8_388_608, 5_000),
    useHostname: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('maglev' as const),
    tableSize: fc.constantFrom(65_537, 251),
    useHostname: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('peak-ewma' as const),
    decayMs: durationMs,
    defaultReplyMs: fc.constantFrom(10, 7),
    penalty: fc.constantFrom(1_000_000, 0, 2.5),
  }),
)

const selector: fc.Arbitrary<SubsetSelector> = fc
  .tuple(
    fc.uniqueArray(word, { minLength: 2, maxLength: 4 }),
    fc.constantFrom('inherit', 'none', 'any', 'default', 'keys'),
    fc.boolean(),
  )
  .map(([names, fallback, singleHost]) => {
    const keys = names.toSorted()
    return { keys, fallback, fallbackKeys: fallback === 'keys' ? keys.slice(1) : [], singleHost }
  })

const subsets: fc.Arbitrary<SubsetConfig> = fc.record({
  fallback: fc.constantFrom('none', 'any', 'default'),
  defaultSubset: fc.oneof(fc.constant({}), metadata),
  selectors: fc.array(selector, { minLength: 1, maxLength: 3 }),
  localityWeightAware: fc.boolean(),
  scaleLocalityWeight: fc.boolean(),
  panicModeAny: fc.boolean(),
  listAsAny: fc.boolean(),
  allowRedundantKeys: fc.boolean(),
  metadataFallback: fc.constantFrom('none', 'list'),
})

const zoneAware: fc.Arbitrary<LocalityLbConfig> = fc.record({
  kind: fc.constant('zone-aware' as const),
  routingEnabledPercent: fc.integer({ min: 0, max: 100 }),
  minClusterSize: fc.integer({ min: 0, max: 10 }),
  failTrafficOnPanic: fc.boolean(),
})
const localityLb: fc.Arbitrary<LocalityLbConfig> = fc.oneof(fc.constant({ kind: 'weighted' as const }), zoneAware)

type Balance = Pick<ClusterConfig, 'loadBalancer' | 'localityLb' | 'subsets'>

/** Only what can be said, and makes sense. */
const balance: fc.Arbitrary<Balance> = fc
  .record({ loadBalancer, localityLb, subsets }, { requiredKeys: ['loadBalancer'] })
  .map((drawn) => {
    const { kind } = drawn.loadBalancer
    const isPolicy = kind === 'peak-ewma' || drawn.subsets?.allowRedundantKeys === true
    const knowsZones = kind === 'round-robin' || kind === 'least-request' || kind === 'random'
    const locality = isPolicy && !knowsZones && drawn.localityLb !== undefined ? WEIGHTED : drawn.localityLb
    const localityWeightAware = drawn.subsets?.localityWeightAware === true && locality?.kind === 'weighted'
    const scaleLocalityWeight = drawn.subsets?.scaleLocalityWeight === true && localityWeightAware
    return {
      loadBalancer: drawn.loadBalancer,
      ...(locality === undefined ? {} : { localityLb: locality }),
      ...(drawn.subsets === undefined
        ? {}
        : { subsets: { ...drawn.subsets, localityWeightAware, scaleLocalityWeight } }),
    }
  })

const WEIGHTED: LocalityLbConfig = { kind: 'weighted' }

const dns = {
  eds: fc.constant(undefined),
  dnsRefreshMs: fc.integer({ min: 2, max: 60_000 }),
  dnsLookupFamily: fc.constantFrom('auto', 'v4-only', 'v6-only', 'v4-preferred', 'all'),
  dnsFailureRefresh: fc.record({ baseMs: fc.integer({ min: 2, max: 100 }), maxMs: fc.integer({ min: 100, max: 200 }) }),
  respectDnsTtl: fc.constant(true),
  dnsServers: fc.array(fc.record({ host: fc.oneof(fc.ipV4(), fc.ipV6()), port: fc.integer({ min: 1, max: 65_535 }) }), {
    minLength: 1,
    maxLength: 2,
  }),
}
const DNS_NEEDS = ['discovery', 'eds', 'endpoints', 'dnsRefreshMs', 'dnsLookupFamily'] as const

const discovery = fc.oneof(
  fc.record({
    discovery: fc.constant('static' as const),
    eds: fc.constant(undefined),
    endpoints,
    dnsRefreshMs: fc.constant(5_000),
    dnsLookupFamily: fc.constant('auto' as const),
  }),
  fc.record({ discovery: fc.constant('strict-dns' as const), endpoints, ...dns }, { requiredKeys: [...DNS_NEEDS] }),
  fc.record(
    { discovery: fc.constant('logical-dns' as const), endpoints: endpoint.map((only) => [only]), ...dns },
    { requiredKeys: [...DNS_NEEDS] },
  ),
  fc.record({
    discovery: fc.constant('eds' as const),
    eds: fc.record({ serviceName: word, source }),
    endpoints: fc.constant([]),
    dnsRefreshMs: fc.constant(5_000),
    dnsLookupFamily: fc.constant('auto' as const),
  }),
)

const percent = fc.integer({ min: 0, max: 100 })
const enforcing = fc.record({
  consecutive5xx: percent,
  consecutiveGatewayFailure: percent,
  consecutiveLocalOriginFailure: percent,
  successRate: percent,
  localOriginSuccessRate: percent,
  failurePercentage: percent,
  localOriginFailurePercentage: percent,
})

const outlierDetection: fc.Arbitrary<OutlierDetectionConfig> = fc.record({
  consecutive5xx: fc.oneof(fc.constant(5), uint32),
  consecutiveGatewayFailure: fc.oneof(fc.constant(5), uint32),
  consecutiveLocalOriginFailure: uint32,
  splitExternalLocalOriginErrors: fc.boolean(),
  intervalMs: fc.oneof(fc.constant(10_000), durationMs),
  baseEjectionTimeMs: fc.oneof(fc.constant(30_000), fc.integer({ min: 1, max: 400_000 })),
  maxEjectionTimeMs: fc.integer({ min: 400_000, max: 500_000 }),
  maxEjectionTimeJitterMs: fc.oneof(fc.constant(0), durationMs),
  maxEjectionPercent: percent,
  alwaysEjectOneHost: fc.boolean(),
  successfulActiveHealthCheckUnejectHost: fc.boolean(),
  successRate: fc.record({ minimumHosts: uint32, requestVolume: uint32, stdevFactor: uint32 }),
  failurePercentage: fc.record({ threshold: percent, minimumHosts: uint32, requestVolume: uint32 }),
  enforcing,
})

const hex = fc.uint8Array({ minLength: 1, maxLength: 5 }).map((bytes) => Buffer.from(bytes).toString('hex'))
const healthCheck: fc.Arbitrary<HealthCheckConfig> = fc.record({
  timeoutMs: durationMs,
  intervalMs: fc.oneof(fc.constant(5), durationMs),
  unhealthyThreshold: positive,
  healthyThreshold: positive,
  initialJitterMs: fc.oneof(fc.constant(0), durationMs),
  intervalJitterMs: fc.oneof(fc.constant(0), durationMs),
  intervalJitterPercent: uint32,
  reuseConnection: fc.boolean(),
  noTrafficIntervalMs: fc.oneof(fc.constant(60_000), durationMs),
  noTrafficHealthyIntervalMs: fc.oneof(fc.constant(60_000), durationMs),
  unhealthyIntervalMs: fc.oneof(fc.constant(5), durationMs),
  unhealthyEdgeIntervalMs: fc.oneof(fc.constant(5), durationMs),
  healthyEdgeIntervalMs: fc.oneof(fc.constant(5), durationMs),
  alwaysLogFailures: fc.boolean(),
  alwaysLogSuccess: fc.boolean(),
  check: fc.oneof(
    fc.record({ kind: fc.constant('tcp' as const), send: fc.oneof(fc.constant(''), hex), receive: fc.array(hex) }),
    fc.record({
      kind: fc.constant('codec' as const),
      codec: fc.record({
        name: word,
        options: fc.constantFrom(undefined, { a: 1 }),
        moduleDigest: fc.constant(undefined),
      }),
    }),
  ),
})

/** What can be said beside a health check only. */
const checked = fc.record(
  {
    healthCheck,
    closesConnectionsOfUnhealthy: fc.constant(true),
    ignoresHealthOnRemoval: fc.constant(true),
    ignoresUncheckedHosts: fc.constant(true),
  },
  { requiredKeys: ['healthCheck'] },
)

const circuitBreaker = fc.record(
  {
    maxConnections: fc.oneof(fc.constant(1024), uint32),
    maxPendingRequests: fc.oneof(fc.constant(1024), uint32),
    maxRequests: uint32,
    maxRetries: fc.oneof(fc.constant(3), uint32),
    retryBudget: fc.record({ budgetPercent: fc.integer({ min: 0, max: 100 }), minRetryConcurrency: uint32 }),
  },
  { requiredKeys: ['maxConnections', 'maxPendingRequests', 'maxRequests', 'maxRetries'] },
)

const clusterRest = fc.record({
  name: word,
  statName: word,
  connectTimeoutMs: durationMs,
  circuitBreaker,
  panicThresholdPercent: fc.integer({ min: 0, max: 100 }),
  bufferLimitBytes: fc.integer({ min: 1, max: 2 ** 30 }),
  outlierDetection: fc.option(outlierDetection, { nil: undefined }),
  http2: fc.boolean(),
})

const cluster: fc.Arbitrary<ClusterConfig> = fc
  .tuple(clusterRest, discovery, balance, fc.oneof(fc.constant({}), checked))
  .map(([rest, where, how, health]) => ({ ...rest, ...where, ...how, ...health }))

const matcher: fc.Arbitrary<MetadataMatcher> = fc.record({
  name: word,
  test: fc.oneof(
    fc.record({
      kind: fc.constantFrom('exact', 'prefix', 'suffix', 'contains'),
      text: fc.string({ minLength: 1 }),
      ignoreCase: fc.boolean(),
    }),
    fc.record({ kind: fc.constantFrom('exact', 'prefix'), text: fc.constant(''), ignoreCase: fc.constant(false) }),
    fc.record({ kind: fc.constant('regex' as const), pattern: fc.constantFrom('^s.*o$', '.*', '[a-z]+') }),
    fc.record({
      kind: fc.constant('range' as const),
      start: fc.bigInt({ min: -1000n, max: 0n }),
      end: fc.bigInt({ min: 1n, max: 2n ** 62n }),
    }),
    fc.record({ kind: fc.constant('present' as const), present: fc.boolean() }),
  ),
  invert: fc.boolean(),
  treatMissingAsEmpty: fc.boolean(),
})

const weighted: fc.Arbitrary<readonly WeightedCluster[]> = fc.oneof(
  weightedCluster(fc.constant(1)).map((only) => [only]),
  fc.array(weightedCluster(fc.integer({ min: 1, max: 1000 })), { minLength: 2, maxLength: 4 }),
  weightedCluster(fc.constant(7)).map((only) => [only]),
)

function weightedCluster(weight: fc.Arbitrary<number>): fc.Arbitrary<WeightedCluster> {
  return fc.record({ cluster: word, weight, metadataMatch: metadata }, { requiredKeys: ['cluster', 'weight'] })
}

/** Those that set before those that remove, as the message can say it. */
const changes: fc.Arbitrary<readonly PropertyChange[]> = fc
  .tuple(fc.array(fc.record({ key: word, value: fc.string() }), { maxLength: 3 }), fc.array(word, { maxLength: 2 }))
  .map(([set, removed]) => [...set, ...removed.map((key) => ({ key, value: undefined }))])

const plainRoute: fc.Arbitrary<RouteConfig> = fc.record({
  name: fc.oneof(fc.constant(''), word),
  match: fc.record({ metadata: fc.array(matcher, { maxLength: 3 }) }),
  clusters: weighted,
  hashPolicy: fc.array(word, { maxLength: 2 }),
  mirrors: fc.array(
    fc.record({
      cluster: word,
      numerator: fc.integer({ min: 0, max: 100 }),
      denominator: fc.constantFrom(100 as const, 10_000 as const, 1_000_000 as const),
    }),
    { maxLength: 2 },
  ),
  timeoutMs: fc.option(fc.integer({ min: 0, max: 100_000 }), { nil: undefined }),
  requestMutation: changes,
  responseMutation: changes,
})

const matchers = fc.array(matcher, { maxLength: 2 })
const retry: fc.Arbitrary<RetryPolicyConfig> = fc
  .record({
    retryOn: fc.subarray<RetryCondition>(['5xx', 'reset', 'connect-failure', 'error-status', 'non-idempotent']),
    numRetries: uint32,
    perTryTimeoutMs: fc.integer({ min: 0, max: 100_000 }),
    backOff: fc
      .tuple(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 0, max: 1000 }))
      .map(([baseMs, more]) => ({ baseMs, maxMs: baseMs + more })),
    retriableHeaders: matchers,
    retriableRequestHeaders: matchers,
  })
  .map((policy) => ({
    ...policy,
    retryOn: RETRY_CONDITIONS.filter(
      (condition) =>
        policy.retryOn.includes(condition) || (condition === 'retriable-headers' && policy.retriableHeaders.length > 0),
    ),
  }))

/** A hedge that waits for the time of a try needs one. */
const retries: fc.Arbitrary<Partial<RouteConfig>> = fc
  .tuple(
    retry,
    fc.record({
      initialRequests: fc.integer({ min: 1, max: 5 }),
      additionalChance: fc.record({
        numerator: fc.integer({ min: 0, max: 100 }),
        denominator: fc.constantFrom(100 as const, 10_000 as const, 1_000_000 as const),
      }),
      onPerTryTimeout: fc.boolean(),
    }),
  )
  .map(([policy, hedge]) => ({
    retry: policy,
    hedge: { ...hedge, onPerTryTimeout: hedge.onPerTryTimeout && policy.perTryTimeoutMs > 0 },
    requestBufferLimitBytes: policy.numRetries,
  }))

const errorType = fc.constantFrom(...(Object.keys(ERROR_TYPES) as ErrorTypeName[]))
const FAULT = 'type.googleapis.com/meltemi.filters.fault.v1.Fault'

const overrides: fc.Arbitrary<readonly FilterOverride[]> = fc
  .uniqueArray(word, { minLength: 1, maxLength: 3 })
  .chain((names) => fc.tuple(...names.sort().map(override)))

function override(name: string): fc.Arbitrary<FilterOverride> {
  const fault = fc.integer({ min: 1, max: 100 }).map((numerator): FilterOverride => {
    const parsed = {
      match: { metadata: [] },
      delay: undefined,
      abort: { errorType: 'Timeout', share: { numerator, denominator: 100 } },
      maxActiveFaults: 1_024,
      statPrefix: '',
    }
    const config = { abort: { errorType: 'Timeout', percentage: { numerator } } }
    return { name, filter: { name, typeUrl: FAULT, config, parsed } }
  })
  return fc.oneof(fault, fc.constant({ name, filter: undefined }))
}

const direct = fc.record({ errorType, message: word })

/** What goes to services, what goes where the message says, and what goes nowhere. */
const route: fc.Arbitrary<RouteConfig> = fc.oneof(
  plainRoute,
  fc.tuple(plainRoute, retries).map(([plain, more]) => ({ ...plain, ...more })),
  fc.tuple(plainRoute, overrides).map(([plain, own]) => ({ ...plain, overrides: own })),
  fc.tuple(plainRoute, word).map(([plain, clusterKey]) => ({
    ...plain,
    clusters: [{ cluster: '', weight: 1 }],
    clusterKey,
  })),
  fc.tuple(plainRoute, direct).map(([{ name, match }, directResponse]) => ({
    ...{ name, match, clusters: [], hashPolicy: [], mirrors: [], timeoutMs: undefined },
    ...{ requestMutation: [], responseMutation: [], directResponse },
  })),
)

const routeTable: fc.Arbitrary<RouteTableConfig> = fc.record({
  name: word,
  routes: fc.array(route, { minLength: 1, maxLength: 3 }),
})

const metaProtocol: fc.Arbitrary<MetaProtocolConfig> = fc
  .record({
    kind: fc.constant('meta-protocol' as const),
    statPrefix: word,
    applicationProtocol: word,
    codec: fc.record({
      name: word,
      options: fc.option(fc.dictionary(word, fc.oneof(fc.string(), fc.boolean())).filter(isFilled), { nil: undefined }),
      moduleDigest: fc.option(fc.stringMatching(/^[0-9a-f]{64}$/), { nil: undefined }),
    }),
    multiplexing: fc.boolean(),
    filters: fc.constant([]),
    where: fc.oneof(
      fc.record({ rds: fc.record({ routeConfigName: word, source }), routes: fc.constant({ name: '', routes: [] }) }),
      fc.record({ rds: fc.constant(undefined), routes: routeTable }),
    ),
    idleTimeoutMs: fc.oneof(fc.constant(0), durationMs),
    maxMessageBytes: positive,
    maxInFlightPerConnection: positive,
    requestTimeoutMs: fc.integer({ min: 0, max: 100_000 }),
    maxDownstreamBufferBytes: positive,
    partialMessageTimeoutMs: fc.integer({ min: 0, max: 100_000 }),
    generateRequestId: fc.boolean(),
    ignored: fc.constantFrom({}, { ignoresClientTimeout: true }),
  })
  .map(({ where, ignored, ...rest }) => ({ ...rest, ...where, ...ignored, filters: filtersFor(where.routes) }))

/** Those that the routes speak to. */
function filtersFor({ routes }: RouteTableConfig): MetaProtocolConfig['filters'] {
  const names = new Set(routes.flatMap(({ overrides = [] }) => overrides.map(({ name }) => name)))
  const parsed = {
    match: { metadata: [] },
    delay: undefined,
    abort: undefined,
    maxActiveFaults: 1_024,
    statPrefix: '',
  }
  return [...names].map((name) => ({ name, typeUrl: FAULT, config: {}, parsed }))
}

const tcpProxy: fc.Arbitrary<TcpProxyConfig> = fc.record({
  kind: fc.constant('tcp-proxy' as const),
  statPrefix: word,
  clusters: weighted,
  idleTimeoutMs: fc.oneof(fc.constant(3_600_000), fc.integer({ min: 0, max: 10_000 })),
  maxConnectAttempts: fc.integer({ min: 1, max: 10 }),
})

const listener: fc.Arbitrary<ListenerConfig> = fc.record({
  name: word,
  address: fc.record({ host: fc.oneof(fc.ipV4(), fc.ipV6()), port: fc.integer({ min: 1, max: 65_535 }) }),
  direction: fc.constantFrom('unspecified', 'inbound', 'outbound'),
  proxyProtocol: fc.boolean(),
  bufferLimitBytes: fc.integer({ min: 1, max: 2 ** 30 }),
  maxConnections: fc.constant(0),
  filter: fc.oneof(metaProtocol, tcpProxy),
})

function isFilled(object: object): boolean {
  return Object.keys(object).length > 0
}

const CONTEXT: ResourceContext = {
  options: { filters: new Map([[FAULT, { name: 'fault', parse: () => ({}) }]]) },
  sources: { hasAds: true, staticClusters: new Set(['xds']) },
  connectionLimits: new Map(),
}

function assertRead<T>(parsed: ParsedResource<T>, name: string, expected: T): void {
  assert.deepEqual(
    parsed.problems.filter(({ severity }) => severity === 'error'),
    [],
  )
  assert.equal(parsed.name, name)
  assert.deepEqual(parsed.value, structuredClone(expected))
}

test('a cluster is read as it was written', () => {
  fc.assert(
    fc.property(cluster, (config) => {
      assertRead(parseCluster(encodeCluster(config), CONTEXT), config.name, config)
    }),
  )
})

test('endpoints are read as they were written', () => {
  fc.assert(
    fc.property(endpoints, (list) => {
      assertRead(
        parseEndpoints(encodeEndpoints({ cluster: 'outbound|1||a', endpoints: list }), CONTEXT),
        'outbound|1||a',
        list,
      )
    }),
  )
})

test('a listener is read as it was written', () => {
  fc.assert(
    fc.property(listener, (config) => {
      assertRead(parseListener(encodeListener(config), CONTEXT), config.name, config)
    }),
  )
})

test('routes are read as they were written', () => {
  fc.assert(
    fc.property(routeTable, (table) => {
      assertRead(parseRoutes(encodeRoutes(table), CONTEXT), table.name, table)
    }),
  )
})

test('a module of a codec is read as it was written', () => {
  const source = Buffer.from('export const codecs = []\n')
  const digest = createHash('sha256').update(source).digest('hex')
  const bytes = encodeCodecModule({ codec: 'my.codec', digest, source })
  assertRead(parseCodecModule(bytes, CONTEXT), 'my.codec', { digest, source: source.toString() })
})

test('what was written twice is the same to the byte', () => {
  fc.assert(
    fc.property(listener, routeTable, cluster, (a, b, c) => {
      assert.deepEqual(encodeListener(a), encodeListener(structuredClone(a)))
      assert.deepEqual(encodeRoutes(b), encodeRoutes(structuredClone(b)))
      assert.deepEqual(encodeCluster(c), encodeCluster(structuredClone(c)))
    }),
  )
})
