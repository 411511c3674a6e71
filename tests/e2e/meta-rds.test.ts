import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { xdsToJson } from '@meltemi/api/encode'
import {
  type DeltaDiscoveryResponse,
  type DiscoveryResponse,
  RESOURCE_TYPES,
  RouteDiscoveryService,
} from '@meltemi/api/xds'
import { createGrpcClient, type GrpcClient, GrpcCode, type GrpcStatus } from '@meltemi/runtime/grpc'
import { parse } from 'yaml'
import { type Identity, TestAuthority } from '../harness/certificates.ts'
import { type ControlPlaneProcess, startControlPlaneProcess } from '../harness/control-plane-process.ts'

const HOST = 'org.apache.dubbo.samples.basic.api.demoservice'
const ROUTES = `${HOST}_20880`
/** As Istio's agent makes it for a sidecar of the reference. */
const NODE = {
  id: 'sidecar~10.244.0.21~dubbo-sample-consumer-797c4f7cc4-xtrx6.dubbo~dubbo.svc.cluster.local',
  cluster: 'dubbo-sample-consumer.dubbo',
  userAgentName: 'envoy',
}
const RESOURCES = `
apiVersion: networking.istio.io/v1alpha3
kind: ServiceEntry
metadata: { name: demo, namespace: dubbo }
spec:
  hosts: [${HOST}]
  addresses: [240.240.0.1]
  ports: [{ number: 20880, name: tcp-metaprotocol-dubbo, protocol: TCP }, { number: 20881, name: tcp-metaprotocol-dubbo-2 }]
  resolution: STATIC
---
apiVersion: networking.istio.io/v1alpha3
kind: DestinationRule
metadata: { name: demo, namespace: dubbo }
spec:
  host: ${HOST}
  subsets:
  - name: v1
    labels: { version: v1 }
    trafficPolicy: { loadBalancer: { consistentHash: { httpHeaderName: method } } }
  - { name: v2, labels: { version: v2 } }
---
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: demo, namespace: dubbo }
spec:
  hosts: [${HOST}]
  routes:
  - name: x
    match: { attributes: { method: { regex: ^s.*o$ } } }
    route: [{ destination: { host: ${HOST}, subset: v1 } }]
    mirror: { host: ${HOST}, subset: v2 }
    mirrorPercentage: { value: 50 }
    requestMutation: [{ key: foo, value: bar }]
    responseMutation: [{ key: a, value: b }]
  - name: traffic-split
    route:
    - { destination: { host: ${HOST}, subset: v1 }, weight: 20 }
    - { destination: { host: ${HOST}, subset: v2 }, weight: 80 }
`
/** What the reference sends for it. */
const GOLDEN = `
name: ${ROUTES}
virtual_hosts:
- name: dummy
  domains: ["*"]
  routes:
  - name: x
    match: { prefix: "/", headers: [{ name: method, safe_regex_match: { google_re2: {}, regex: "^s.*o$" } }] }
    route:
      cluster: outbound|20880|v1|${HOST}
      hash_policy: [{ header: { header_name: method } }]
      request_mirror_policies:
      - cluster: outbound|20880|v2|${HOST}
        runtime_fraction: { default_value: { numerator: 500000, denominator: MILLION } }
    request_headers_to_add: [{ header: { key: foo, value: bar } }]
    response_headers_to_add: [{ header: { key: a, value: b } }]
  - name: traffic-split
    match: { prefix: "/" }
    route:
      weighted_clusters:
        clusters:
        - { name: "outbound|20880|v1|${HOST}", weight: 20 }
        - { name: "outbound|20880|v2|${HOST}", weight: 80 }
        total_weight: 100
      hash_policy: [{ header: { header_name: method } }]
`

describe('sidecars of the reference get their routes', { timeout: 60_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'meltemi-meta-rds-'))
  const closing: (() => void)[] = []
  let authority: TestAuthority
  let plane: ControlPlaneProcess
  let sidecar: Identity

  before(async () => {
    authority = await TestAuthority.create()
    const server = await authority.issue({ hosts: ['aeraki.istio-system'] })
    sidecar = await authority.issue({ uris: ['spiffe://cluster.local/ns/dubbo/sa/default'] })
    const put = (name: string, text: string) => {
      writeFileSync(join(folder, name), text)
      return join(folder, name)
    }
    const files = ['--xds-tls-cert', put('tls.crt', server.chain), '--xds-tls-key', put('tls.key', server.privateKey)]
    plane = await startControlPlaneProcess({
      folder: put('resources.yaml', RESOURCES),
      runtimeFolder: folder,
      arguments: [...files, '--xds-tls-client-ca', put('ca.crt', authority.pem)],
    })
  })

  after(async () => {
    for (const close of closing) close()
    await plane[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
  })

  function connect(identity: Identity | undefined): GrpcClient {
    const proof = identity && {
      certificates: Buffer.from(identity.chain),
      privateKey: Buffer.from(identity.privateKey),
    }
    const tls = { authorities: Buffer.from(authority.pem), serverName: 'aeraki.istio-system', ...proof }
    const client = createGrpcClient({ address: `127.0.0.1:${plane.xdsPort}`, tls })
    closing.push(() => client.close())
    return client
  }

  /** The first answer to who asks as Envoy does, a stream for each name. Rejects with the status of a call that has failed. */
  function ask(client: GrpcClient, name: string): Promise<DiscoveryResponse> {
    const { promise, resolve, reject } = Promise.withResolvers<DiscoveryResponse>()
    const onClose = (status: GrpcStatus) => reject(status)
    const stream = client.open(RouteDiscoveryService.method.streamRoutes, { onMessage: resolve, onClose })
    stream.write({ node: NODE, resourceNames: [name], typeUrl: RESOURCE_TYPES.route })
    return promise
  }

  function jsonOf({ resources }: DiscoveryResponse): readonly unknown[] {
    return resources.map(({ value }) => xdsToJson('route', value))
  }

  test('over mutual TLS, by the names that EnvoyFilters have, as the reference sends them', async () => {
    const response = await ask(connect(sidecar), ROUTES)
    assert.equal(response.typeUrl, 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration')
    assert.deepEqual(jsonOf(response), [parse(GOLDEN)])
  })

  test('each on a stream of its own, and incrementally as well', async () => {
    const client = connect(sidecar)
    const names = [ROUTES, `${HOST}_20881`]
    const found = await Promise.all(names.map(async (name) => jsonOf(await ask(client, name))))
    assert.deepEqual(
      found.map((each) => each.map((resource) => (resource as { readonly name: string }).name)),
      names.map((name) => [name]),
    )
    const { promise, resolve, reject } = Promise.withResolvers<DeltaDiscoveryResponse>()
    const stream = client.open(RouteDiscoveryService.method.deltaRoutes, { onMessage: resolve, onClose: reject })
    stream.write({ node: NODE, resourceNamesSubscribe: [ROUTES], typeUrl: RESOURCE_TYPES.route })
    const { resources } = await promise
    assert.deepEqual(
      resources.map(({ name }) => name),
      [ROUTES],
    )
  })

  test('of the namespace that their certificate names, and of no other', async () => {
    const other = await authority.issue({ uris: ['spiffe://cluster.local/ns/shop/sa/default'] })
    await assert.rejects(ask(connect(other), ROUTES), { code: GrpcCode.PERMISSION_DENIED })
    const { fetchRoutes } = RouteDiscoveryService.method
    const request = { node: NODE, resourceNames: [ROUTES], typeUrl: RESOURCE_TYPES.route }
    await assert.rejects(connect(other).call(fetchRoutes, request), { code: GrpcCode.PERMISSION_DENIED })
    assert.equal((await connect(sidecar).call(fetchRoutes, request)).resources.length, 1)
  })

  test('and nobody does whose certificate another authority has signed, or who has none', async () => {
    const other = await TestAuthority.create('Other CA')
    const stranger = await other.issue({ uris: ['spiffe://cluster.local/ns/dubbo/sa/default'] })
    for (const identity of [stranger, undefined])
      await assert.rejects(ask(connect(identity), ROUTES), { code: GrpcCode.UNAVAILABLE })
  })
})
