import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { parse } from 'yaml'
import { completeHost } from '../../store/host-name.ts'
import { serviceOf } from '../../testing/resources.ts'
import type { EnvoyFilter, FilterPatch, NetworkFilter } from './envoy-filter.ts'
import { type ServiceFilters, translateEnvoyFilters } from './translate-envoy-filters.ts'
import { type MeshVirtualService, VirtualServiceIndex } from './virtual-service-index.ts'

const HOST = 'demo.shop'
const OPTIONS = {
  rootNamespace: 'istio-system',
  isNamespaced: false,
  mesh: { accessLog: undefined, randomSampling: undefined },
}
const DUBBO = '[{ number: 20880, name: tcp-dubbo-x, targetPort: 9000 }]'
const THRIFT = '[{ number: 9090, name: TCP-Thrift }]'
const complete = (host: string, namespace: string) => completeHost(host, namespace, 'cluster.local')

interface EntryParts {
  readonly ports?: string
  readonly annotations?: string
  readonly rest?: string
}

function entry({ ports = DUBBO, annotations = '{ interface: org.Demo }', rest = '' }: EntryParts = {}): string {
  return `
apiVersion: networking.istio.io/v1alpha3
kind: ServiceEntry
metadata: { name: demo, namespace: shop, annotations: ${annotations} }
spec:
  hosts: [${HOST}]
  addresses: [240.240.0.1]
  ports: ${ports}
  resolution: STATIC
  workloadSelector: { labels: { app: demo } }
  ${rest}
`
}

function policy(spec: string, name = 'writers', annotations = '{}'): string {
  return `
apiVersion: dubbo.aeraki.io/v1alpha1
kind: DubboAuthorizationPolicy
metadata: { name: ${name}, namespace: shop, annotations: ${annotations} }
spec: ${spec}
`
}

function virtualService(spec: string, metadata = 'name: routes'): MeshVirtualService {
  return parse(`
metadata: { namespace: shop, uid: a, ${metadata} }
spec: { hosts: [${HOST}], ${spec} }
`) as MeshVirtualService
}

function translate(
  documents: readonly string[],
  virtualServices: readonly MeshVirtualService[] = [],
  doubtfulNamespaces: ReadonlySet<string> = new Set(),
  host = HOST,
): ServiceFilters {
  const index = new VirtualServiceIndex(complete, virtualServices)
  const options = { ...OPTIONS, virtualServices: index, doubtfulNamespaces }
  return translateEnvoyFilters(serviceOf(documents.join('---'), host), options)
}

function networkFilterOf(filter: EnvoyFilter | undefined): NetworkFilter | undefined {
  const patch = filter?.spec.configPatches[0] as FilterPatch | undefined
  return patch?.patch.value
}

function valueOf(filter: EnvoyFilter | undefined): Readonly<Record<string, unknown>> {
  return (networkFilterOf(filter)?.typed_config.value ?? {}) as Readonly<Record<string, unknown>>
}

function messages({ notes }: ServiceFilters): readonly string[] {
  return notes.map(({ message, keepsOld }) => `${keepsOld ? 'kept: ' : ''}${message}`)
}

/** Matches and destinations of the filter in front of clients. */
function routes(ports: string, http: string) {
  const { filters, notes } = translate([entry({ ports })], [virtualService(`http: ${http}`)])
  const { routeConfig } = valueOf(filters[0])
  const [config] = Array.isArray(routeConfig) ? routeConfig : [routeConfig]
  const list = (config as { readonly routes: readonly { readonly match: object; readonly route: object }[] }).routes
  return { matches: list.map(({ match }) => match), to: list.map(({ route }) => route), notes }
}

const TO = 'route: [{ destination: { host: demo.shop } }]'
const REGEX = (regex: string) => ({ safeRegex: { googleRe2: {}, regex } })
const ANY = { method: { name: REGEX('.*') } }

describe('a port of Dubbo', () => {
  test('has the filters of the reference', () => {
    const { filters, notes } = translate([entry()])
    assert.deepEqual(
      filters,
      ['240.240.0.1', undefined].map((address) =>
        parse(`
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata:
  name: ${address === undefined ? 'aeraki-inbound-demo.shop-20880' : 'aeraki-outbound-demo.shop-240.240.0.1-20880'}
  namespace: istio-system
  labels: { manager: Aeraki }
spec:
  ${address === undefined ? 'workloadSelector: { labels: { app: demo } }' : ''}
  configPatches:
  - applyTo: NETWORK_FILTER
    match:
      listener:
        name: ${address === undefined ? 'virtualInbound' : '240.240.0.1_20880'}
        filterChain:
          ${address === undefined ? 'destinationPort: 9000' : ''}
          filter: { name: envoy.filters.network.tcp_proxy }
    patch:
      operation: REPLACE
      value:
        name: envoy.filters.network.dubbo_proxy
        typed_config:
          "@type": type.googleapis.com/udpa.type.v1.TypedStruct
          type_url: type.googleapis.com/envoy.extensions.filters.network.dubbo_proxy.v3.DubboProxy
          value:
            statPrefix: ${address === undefined ? 'inbound|20880||' : 'outbound|20880||demo.shop'}
            routeConfig:
            - name: ${address === undefined ? 'inbound|20880||' : 'outbound|20880||demo.shop'}
              interface: ${address === undefined ? '"*"' : 'org.Demo'}
              routes:
              - match: { method: { name: { safeRegex: { googleRe2: {}, regex: .* } } } }
                route: { cluster: ${address === undefined ? 'inbound|9000||' : 'outbound|20880||demo.shop'} }
            dubboFilters: [{ name: envoy.filters.dubbo.router }]
`),
      ),
    )
    assert.deepEqual(notes, [])
  })

  test('of a Service of Kubernetes as well, whose annotation names the interface', () => {
    const service = `
apiVersion: v1
kind: Service
metadata: { name: demo, namespace: shop, annotations: { interface: org.Demo } }
spec: { clusterIP: 10.0.0.7, selector: { app: demo }, ports: [{ name: tcp-dubbo, port: 20880 }] }
`
    const host = 'demo.shop.svc.cluster.local'
    const to = 'http: [{ route: [{ destination: { host: demo, subset: v2 } }] }]'
    const named = parse(`{ metadata: { name: a, namespace: shop }, spec: { hosts: [demo], ${to} } }`)
    const { filters } = translate([service], [named as MeshVirtualService], new Set(), host)
    const [config] = valueOf(filters[0])['routeConfig'] as readonly { interface: string; routes: { route: object }[] }[]
    assert.equal(config?.interface, 'org.Demo')
    assert.deepEqual(config?.routes[0]?.route, { cluster: `outbound|20880|v2|${host}` })
  })

  test('keeps what it has in front of clients while nobody says its interface', () => {
    const result = translate([entry({ annotations: '{}' })])
    assert.deepEqual(
      result.filters.map(({ metadata }) => metadata.name),
      ['aeraki-inbound-demo.shop-20880'],
    )
    assert.deepEqual(messages(result), ['kept: annotation interface is missing, which names the interface of Dubbo'])
  })

  test('has its own filter beside ports of other protocols', () => {
    const ports = '[{ number: 1, name: tcp-x }, { number: 2, name: tcp-thrift }, { number: 3, name: tcp-dubbo }]'
    const { filters } = translate([entry({ ports })])
    assert.deepEqual(
      filters.map((filter) => valueOf(filter)['statPrefix']),
      ['outbound|2||demo.shop', 'inbound|2||', 'outbound|3||demo.shop', 'inbound|3||'],
    )
  })
})

describe('a port of Thrift', () => {
  test('has the filters of the reference, and the type that Envoy asks for', () => {
    const { filters } = translate([entry({ ports: THRIFT })])
    const router = {
      name: 'envoy.filters.thrift.router',
      typedConfig: { '@type': 'type.googleapis.com/envoy.extensions.filters.network.thrift_proxy.router.v3.Router' },
    }
    const values = ['outbound|9090||demo.shop', 'inbound|9090||'].map((name) => ({
      statPrefix: name,
      routeConfig: { name, routes: [{ match: { methodName: '' }, route: { cluster: name } }] },
      thriftFilters: [router],
    }))
    assert.deepEqual(filters.map(valueOf), values)
    assert.deepEqual(
      filters.map(networkFilterOf),
      values.map((value) => ({
        name: 'envoy.filters.network.thrift_proxy',
        typed_config: {
          '@type': 'type.googleapis.com/udpa.type.v1.TypedStruct',
          type_url: 'type.googleapis.com/envoy.extensions.filters.network.thrift_proxy.v3.ThriftProxy',
          value,
        },
      })),
    )
  })

  test('matches methods as Envoy can, and leaves out what it cannot', () => {
    const { matches, notes } = routes(
      THRIFT,
      `[{ match: [{ method: { exact: say } }, { method: { prefix: "echo:" } }, { method: { prefix: sa } },
        { method: { regex: s.y } }, { method: { regex: .* }, headers: { color: { exact: blue } } }], ${TO} }]`,
    )
    assert.deepEqual(matches, [
      { methodName: 'say' },
      { serviceName: 'echo' },
      { methodName: '', headers: [{ name: 'color', exactMatch: 'blue' }] },
    ])
    assert.equal(notes.length, 2)
    for (const { message } of notes)
      assert.match(message, /VirtualService shop\/routes, http\[0\] is left out: Envoy knows methods of Thrift by/)
  })

  test('shares calls by weight', () => {
    const to = `[{ route: [{ destination: { host: demo.shop, subset: v1 }, weight: 10 },
      { destination: { host: other }, weight: 90 }, { destination: { host: none.shop }, weight: 0 }] }]`
    const clusters = [
      { name: 'outbound|9090|v1|demo.shop', weight: 10 },
      { name: 'outbound|9090||other.shop.svc.cluster.local', weight: 90 },
    ]
    assert.deepEqual(routes(THRIFT, to).to, [{ weightedClusters: { clusters } }])
    const dubbo = [
      { name: 'outbound|20880|v1|demo.shop', weight: 10 },
      { name: 'outbound|20880||other.shop.svc.cluster.local', weight: 90 },
    ]
    assert.deepEqual(routes(DUBBO, to).to, [{ weightedClusters: { clusters: dubbo, totalWeight: 100 } }])
  })
})

describe('routes of a VirtualService', () => {
  test('have an entry for each match, in order', () => {
    const { matches, to, notes } = routes(
      DUBBO,
      `[{ match: [{ method: { exact: a } }, { method: { prefix: b }, headers: { y: { regex: c+ }, x: { prefix: d }, z: {} } }], ${TO} },
        { name: rest, route: [{ destination: { host: other.shop, port: { number: 7 } }, weight: 0 }] }]`,
    )
    const headers = [
      { name: 'x', prefixMatch: 'd' },
      { name: 'y', safeRegexMatch: { googleRe2: {}, regex: 'c+' } },
      { name: 'z', presentMatch: true },
    ]
    assert.deepEqual(matches, [
      { method: { name: { exact: 'a' } } },
      { method: { name: { prefix: 'b' } }, headers },
      ANY,
    ])
    const own = { cluster: 'outbound|20880||demo.shop' }
    assert.deepEqual(to, [own, own, { cluster: 'outbound|7||other.shop' }])
    assert.deepEqual(notes, [])
  })

  test('are left out rather than fit more than they say', () => {
    const left = (http: string) => {
      const { matches, notes } = routes(DUBBO, `[${http}, { ${TO} }]`)
      assert.deepEqual(matches, [ANY], http)
      assert.equal(notes.length, 1, http)
      return notes[0]?.message ?? ''
    }
    assert.match(left(`{ match: [{ uri: { prefix: / } }], ${TO} }`), /left out: calls have no uri to match/)
    assert.match(left(`{ match: [{ method: { regex: "(" } }], ${TO} }`), /not RE2/)
    assert.match(left(`{ match: [{ method: { exact: "" } }], ${TO} }`), /empty name/)
    assert.match(left('{ match: [{ method: { exact: a } }], route: [] }'), /no destination/)
    assert.match(left('{ route: [{ destination: { subset: a } }] }'), /no host/)
    const two = (a: string, b: string) =>
      `{ route: [{ destination: { host: a.b }, weight: ${a} }, { destination: { host: c.d }, weight: ${b} }] }`
    assert.match(left(two('0', '0')), /no destination/)
    assert.match(left(two('1.5', '1')), /whole numbers/)
    assert.match(left(two('4294967295', '1')), /whole numbers/)
    assert.match(left('{ match: 1, route: [{ destination: { host: a.b } }] }'), /left out/)
    assert.match(left('null'), /left out/)
  })

  test('say what nobody keeps to', () => {
    const { matches, notes } = routes(DUBBO, `[{ timeout: 1s, retries: { attempts: 1 }, ${TO} }]`)
    assert.deepEqual(matches, [ANY])
    assert.deepEqual(
      notes.map(({ message }) => message),
      ['VirtualService shop/routes, http[0]: nobody keeps to timeout, retries'],
    )
  })

  test('that are for gateways or for another port are none of these', () => {
    const http = `[{ match: [{ gateways: [g] }, { port: 1 }, { port: 20880, gateways: [mesh], method: { exact: a } }], ${TO} }]`
    const { matches, notes } = routes(DUBBO, http)
    assert.deepEqual([matches, notes], [[{ method: { name: { exact: 'a' } } }], []])
  })
})

describe('the VirtualService of a host', () => {
  const interfaceRoutes = (...all: readonly MeshVirtualService[]) => {
    const result = translate([entry()], all)
    const [config] = valueOf(result.filters[0])['routeConfig'] as readonly { routes: { route: object }[] }[]
    return { to: config?.routes.map(({ route }) => route), notes: messages(result) }
  }
  const to = (subset: string) => `http: [{ route: [{ destination: { host: demo.shop, subset: ${subset} } }] }]`

  test('is the oldest one, which is said', () => {
    const old = virtualService(to('old'), 'name: old, creationTimestamp: "2026-01-01T00:00:00Z"')
    const young = virtualService(to('young'), 'name: a-young, creationTimestamp: "2026-02-01T00:00:00Z"')
    const { to: found, notes } = interfaceRoutes(young, old)
    assert.deepEqual(found, [{ cluster: 'outbound|20880|old|demo.shop' }])
    assert.deepEqual(notes, ['VirtualService shop/a-young is not looked at: shop/old is older'])
  })

  test('is none of gateways alone, none without routes for calls, and none that is written here', () => {
    const others = [
      virtualService(`gateways: [shop/g], ${to('g')}`),
      virtualService('tcp: [{ route: [{ destination: { host: a } }] }]'),
      virtualService('http: []'),
      virtualService(to('ours'), 'name: aeraki-vs-shop.g-1, labels: { manager: Aeraki }'),
      parse('{ metadata: { name: delegate }, spec: { http: [{ route: [] }] } }') as MeshVirtualService,
      parse('{ metadata: { name: empty } }') as MeshVirtualService,
    ]
    assert.deepEqual(interfaceRoutes(...others), { to: [{ cluster: 'outbound|20880||demo.shop' }], notes: [] })
    const both = virtualService(`gateways: [shop/g, mesh], ${to('both')}`)
    assert.deepEqual(interfaceRoutes(both).to, [{ cluster: 'outbound|20880|both|demo.shop' }])
  })

  test('that cannot be read leaves the filter in front of clients as it is', () => {
    const result = translateEnvoyFilters(serviceOf(entry(), HOST), OPTIONS)
    assert.deepEqual(
      result.filters.map(({ metadata }) => metadata.name),
      ['aeraki-inbound-demo.shop-20880'],
    )
    assert.deepEqual(messages(result), ['kept: its VirtualServices cannot be read'])
  })

  test('has another version as soon as it is another one', () => {
    const of = (metadata: string) => new VirtualServiceIndex(complete, [virtualService(to('a'), metadata)])
    const first = of('name: a, resourceVersion: "1"')
    assert.equal(first.versionOf(HOST), of('name: a, resourceVersion: "1"').versionOf(HOST))
    assert.notEqual(first.versionOf(HOST), of('name: a, resourceVersion: "2"').versionOf(HOST))
    assert.notEqual(first.versionOf(HOST), first.versionOf('other.shop'))
  })
})

test('whatever a VirtualService says, there are filters that can be written', () => {
  const http = fc.array(
    fc.oneof(
      fc.jsonValue(),
      fc.record({ match: fc.array(fc.jsonValue()), route: fc.array(fc.jsonValue()) }, { requiredKeys: [] }),
    ),
  )
  fc.assert(
    fc.property(http, (routes) => {
      const any = { metadata: { name: 'a' }, spec: { hosts: [HOST], http: routes } } as unknown as MeshVirtualService
      const { filters } = translate([entry()], [any])
      assert.doesNotThrow(() => JSON.stringify(filters))
      assert.ok(filters.length > 0)
    }),
    { numRuns: 200 },
  )
})

describe('policies of Dubbo', () => {
  const filtersOf = (...policies: readonly string[]) => {
    const result = translate([entry(), ...policies])
    return { filters: valueOf(result.filters[1])['dubboFilters'] as readonly unknown[], notes: messages(result) }
  }

  test('are kept to in front of workloads, what denies first, in the words of the reference', () => {
    const { filters, notes } = filtersOf(
      policy('{ rules: [{ to: [{ operation: { interfaces: ["*"], notMethods: [say, "*x"] } }] }] }', 'allowing'),
      policy(`{ action: DENY, rules: [{}, {
        from: [{ source: { principals: [cluster.local/ns/a/sa/b, "*/sa/c"], notNamespaces: ["te*t"] } }, { source: { namespaces: [a] } }],
        to: [{ operation: { methods: ["s*"] } }] }] }`),
    )
    assert.deepEqual(
      filters,
      parse(`
- name: envoy.filters.dubbo.rbac
  config:
    "@type": type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC
    statPrefix: dubbo.
    rules:
      action: DENY
      policies:
        ns[shop]-policy[writers]-rule[0]:
          permissions: [{ andRules: { rules: [{ any: true }] } }]
          principals: [{ andIds: { ids: [{ any: true }] } }]
        ns[shop]-policy[writers]-rule[1]:
          permissions:
          - andRules:
              rules:
              - orRules:
                  rules:
                  - metadata: { filter: envoy.filters.dubbo.rbac, path: [{ key: method }], value: { stringMatch: { prefix: s } } }
          principals:
          - andIds:
              ids:
              - orIds:
                  ids:
                  - authenticated: { principalName: { exact: "spiffe://cluster.local/ns/a/sa/b" } }
                  - authenticated: { principalName: { safeRegex: { googleRe2: {}, regex: "spiffe://.*/sa/c" } } }
              - notId:
                  orIds:
                    ids: [{ authenticated: { principalName: { safeRegex: { googleRe2: {}, regex: ".*/ns/te.*t/.*" } } } }]
          - andIds:
              ids:
              - orIds:
                  ids: [{ authenticated: { principalName: { safeRegex: { googleRe2: {}, regex: ".*/ns/a/.*" } } } }]
- name: envoy.filters.dubbo.rbac
  config:
    "@type": type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC
    statPrefix: dubbo.
    rules:
      policies:
        ns[shop]-policy[allowing]-rule[0]:
          permissions:
          - andRules:
              rules:
              - notRule:
                  orRules:
                    rules:
                    - metadata: { filter: envoy.filters.dubbo.rbac, path: [{ key: method }], value: { stringMatch: { exact: say } } }
                    - metadata: { filter: envoy.filters.dubbo.rbac, path: [{ key: method }], value: { stringMatch: { suffix: x } } }
              - orRules:
                  rules:
                  - metadata: { filter: envoy.filters.dubbo.rbac, path: [{ key: service }], value: { stringMatch: { safeRegex: { googleRe2: {}, regex: .+ } } } }
          principals: [{ andIds: { ids: [{ any: true }] } }]
- name: envoy.filters.dubbo.router
`),
    )
    assert.deepEqual(notes, [])
  })

  test('know clients by each trust domain of the mesh', () => {
    const names = '{ rules: [{ from: [{ source: { principals: [cluster.local/ns/a/sa/b] } }] }] }'
    const mesh = { ...OPTIONS.mesh, trustDomains: ['new', 'old'] }
    const { filters } = translateEnvoyFilters(serviceOf([entry(), policy(names)].join('---'), HOST), {
      ...OPTIONS,
      mesh,
    })
    const words = JSON.stringify(filters)
    for (const domain of ['new', 'old']) assert.ok(words.includes(`{"exact":"spiffe://${domain}/ns/a/sa/b"}`), domain)
    assert.ok(!words.includes('spiffe://cluster.local'))
  })

  test('of ALLOW without rules let nobody in, and of DENY without rules everybody', () => {
    assert.deepEqual(filtersOf(policy('{ action: DENY }')).filters.length, 1)
    const [first] = filtersOf(policy('{}')).filters as readonly { config: { rules: object } }[]
    assert.deepEqual(first?.config.rules, {})
  })

  test('of a dry run, of another kind, or without a filter to keep to them are told of', () => {
    const other = policy('{ action: DENY, rules: [{}] }')
    const meta = other.replace('dubbo.aeraki', 'metaprotocol.aeraki').replace('Dubbo', 'Meta')
    const { filters, notes } = filtersOf(policy('{ rules: [{}] }', 'dry', '{ istio.io/dry-run: "true" }'), meta)
    assert.deepEqual(filters, [{ name: 'envoy.filters.dubbo.router' }])
    assert.match(notes.join(), /1 authorization policies are not kept to,.*dry run/)
    const both = '[{ number: 1, name: tcp-kafka }, { number: 2, name: tcp-dubbo }]'
    assert.deepEqual(messages(translate([entry({ ports: both }), other])), [])
    const bare = entry().replace(/workloadSelector.*/, '')
    assert.match(messages(translate([bare, other])).join(), /no filter in front of workloads/)
  })

  test('that nobody can read leave the filter in front of workloads as it is', () => {
    const result = translate([entry()], [], new Set(['shop']))
    assert.deepEqual(
      result.filters.map(({ metadata }) => metadata.name),
      ['aeraki-outbound-demo.shop-240.240.0.1-20880'],
    )
    assert.match(messages(result).join(), /^kept: namespace shop has a DubboAuthorizationPolicy that is refused$/)
    assert.equal(translate([entry()], [], new Set(['other'])).filters.length, 2)
  })
})
