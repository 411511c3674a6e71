import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parse } from 'yaml'
import { worldOf } from '../../testing/resources.ts'
import type { FilterPatch } from './envoy-filter.ts'
import { type Gateway, translateGateways } from './translate-gateways.ts'

const HOST = 'thrift-sample-server.meta-thrift.svc.cluster.local'
const MESH = { accessLog: undefined, randomSampling: undefined }
const PORTS = '[{ number: 9090, name: tcp-metaprotocol-thrift }, { number: 9091, name: tcp-metaprotocol-thrift-b }]'

function service(host = HOST, ports = PORTS): string {
  return `
apiVersion: networking.istio.io/v1alpha3
kind: ServiceEntry
metadata: { name: ${host}, namespace: meta-thrift }
spec: { hosts: [${host}], ports: ${ports}, resolution: STATIC }
`
}

interface RouterParts {
  readonly host?: string
  readonly gateways?: string
  /** Of the only destination; 0: it has none. */
  readonly port?: number
}

function router({ host = HOST, gateways = '[istio-system/istio-ingressgateway]', port = 9090 }: RouterParts = {}) {
  return `
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: ${host}, namespace: meta-thrift }
spec:
  hosts: [${host}]
  gateways: ${gateways}
  routes: [{ route: [{ destination: { host: ${host} ${port === 0 ? '' : `, port: { number: ${port} }`} } }] }]
  localRateLimit: { tokenBucket: { maxTokens: 5, tokensPerFill: 5, fillInterval: 60s } }
`
}

interface GatewayParts {
  readonly name?: string
  readonly namespace?: string
  /** Number → name. */
  readonly ports?: Readonly<Record<number, string>>
  readonly selector?: Readonly<Record<string, string>>
}

function gateway(parts: GatewayParts = {}): Gateway {
  const { name = 'istio-ingressgateway', namespace = 'istio-system' } = parts
  const { ports = { 9090: 'tcp-metaprotocol-thrift' }, selector = { istio: 'ingressgateway' } } = parts
  const servers = Object.entries(ports).map(([number, each]) => ({ port: { number: Number(number), name: each } }))
  return { metadata: { name, namespace }, spec: { selector, servers } }
}

function translate(documents: readonly string[], gateways: readonly Gateway[] = [gateway()]) {
  const services = [...worldOf(documents.join('---')).services.values()]
  return translateGateways({ gateways, services, mesh: MESH })
}

/** Names of filters and of VirtualServices, in order. */
function namesOf({ filters, virtualServices }: ReturnType<typeof translateGateways>): readonly string[] {
  return [...filters, ...virtualServices].map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)
}

const FILTER = `
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata:
  name: aeraki-gateway-outbound-istio-ingressgateway.istio-system-9090
  namespace: istio-system
  labels: { manager: Aeraki }
spec:
  workloadSelector: { labels: { istio: ingressgateway } }
  configPatches:
  - applyTo: NETWORK_FILTER
    match: { listener: { name: 0.0.0.0_9090, filterChain: { filter: { name: envoy.filters.network.tcp_proxy } } } }
    patch:
      operation: REPLACE
      value:
        name: envoy.filters.network.meta_protocol_proxy
        typed_config:
          "@type": type.googleapis.com/udpa.type.v1.TypedStruct
          type_url: type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy
          value:
            statPrefix: outbound|9090||${HOST}
            applicationProtocol: thrift
            codec: { name: aeraki.meta_protocol.codec.thrift }
            rds:
              routeConfigName: ${HOST}_9090
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
`
const VIRTUAL_SERVICE = `
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata:
  name: aeraki-vs-istio-system.istio-ingressgateway-9090
  namespace: istio-system
  labels: { manager: Aeraki }
spec:
  hosts: [${HOST}]
  gateways: [istio-system/istio-ingressgateway]
  tcp: [{ match: [{ port: 9090 }], route: [{ destination: { host: ${HOST}, port: { number: 9090 } } }] }]
`

describe('a gateway', () => {
  test('has the objects of the reference', () => {
    const { filters, virtualServices, notes } = translate([service(), router()])
    assert.deepEqual(filters, [parse(FILTER)])
    assert.deepEqual(virtualServices, [parse(VIRTUAL_SERVICE)])
    assert.deepEqual(notes, [])
  })

  test('has each of its ports apart, for the service whose router sends there', () => {
    const ports = { 9090: 'tcp-metaprotocol-thrift', 9091: 'tcp-MetaProtocol-thrift', 9092: 'tcp-thrift' }
    const documents = [service(), service('b.shop'), router(), router({ host: 'b.shop', port: 9091 })]
    const { filters, virtualServices, notes } = translate(documents, [gateway({ ports })])
    assert.deepEqual(
      filters.map(({ spec }) => (spec.configPatches[0] as FilterPatch).match.listener.name),
      ['0.0.0.0_9090', '0.0.0.0_9091'],
    )
    assert.deepEqual(
      virtualServices.map(({ spec }) => spec.hosts[0]),
      [HOST, 'b.shop'],
    )
    assert.equal(new Set(filters.map(({ metadata }) => metadata.name)).size, 2)
    assert.deepEqual(notes, [])
  })

  test('is named in the namespace of the router, unless it says another', () => {
    const own = gateway({ name: 'own', namespace: 'meta-thrift' })
    const gateways = [own, gateway(), gateway({ name: 'own', namespace: 'shop' })]
    const result = translate([service(), router({ gateways: '[own, meta-thrift/own]' })], gateways)
    assert.deepEqual(namesOf(result), [
      'meta-thrift/aeraki-gateway-outbound-own.meta-thrift-9090',
      'meta-thrift/aeraki-vs-meta-thrift.own-9090',
    ])
  })

  test('has nothing without a router that sends to the same port', () => {
    for (const port of [0, 9091]) assert.deepEqual(namesOf(translate([service(), router({ port })])), [])
    assert.deepEqual(namesOf(translate([service(), router({ gateways: '[]' })])), [])
    assert.deepEqual(namesOf(translate([service(), router()], [gateway({ ports: { 9090: 'tcp-x' } })])), [])
    assert.deepEqual(namesOf(translate([service(), router()], [{ metadata: { name: 'a' }, spec: {} }])), [])
  })
})

describe('it is told', () => {
  const toldOf = (documents: readonly string[], gateways?: readonly Gateway[]) =>
    translate(documents, gateways).notes.map(({ host, message, keepsOld }) => [host, message, keepsOld])

  test('that another service has the port already', () => {
    const result = translate([service(), service('b.shop'), router(), router({ host: 'b.shop' })])
    assert.equal(result.filters.length, 1)
    assert.match(result.notes[0]?.message ?? '', /port 9090 of gateway istio-system\/istio-ingressgateway is that of/)
  })

  test('that there is no such gateway', () => {
    assert.deepEqual(toldOf([service(), router()], []), [
      [HOST, 'there is no gateway istio-system/istio-ingressgateway', false],
    ])
  })

  test('that nobody knows which proxies it has: every proxy would get the filter', () => {
    const [[, message] = []] = toldOf([service(), router()], [gateway({ selector: {} })])
    assert.match(`${message}`, /no selector/)
  })

  test('that the service has no such port; what was there stays while that cannot be served', () => {
    const of = (name: string) => toldOf([service(HOST, `[{ number: 9090, name: ${name} }]`), router()])
    assert.deepEqual(
      of('tcp-plain').map(([, , keepsOld]) => keepsOld),
      [false],
    )
    assert.deepEqual(
      of('tcp-metaprotocol-unheard-of').map(([, , keepsOld]) => keepsOld),
      [true],
    )
  })

  test('that no object can have the name', () => {
    const { notes, ...rest } = translate(
      [service(), router({ gateways: `[${'a'.repeat(240)}]` })],
      [gateway({ name: 'a'.repeat(240), namespace: 'meta-thrift' })],
    )
    assert.deepEqual(namesOf({ notes, ...rest }), [])
    assert.match(notes[0]?.message ?? '', /can be called/)
  })
})
