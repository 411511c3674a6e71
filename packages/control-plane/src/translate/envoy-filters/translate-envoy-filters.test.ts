import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { parse } from 'yaml'
import { WorldBuilder } from '../../store/build-world.ts'
import { DRAWN_NUMBERS, drawResource } from '../../testing/draw-resource.ts'
import { byKey, serviceOf, WORLD_OPTIONS } from '../../testing/resources.ts'
import type { EnvoyFilter, FilterPatch } from './envoy-filter.ts'
import type { MeshSettings } from './mesh-settings.ts'
import { type EnvoyFiltersOptions, type ServiceFilters, translateEnvoyFilters } from './translate-envoy-filters.ts'

const HOST = 'org.apache.dubbo.samples.basic.api.demoservice'
const PLAIN: MeshSettings = { accessLog: undefined, randomSampling: undefined }
const OPTIONS: EnvoyFiltersOptions = { rootNamespace: 'istio-system', isNamespaced: false, mesh: PLAIN }
const DUBBO = `
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: ApplicationProtocol
metadata: { name: dubbo }
spec: { protocol: dubbo, codec: aeraki.meta_protocol.codec.dubbo }
`
const PORTS = '[{ number: 20880, name: tcp-metaprotocol-dubbo, protocol: TCP }]'
const SELECTOR = 'workloadSelector: { labels: { app: dubbo-sample-provider } }'

interface EntryParts {
  readonly addresses?: string
  readonly ports?: string
  readonly annotations?: string
  readonly rest?: string
}

function entry({ addresses = '[240.240.0.1]', ports = PORTS, annotations = '{}', rest = '' }: EntryParts = {}): string {
  return `
apiVersion: networking.istio.io/v1alpha3
kind: ServiceEntry
metadata: { name: demo, namespace: dubbo, annotations: ${annotations} }
spec:
  hosts: [${HOST}]
  addresses: ${addresses}
  ports: ${ports}
  ${/resolution/.test(rest) ? '' : 'resolution: STATIC'}
  ${rest}
`
}

function router(spec: string): string {
  return `
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: demo, namespace: rules }
spec:
  hosts: [${HOST}]
  ${spec}
`
}

const LIMITS = `localRateLimit:
    tokenBucket: { maxTokens: 5, tokensPerFill: 5, fillInterval: 60s }
    conditions:
      - match: { attributes: { method: { exact: sayHello } } }
        tokenBucket: { maxTokens: 2, tokensPerFill: 2, fillInterval: 60s }`

function translate(
  documents: readonly string[],
  options: Partial<EnvoyFiltersOptions> = {},
  host = HOST,
): ServiceFilters {
  return translateEnvoyFilters(serviceOf([DUBBO, ...documents].join('---'), host), { ...OPTIONS, ...options })
}

function namesOf({ filters }: ServiceFilters): readonly string[] {
  return filters.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)
}

/** Those of listeners. */
function patchesOf(filter: EnvoyFilter | undefined): readonly FilterPatch[] | undefined {
  return filter?.spec.configPatches.filter(({ applyTo }) => applyTo === 'NETWORK_FILTER') as FilterPatch[]
}

function listenersOf(filter: EnvoyFilter | undefined) {
  return patchesOf(filter)?.map(({ match }) => [match.listener.name, match.listener.filterChain.destinationPort])
}

function valueOf(filter: EnvoyFilter | undefined): Readonly<Record<string, unknown>> {
  return patchesOf(filter)?.[0]?.patch.value.typed_config.value ?? {}
}

/** The words of the reference for its own samples, which both controllers write alike. */
const OUTBOUND = `
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: { name: aeraki-outbound-${HOST}-240.240.0.1-20880, namespace: istio-system, labels: { manager: Aeraki } }
spec:
  configPatches:
  - applyTo: NETWORK_FILTER
    match: { listener: { name: 240.240.0.1_20880, filterChain: { filter: { name: envoy.filters.network.tcp_proxy } } } }
    patch:
      operation: REPLACE
      value:
        name: envoy.filters.network.meta_protocol_proxy
        typed_config:
          "@type": type.googleapis.com/udpa.type.v1.TypedStruct
          type_url: type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy
          value:
            statPrefix: outbound|20880||${HOST}
            applicationProtocol: dubbo
            codec: { name: aeraki.meta_protocol.codec.dubbo }
            rds:
              routeConfigName: ${HOST}_20880
              configSource:
                resourceApiVersion: V3
                apiConfigSource: { apiType: GRPC, transportApiVersion: V3, grpcServices: [{ envoyGrpc: { clusterName: aeraki-xds } }] }
            metaProtocolFilters:
            - { name: aeraki.meta_protocol.filters.metadata_exchange }
            - name: aeraki.meta_protocol.filters.istio_stats
              config:
                "@type": type.googleapis.com/aeraki.meta_protocol_proxy.filters.istio_stats.v1alpha.IstioStats
                destinationService: ${HOST}
            - { name: aeraki.meta_protocol.filters.router }
            tracing: { clientSampling: { value: 100 }, randomSampling: { value: 100 }, overallSampling: { value: 100 } }
`
const INBOUND = `
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: { name: aeraki-inbound-${HOST}-20880, namespace: istio-system, labels: { manager: Aeraki } }
spec:
  workloadSelector: { labels: { app: dubbo-sample-provider } }
  configPatches:
  - applyTo: NETWORK_FILTER
    match:
      listener:
        name: virtualInbound
        filterChain: { destinationPort: 20880, filter: { name: envoy.filters.network.tcp_proxy } }
    patch:
      operation: REPLACE
      value:
        name: envoy.filters.network.meta_protocol_proxy
        typed_config:
          "@type": type.googleapis.com/udpa.type.v1.TypedStruct
          type_url: type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy
          value:
            statPrefix: inbound|20880||
            applicationProtocol: dubbo
            codec: { name: aeraki.meta_protocol.codec.dubbo }
            routeConfig: { name: "inbound|20880||", routes: [{ route: { cluster: "inbound|20880||" } }] }
            metaProtocolFilters:
            - name: aeraki.meta_protocol.filters.local_ratelimit
              config:
                "@type": type.googleapis.com/aeraki.meta_protocol_proxy.filters.local_ratelimit.v1alpha.LocalRateLimit
                statPrefix: ${HOST}
                tokenBucket: { maxTokens: 5, tokensPerFill: 5, fillInterval: 60s }
                conditions:
                - match: { metadata: [{ name: method, exactMatch: sayHello }] }
                  tokenBucket: { maxTokens: 2, tokensPerFill: 2, fillInterval: 60s }
            - { name: aeraki.meta_protocol.filters.metadata_exchange }
            - name: aeraki.meta_protocol.filters.istio_stats
              config:
                "@type": type.googleapis.com/aeraki.meta_protocol_proxy.filters.istio_stats.v1alpha.IstioStats
                destinationService: ${HOST}
            - { name: aeraki.meta_protocol.filters.router }
`

describe('the filters of the reference', () => {
  test('in front of clients, with the tracing of the mesh', () => {
    const { filters, notes } = translate([entry()], { mesh: { ...PLAIN, randomSampling: 100 } })
    assert.deepEqual(filters, [parse(OUTBOUND)])
    assert.deepEqual(notes, [])
  })

  test('in front of workloads, with local limits', () => {
    const { filters } = translate([entry({ rest: SELECTOR }), router(LIMITS)])
    assert.deepEqual(filters[1], parse(INBOUND))
    assert.equal(filters.length, 2)
  })

  test('in front of workloads, with the limits of a service behind the local ones', () => {
    const limits = `${LIMITS}
  globalRateLimit:
    match: { attributes: { method: { exact: sayHello } } }
    domain: production
    requestTimeout: 100ms
    denyOnFail: true
    rateLimitService: outbound|8081||rate-limit-server.test.svc.cluster.local
    descriptors: [{ property: method, descriptorKey: method }]`
    const { filters } = translate([entry({ rest: SELECTOR }), router(limits)])
    const found = valueOf(filters[1])['metaProtocolFilters'] as readonly { readonly name: string }[]
    assert.deepEqual(
      found.map(({ name }) => name.slice('aeraki.meta_protocol.filters.'.length)),
      ['local_ratelimit', 'ratelimit', 'metadata_exchange', 'istio_stats', 'router'],
    )
    assert.deepEqual(
      found[1],
      parse(`
        name: aeraki.meta_protocol.filters.ratelimit
        config:
          "@type": type.googleapis.com/aeraki.meta_protocol_proxy.filters.ratelimit.v1alpha.RateLimit
          match: { metadata: [{ name: method, exactMatch: sayHello }] }
          domain: production
          timeout: 0.100s
          failureModeDeny: true
          rateLimitService:
            grpcService: { envoyGrpc: { clusterName: outbound|8081||rate-limit-server.test.svc.cluster.local } }
          descriptors: [{ property: method, descriptorKey: method }]`),
    )
  })

  test('write their access log as the mesh says', () => {
    const text = { path: '/dev/stdout', format: { kind: 'text' as const, text: '%DURATION%\n' } }
    const json = { path: '/dev/stdout', format: { kind: 'json' as const, json: { took: '%DURATION%' } } }
    const log = (accessLog: MeshSettings['accessLog']) =>
      valueOf(translate([entry()], { mesh: { accessLog, randomSampling: 0 } }).filters[0])
    assert.deepEqual(
      log(text)['accessLog'],
      parse(`
        - name: envoy.access_loggers.file
          typedConfig:
            "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
            path: /dev/stdout
            logFormat: { textFormatSource: { inlineString: "%DURATION%\\n" } }`),
    )
    assert.match(JSON.stringify(log(json)['accessLog']), /"logFormat":\{"jsonFormat":\{"took":"%DURATION%"\}\}/)
    // what is zero is left out, as protobuf's JSON has it
    assert.deepEqual(log(json)['tracing'], {
      clientSampling: { value: 100 },
      randomSampling: {},
      overallSampling: { value: 100 },
    })
  })
})

describe('what Envoy can count by itself', () => {
  const ports = '[{ number: 2181, name: tcp-zookeeper }, { number: 9092, name: TCP-Kafka-1, targetPort: 9093 }]'
  const { filters } = translate([entry({ ports, rest: SELECTOR })])
  const patches = filters.flatMap((filter) => patchesOf(filter) ?? [])

  test('stands before TCP, in front of clients and of workloads, with its name only', () => {
    assert.deepEqual(
      patches.map(({ match, patch }) => [
        match.listener.name,
        match.listener.filterChain.destinationPort,
        patch.operation,
      ]),
      [
        ['240.240.0.1_2181', undefined, 'INSERT_BEFORE'],
        ['virtualInbound', 2181, 'INSERT_BEFORE'],
        ['240.240.0.1_9092', undefined, 'INSERT_BEFORE'],
        ['virtualInbound', 9093, 'INSERT_BEFORE'],
      ],
    )
    assert.deepEqual(
      patches[2]?.patch.value,
      parse(`
        name: envoy.filters.network.kafka_broker
        typed_config:
          "@type": type.googleapis.com/udpa.type.v1.TypedStruct
          type_url: type.googleapis.com/envoy.extensions.filters.network.kafka_broker.v3.KafkaBroker
          value: { statPrefix: "outbound|9092||${HOST}" }`),
    )
    assert.deepEqual(
      patches[1]?.patch.value,
      parse(`
        name: envoy.filters.network.zookeeper_proxy
        typed_config:
          "@type": type.googleapis.com/udpa.type.v1.TypedStruct
          type_url: type.googleapis.com/envoy.extensions.filters.network.zookeeper_proxy.v3.ZooKeeperProxy
          value: { statPrefix: "inbound|2181||" }`),
    )
  })
})

describe('there is a filter', () => {
  test('for each address and each port of a protocol, and none for other ports', () => {
    const ports =
      '[{ number: 1, name: tcp-plain }, { number: 2, name: tcp-metaprotocol-dubbo }, { number: 3, name: tcp-metaprotocol-thrift-x }]'
    const result = translate([entry({ addresses: '[240.240.0.1, "fd00::1"]', ports })])
    const prefix = `istio-system/aeraki-outbound-${HOST}`
    assert.deepEqual(namesOf(result), [
      `${prefix}-240.240.0.1-2`,
      `${prefix}-fd00--1-2`,
      `${prefix}-240.240.0.1-3`,
      `${prefix}-fd00--1-3`,
    ])
    assert.deepEqual(result.filters.map(listenersOf)[1], [['fd00::1_2', undefined]])
  })

  test('for clients only once the service has an address', () => {
    assert.deepEqual(namesOf(translate([entry({ addresses: '[]' })])), [])
    const withSelector = translate([entry({ addresses: '[]', rest: SELECTOR })])
    assert.deepEqual(namesOf(withSelector), [`istio-system/aeraki-inbound-${HOST}-20880`])
  })

  test('for a Service of Kubernetes, where its pods listen', () => {
    const service = `
apiVersion: v1
kind: Service
metadata: { name: hello, namespace: shop }
spec:
  clusterIP: 10.0.0.7
  selector: { app: hello }
  ports: [{ name: tcp-metaprotocol-thrift, port: 9090, targetPort: 9999 }]
`
    const host = 'hello.shop.svc.cluster.local'
    const { filters } = translate([service], {}, host)
    assert.deepEqual(filters.map(listenersOf), [[['10.0.0.7_9090', undefined]], [['virtualInbound', 9999]]])
    assert.deepEqual(filters[1]?.spec.workloadSelector, { labels: { app: 'hello' } })
    assert.deepEqual(valueOf(filters[1])['routeConfig'], {
      name: 'inbound|9090||',
      routes: [{ route: { cluster: 'inbound|9999||' } }],
    })
  })
})

describe('workloads are', () => {
  const inbound = (parts: EntryParts) => translate([entry(parts)]).filters[1]

  test('those that the annotation names, where no selector does', () => {
    const annotated = (text: string) =>
      inbound({ annotations: `{ workloadSelector: "${text}" }` })?.spec.workloadSelector
    assert.deepEqual(annotated('provider'), { labels: { app: 'provider' } })
    assert.deepEqual(annotated('role : provider'), { labels: { role: 'provider' } })
    assert.equal(inbound({}), undefined, 'nobody is selected by an annotation that is not there')
  })

  test('left with the filter they have when the annotation cannot be read', () => {
    const { filters, notes } = translate([entry({ annotations: '{ workloadSelector: "a:b:c" }' })])
    assert.equal(filters.length, 1)
    assert.deepEqual(
      notes.map(({ host, port, keepsOld }) => [host, port, keepsOld]),
      [[HOST, 20880, true]],
    )
  })

  test('met at the port that they have themselves', () => {
    const ports = '[{ number: 20880, name: tcp-metaprotocol-dubbo, targetPort: 8080 }]'
    assert.deepEqual(listenersOf(inbound({ ports, rest: SELECTOR })), [['virtualInbound', 8080]])
    const endpoints = `endpoints:
    - { address: 10.0.0.1, ports: { tcp-metaprotocol-dubbo: 9002 } }
    - { address: 10.0.0.2, ports: { tcp-metaprotocol-dubbo: 9001 } }`
    const each = inbound({ annotations: '{ workloadSelector: x }', rest: endpoints })
    assert.deepEqual(listenersOf(each), [
      ['virtualInbound', 9001],
      ['virtualInbound', 9002],
    ])
  })
})

describe('the namespace is', () => {
  const namespaces = (exportTo: string, options: Partial<EnvoyFiltersOptions> = {}) =>
    translate([entry(), router(`${LIMITS}\n  exportTo: ${exportTo}`)], options).filters.map(
      ({ metadata }) => metadata.namespace,
    )

  test('that of the mesh, or that of the service when it is asked for', () => {
    assert.deepEqual(namespaces('[]'), ['istio-system'])
    assert.deepEqual(namespaces('[]', { rootNamespace: 'mesh' }), ['mesh'])
    assert.deepEqual(namespaces('[]', { isNamespaced: true }), ['dubbo'])
  })

  test('each one that the router is exported to', () => {
    assert.deepEqual(namespaces('[., shop]'), ['rules', 'shop'])
    assert.deepEqual(namespaces('["*"]', { isNamespaced: true }), ['istio-system'])
    assert.deepEqual(namespaces('["~"]'), [])
  })
})

describe('old filters are kept', () => {
  const kept = ({ notes }: ServiceFilters) => notes.filter(({ keepsOld }) => keepsOld).map(({ port }) => port)

  test('of a port whose protocol nobody knows, and the others get theirs', () => {
    const ports =
      '[{ number: 1, name: tcp-metaprotocol }, { number: 2, name: tcp-metaprotocol-what }, { number: 3, name: tcp-metaprotocol-dubbo }]'
    const result = translate([entry({ ports })])
    assert.deepEqual(kept(result), [1, 2])
    assert.equal(result.filters.length, 1)
  })

  test('of a service whose connections go where clients mean them', () => {
    const result = translate([entry({ rest: 'resolution: NONE' })])
    assert.deepEqual([kept(result), result.filters], [[undefined], []])
  })

  test('where no object can have the name', () => {
    const long = `${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}`
    const result = translate([entry().replace(HOST, long)], {}, long)
    assert.deepEqual([kept(result), result.filters], [[20880], []])
  })
})

test('it is said that policies are not kept to', () => {
  const policy = `
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaAuthorizationPolicy
metadata: { name: deny, namespace: dubbo }
spec: { action: DENY, rules: [{ to: [{ operation: { methods: [sayHello] } }] }] }
`
  const { filters, notes } = translate([entry(), policy])
  assert.equal(filters.length, 1)
  assert.match(notes[0]?.message ?? '', /1 authorization polic/)
})

test('whatever the resources say, there are filters with names that objects can have, each once', () => {
  const resource = fc.array(fc.nat(), { minLength: DRAWN_NUMBERS, maxLength: DRAWN_NUMBERS }).map(drawResource)
  fc.assert(
    fc.property(fc.array(resource, { maxLength: 20 }), (list) => {
      const world = new WorldBuilder(WORLD_OPTIONS).apply({ set: byKey(list), deleted: [], modules: new Map() })
      const all = [...world.services.values()].flatMap((view) => translateEnvoyFilters(view, OPTIONS).filters)
      const names = all.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)
      assert.equal(new Set(names).size, names.length)
      for (const name of names) assert.match(name, /^[-a-z0-9.]+\/aeraki-(in|out)bound-[-a-z0-9.]+$/)
    }),
    { numRuns: 300 },
  )
})
