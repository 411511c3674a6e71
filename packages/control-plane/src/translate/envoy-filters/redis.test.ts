import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { RedisDestination, RedisService } from '@meltemi/api'
import { parse } from 'yaml'
import { compareAge } from '../../store/precedence.ts'
import type { World } from '../../store/world.ts'
import { worldOf } from '../../testing/resources.ts'
import { durationJson } from './duration-json.ts'
import type { ClusterPatch, EnvoyFilter, FilterPatch } from './envoy-filter.ts'
import { RedisInputs, type Secrets, type SecretValues, secretsOf } from './redis-inputs.ts'
import { type ServiceFilters, translateEnvoyFilters } from './translate-envoy-filters.ts'

const CLUSTER = 'redis-cluster.redis.svc.cluster.local'
const SINGLE = 'redis-single.redis.svc.cluster.local'

interface ServiceParts {
  readonly ports?: string
  readonly ip?: string
}

function service(name: string, { ports = '[{ port: 6379, name: tcp-redis }]', ip = '10.0.0.1' }: ServiceParts = {}) {
  return `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: redis }
spec: { clusterIP: ${ip}, ports: ${ports} }
`
}

function redisService(spec: string, namespace = 'redis', created = ''): string {
  return `
apiVersion: redis.aeraki.io/v1alpha1
kind: RedisService
metadata: { name: rules${created.slice(0, 4)}, namespace: ${namespace}, creationTimestamp: "${created}" }
spec: { host: [${CLUSTER}], ${spec} }
`
}

function destination(host: string, pool: string): string {
  return `
apiVersion: redis.aeraki.io/v1alpha1
kind: RedisDestination
metadata: { name: ${host.split('.')[0]}, namespace: redis }
spec: { host: ${host}, trafficPolicy: { connectionPool: ${pool} } }
`
}

/** As `readRedis` has them. */
function redisOf({ resources }: World): readonly (RedisService | RedisDestination)[] {
  return [...resources.values()]
    .filter((each) => each.kind === 'RedisService' || each.kind === 'RedisDestination')
    .toSorted(compareAge)
}

function secrets(values: Readonly<Record<string, string>>, name = 'redis/login'): Secrets {
  return new Map<string, SecretValues>([[name, new Map(Object.entries(values))]])
}

function translate(
  documents: readonly string[],
  known: Secrets = new Map(),
  host = CLUSTER,
  refused: ReadonlySet<string> = new Set(),
): ServiceFilters {
  const world = worldOf(documents.join('---'))
  const view = world.services.get(host)
  assert.ok(view)
  const mesh = { accessLog: undefined, randomSampling: undefined }
  const redis = new RedisInputs({ resources: redisOf(world), services: world.services, secrets: known, refused })
  const { filters, notes } = translateEnvoyFilters(view, { rootNamespace: 'root', isNamespaced: false, mesh, redis })
  return { filters, notes: [...redis.notes, ...notes] }
}

function valueOf(filter: EnvoyFilter | undefined): Readonly<Record<string, unknown>> {
  return (filter?.spec.configPatches[0] as FilterPatch | undefined)?.patch.value.typed_config.value ?? {}
}

/** What is said of the service at its only port. */
function outbound(spec: string, more: readonly string[] = [], known?: Secrets) {
  const { filters, notes } = translate([service('redis-cluster'), redisService(spec), ...more], known)
  assert.deepEqual(notes, [])
  return valueOf(filters[0])
}

function clusterOf(pool: string, known?: Secrets): Readonly<Record<string, unknown>> {
  const { filters, notes } = translate([service('redis-cluster'), destination(CLUSTER, pool)], known)
  assert.deepEqual(notes, [])
  const { patch } = (filters[0]?.spec.configPatches[2] ?? {}) as Partial<ClusterPatch>
  return patch?.operation === 'ADD' ? patch.value : {}
}

function told({ notes }: ServiceFilters): readonly string[] {
  return notes.map(({ port = '', message, keepsOld }) => `${port} ${message}${keepsOld ? ', keeps' : ''}`)
}

/** As Aeraki writes it for its own sample, but for what makes its clusters those of Istio, which it leaves out here and there. */
const SAMPLE = `
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: { name: aeraki-outbound-${CLUSTER}-10.0.0.1-6379, namespace: root, labels: { manager: Aeraki } }
spec:
  configPatches:
  - applyTo: NETWORK_FILTER
    match: { listener: { name: 10.0.0.1_6379, filterChain: { filter: { name: envoy.filters.network.tcp_proxy } } } }
    patch:
      operation: REPLACE
      value:
        name: envoy.filters.network.redis_proxy
        typed_config:
          "@type": type.googleapis.com/udpa.type.v1.TypedStruct
          type_url: type.googleapis.com/envoy.extensions.filters.network.redis_proxy.v3.RedisProxy
          value:
            statPrefix: outbound|6379||${CLUSTER}
            settings: { opTimeout: 60s }
            prefixRoutes:
              routes: [{ prefix: cluster, cluster: outbound|6379||${CLUSTER} }]
              catchAllRoute: { cluster: outbound|6379||${SINGLE} }
            downstreamAuthPassword: { inlineString: testredis }
  - applyTo: CLUSTER
    match: { cluster: { name: outbound|6379||${CLUSTER} } }
    patch: { operation: REMOVE }
  - applyTo: CLUSTER
    patch:
      operation: ADD
      value:
        name: outbound|6379||${CLUSTER}
        connectTimeout: 10s
        clusterType: { name: envoy.clusters.redis }
        lbPolicy: CLUSTER_PROVIDED
        loadAssignment:
          clusterName: outbound|6379||${CLUSTER}
          endpoints:
          - lbEndpoints:
            - endpoint: { address: { socketAddress: { address: ${CLUSTER}, portValue: 6379 } } }
        circuitBreakers:
          thresholds:
          - maxConnections: 4294967295
            maxPendingRequests: 4294967295
            maxRequests: 4294967295
            maxRetries: 4294967295
        metadata:
          filterMetadata:
            istio:
              default_original_port: 6379
              services: [{ host: ${CLUSTER}, name: redis-cluster, namespace: redis }]
        filters:
        - name: istio.metadata_exchange
          typedConfig:
            "@type": type.googleapis.com/udpa.type.v1.TypedStruct
            type_url: type.googleapis.com/envoy.tcp.metadataexchange.config.MetadataExchange
            value: { protocol: istio-peer-exchange }
        transportSocketMatches:
        - name: tlsMode-disabled
          transportSocket:
            name: envoy.transport_sockets.raw_buffer
            typedConfig: { "@type": type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer }
`

describe('a service of Redis', () => {
  test('has the words of the reference for its own sample', () => {
    const { filters, notes } = translate(
      [
        service('redis-cluster'),
        service('redis-single'),
        redisService(`
          settings: { auth: { secret: { name: login } } },
          redis: [
            { match: { key: { prefix: cluster } }, route: { host: ${CLUSTER} } },
            { route: { host: ${SINGLE} } },
          ]`),
        destination(CLUSTER, '{ redis: { mode: CLUSTER } }'),
      ],
      secrets({ password: 'testredis\n' }),
    )
    assert.deepEqual(notes, [])
    assert.deepEqual(filters, [parse(SAMPLE)])
  })

  test('without anything said of it has all of its traffic shared by hash, in its own cluster', () => {
    const { filters } = translate([service('redis-single')], undefined, SINGLE)
    const cluster = `outbound|6379||${SINGLE}`
    assert.deepEqual(valueOf(filters[0]), {
      statPrefix: cluster,
      settings: { opTimeout: '60s' },
      prefixRoutes: { catchAllRoute: { cluster } },
    })
    const added = (filters[0]?.spec.configPatches[2] as ClusterPatch | undefined)?.patch as
      | { readonly value?: object }
      | undefined
    const {
      metadata,
      filters: exchange,
      transportSocketMatches,
      ...rest
    } = (added?.value ?? {}) as Record<string, unknown>
    assert.ok(metadata && exchange && transportSocketMatches, 'as every other one')
    const any = 4_294_967_295
    assert.deepEqual(rest, {
      name: cluster,
      connectTimeout: '10s',
      type: 'EDS',
      edsClusterConfig: { edsConfig: { ads: {}, resourceApiVersion: 'V3' } },
      lbPolicy: 'MAGLEV',
      circuitBreakers: {
        thresholds: [{ maxConnections: any, maxPendingRequests: any, maxRequests: any, maxRetries: any }],
      },
    })
  })

  test('has filters of each of its ports, and before workloads at the port where these listen', () => {
    const entry = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: entry, namespace: redis }
spec:
  hosts: [redis.example]
  addresses: [10.0.0.1, 10.0.0.2]
  ports: [{ number: 80, name: tcp-plain }, { number: 1, name: tcp-redis, targetPort: 6379 }, { number: 2, name: tcp-redis-b }]
  resolution: STATIC
  workloadSelector: { labels: { app: redis } }
`
    const { filters } = translate([entry], undefined, 'redis.example')
    assert.deepEqual(
      filters.map(({ metadata, spec }) => `${metadata.name} ${spec.configPatches.length}`),
      [
        // a cluster is there once, however many addresses lead to it
        'aeraki-outbound-redis.example-10.0.0.1-1 3',
        'aeraki-outbound-redis.example-10.0.0.2-1 1',
        'aeraki-inbound-redis.example-1 1',
        'aeraki-outbound-redis.example-10.0.0.1-2 3',
        'aeraki-outbound-redis.example-10.0.0.2-2 1',
        'aeraki-inbound-redis.example-2 1',
      ],
    )
    assert.deepEqual(valueOf(filters[2]), {
      statPrefix: 'inbound|1||',
      settings: { opTimeout: '3600s' },
      prefixRoutes: { catchAllRoute: { cluster: 'inbound|6379||' } },
    })
  })
})

describe('what a RedisService says', () => {
  test('of settings, each of them', () => {
    const value = outbound(`settings: {
      caseInsensitive: true, opTimeout: 1m0.5s, enableCommandStats: true, maxBufferSizeBeforeFlush: 1024,
      bufferFlushTimeout: 3ms, maxUpstreamUnknownConnections: 0, enableHashtagging: true, enableRedirection: true,
      readPolicy: PREFER_REPLICA, auth: { plain: { username: user, password: word } } }`)
    assert.deepEqual(value, {
      statPrefix: `outbound|6379||${CLUSTER}`,
      settings: {
        opTimeout: '60.500s',
        enableHashtagging: true,
        enableRedirection: true,
        enableCommandStats: true,
        maxBufferSizeBeforeFlush: 1024,
        bufferFlushTimeout: '0.003s',
        maxUpstreamUnknownConnections: 0,
        readPolicy: 'PREFER_REPLICA',
      },
      prefixRoutes: { caseInsensitive: true, catchAllRoute: { cluster: `outbound|6379||${CLUSTER}` } },
      downstreamAuthPassword: { inlineString: 'word' },
      downstreamAuthUsername: { inlineString: 'user' },
    })
  })

  test('that is zero, false or the first of its kind is left out, as Go does', () => {
    const settings = '{ enableHashtagging: false, maxBufferSizeBeforeFlush: 0, readPolicy: MASTER }'
    assert.deepEqual(outbound(`settings: ${settings}`)['settings'], { opTimeout: '60s' })
  })

  test('of routes: ports are those of their own targets, also of copies, and all are copied unless said otherwise', () => {
    const several = '[{ port: 1, name: tcp-redis }, { port: 2, name: other }]'
    const value = outbound(
      `redis: [
        { match: { key: { prefix: a, removePrefix: true } }, route: { host: ${SINGLE} },
          mirror: [{ route: { host: several.redis.svc.cluster.local } },
                   { route: { host: nobody.example }, percentage: { value: 0.57 }, excludeReadCommands: true },
                   { route: { host: ${SINGLE}, port: 5 }, percentage: { value: 0 } }] },
        { match: {}, route: { host: lost } },
        { route: { host: ${CLUSTER}, port: 7 } },
      ]`,
      [service('redis-single', { ports: '[{ port: 6380, name: tcp-redis }]' }), service('several', { ports: several })],
    )
    const copies = (numerator: object) => ({ defaultValue: { ...numerator, denominator: 'MILLION' } })
    assert.deepEqual(value['prefixRoutes'], {
      routes: [
        {
          prefix: 'a',
          removePrefix: true,
          cluster: `outbound|6380||${SINGLE}`,
          requestMirrorPolicy: [
            {
              cluster: 'outbound|1||several.redis.svc.cluster.local',
              runtimeFraction: copies({ numerator: 1_000_000 }),
            },
            {
              cluster: 'outbound|6379||nobody.example',
              runtimeFraction: copies({ numerator: 5699 }),
              excludeReadCommands: true,
            },
            { cluster: `outbound|5||${SINGLE}`, runtimeFraction: copies({}) },
          ],
        },
      ],
      catchAllRoute: { cluster: `outbound|7||${CLUSTER}` },
    })
  })

  test('of faults', () => {
    const value = outbound('faults: [{ delay: 1s, commands: [GET] }, { type: ERROR, percentage: { value: 50 } }]')
    const half = { numerator: 500_000, denominator: 'MILLION' }
    assert.deepEqual(value['faults'], [
      {
        faultEnabled: { defaultValue: { numerator: 1_000_000, denominator: 'MILLION' } },
        delay: '1s',
        commands: ['GET'],
      },
      { faultType: 'ERROR', faultEnabled: { defaultValue: half } },
    ])
  })

  test('counts in its own namespace, and of several the oldest', () => {
    const made = translate([
      service('redis-cluster'),
      redisService('settings: { opTimeout: 3s }', 'redis', '2026-02-01T00:00:00Z'),
      redisService('settings: { opTimeout: 2s }', 'redis', '2025-01-01T00:00:00Z'),
      redisService('settings: { opTimeout: 1s }', 'other', '2024-01-01T00:00:00Z'),
    ])
    assert.deepEqual(valueOf(made.filters[0])['settings'], { opTimeout: '2s' })
    assert.deepEqual(told(made), [
      ' RedisService other/rules2024: no service of its namespace has this host',
      ' RedisService redis/rules2026: RedisService redis/rules2025, which is older, is for this host',
    ])
  })
})

describe('what a RedisDestination says', () => {
  test('of connections', () => {
    const keepalive = '{ time: 1m0.7s, interval: 5s, probes: 3 }'
    const value = clusterOf(`{ tcp: { maxConnections: 7, connectTimeout: 250ms, tcpKeepalive: ${keepalive} } }`)
    assert.equal(value['connectTimeout'], '0.250s')
    const { thresholds } = value['circuitBreakers'] as { readonly thresholds: readonly { maxConnections: number }[] }
    assert.equal(thresholds[0]?.maxConnections, 7)
    assert.deepEqual(value['upstreamConnectionOptions'], {
      tcpKeepalive: { keepaliveProbes: 3, keepaliveTime: 60, keepaliveInterval: 5 },
    })
  })

  test('of a cluster of Redis: whom to ask', () => {
    const value = clusterOf('{ redis: { mode: CLUSTER, discoveryEndpoints: [a.example, "b.example:1", "[::1]:2"] } }')
    const { endpoints } = value['loadAssignment'] as {
      readonly endpoints: readonly { lbEndpoints: readonly object[] }[]
    }
    assert.deepEqual(
      endpoints[0]?.lbEndpoints,
      [
        { address: 'a.example', portValue: 6379 },
        { address: 'b.example', portValue: 1 },
        { address: '::1', portValue: 2 },
      ].map((socketAddress) => ({ endpoint: { address: { socketAddress } } })),
    )
  })

  test('of how to log in', () => {
    const value = clusterOf(
      '{ redis: { auth: { secret: { name: login } } } }',
      secrets({ username: 'u', token: ' t\n' }),
    )
    assert.deepEqual(value['typedExtensionProtocolOptions'], {
      'envoy.filters.network.redis_proxy': {
        '@type': 'type.googleapis.com/envoy.extensions.filters.network.redis_proxy.v3.RedisProtocolOptions',
        authPassword: { inlineString: 't' },
        authUsername: { inlineString: 'u' },
      },
    })
  })
})

describe('a Secret', () => {
  const auth = (fields = '') => redisService(`settings: { auth: { secret: { name: login ${fields} } } }`)
  const tell = (known: Secrets, fields = '') => {
    const made = translate([service('redis-cluster'), auth(fields)], known)
    assert.deepEqual(made.filters, [], 'what was there stays')
    return told(made)
  }

  test('that cannot be read, or lacks a key, keeps the filters and is told, without what it has', () => {
    const where = '6379 Secret redis/login'
    assert.deepEqual(tell(new Map()), [`${where} has not been read, keeps`])
    assert.deepEqual(tell(new Map([['redis/login', { fault: 'is not there' }]])), [`${where} is not there, keeps`])
    assert.deepEqual(tell(secrets({ password: 'p' }, 'other/login')), [`${where} has not been read, keeps`])
    assert.deepEqual(tell(secrets({ other: 'hidden' })), [`${where} has no password and no token, keeps`])
    assert.deepEqual(tell(secrets({ password: ' \n' })), [`${where} has no password and no token, keeps`])
    assert.deepEqual(tell(secrets({ password: 'p' }), ', passwordField: pass'), [`${where} has no pass, keeps`])
    assert.deepEqual(tell(secrets({ password: 'p' }), ', usernameField: user'), [`${where} has no user, keeps`])
  })

  test('has the keys that are named, or else the usual ones', () => {
    const known = secrets({ username: 'u', password: 'p', a: 'x', b: 'y' })
    const { filters } = translate([service('redis-cluster'), auth(', usernameField: a, passwordField: b')], known)
    assert.deepEqual(valueOf(filters[0])['downstreamAuthUsername'], { inlineString: 'x' })
    assert.deepEqual(valueOf(filters[0])['downstreamAuthPassword'], { inlineString: 'y' })
  })

  test('is one of the namespace of who refers to it, each once', () => {
    const pool = '{ redis: { auth: { secret: { name: login } } } }'
    const world = worldOf([auth(), destination(CLUSTER, pool), destination(SINGLE, '{}')].join('---'))
    assert.deepEqual(secretsOf(redisOf(world)), ['redis/login'])
  })
})

test('a service keeps its filters while something that is said of it is refused', () => {
  const made = translate([service('redis-cluster')], undefined, CLUSTER, new Set([`redis/${CLUSTER}`]))
  assert.deepEqual(made.filters, [])
  assert.deepEqual(told(made), ['6379 a RedisService or RedisDestination for this host is refused, keeps'])
})

test('durations have as many digits as Go writes', () => {
  const cases = { '0s': '0s', '1h': '3600s', '1.5s': '1.500s', '10us': '0.000010s', '1ns': '0.000000001s' }
  for (const [text, expected] of Object.entries(cases)) assert.equal(durationJson(text), expected)
})
