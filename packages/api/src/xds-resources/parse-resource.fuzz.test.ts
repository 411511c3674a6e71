import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodeCluster } from '../encode/cluster.ts'
import { encodeCodecModule } from '../encode/codec-module.ts'
import { encodeEndpoints } from '../encode/endpoints.ts'
import { encodeListener } from '../encode/listener.ts'
import { encodeRoutes } from '../encode/routes.ts'
import type { ClusterConfig, EndpointConfig, ListenerConfig, RouteTableConfig } from '../model/index.ts'
import { parseBootstrap } from '../parse-bootstrap.ts'
import { parseCluster } from './parse-cluster.ts'
import { parseCodecModule } from './parse-codec-module.ts'
import { parseEndpoints } from './parse-endpoints.ts'
import { parseListener } from './parse-listener.ts'
import { parseRoutes } from './parse-routes.ts'
import type { ResourceContext } from './resource-context.ts'

const CONTEXT: ResourceContext = {
  options: {},
  sources: { hasAds: true, staticClusters: new Set() },
  connectionLimits: new Map(),
}

const { listener, cluster } = sample()
const { filter } = listener
const routes: RouteTableConfig = filter.kind === 'meta-protocol' ? filter.routes : assert.fail()
const KINDS = [
  [parseCluster, encodeCluster(cluster)],
  [parseEndpoints, encodeEndpoints({ cluster: 'a', endpoints: cluster.endpoints as readonly EndpointConfig[] })],
  [parseListener, encodeListener(listener)],
  [parseRoutes, encodeRoutes(routes)],
  [parseCodecModule, encodeCodecModule({ codec: 'c', digest: 'a'.repeat(64), source: Buffer.from('x') })],
] as const

test('whatever bytes a control plane sends, each is a resource or has problems', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      for (const [parse] of KINDS) assertRead(parse, bytes)
    }),
    { numRuns: 2_000 },
  )
})

test('nor does it matter which bytes of a good one are others, or missing', () => {
  const change = fc.record({ at: fc.nat(), bytes: fc.uint8Array({ maxLength: 8 }), skipped: fc.nat({ max: 8 }) })
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
      for (const [parse, good] of KINDS) {
        let bytes = Buffer.from(good)
        for (const { at, bytes: inserted, skipped } of changes) {
          const place = at % (bytes.length + 1)
          bytes = Buffer.concat([bytes.subarray(0, place), inserted, bytes.subarray(place + skipped)])
        }
        assertRead(parse, bytes)
      }
    }),
    { numRuns: 2_000 },
  )
})

function assertRead(parse: (typeof KINDS)[number][0], bytes: Uint8Array): void {
  const { name, value, problems } = parse(bytes, CONTEXT)
  const hasErrors = problems.some(({ severity }) => severity === 'error')
  assert.equal(value === undefined, hasErrors)
  if (value !== undefined) assert.notEqual(name, '')
}

/** A cluster and a listener with a bit of everything. */
function sample(): { readonly listener: ListenerConfig; readonly cluster: ClusterConfig } {
  const typed = `"@type": type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy, stat_prefix: s,
    protocol: {name: p, codec: {name: c, config: {"@type": x/google.protobuf.Struct, value: {a: [1, {b: x}]}}}}, idle_timeout: 3s,
    route_config: {name: r, routes: [{match: {metadata: [{name: m, safe_regex_match: {regex: "a+"}}, {name: n, range_match: {start: 1, end: 5}}]},
      route: {weighted_clusters: {clusters: [{name: a, weight: 1}, {name: b, weight: 2}]}, hash_policy: [k], request_mirror_policies: [{cluster: a}], timeout: 1.5s}}]}`
  const { config } = parseBootstrap(
    `static_resources:
  clusters: [{name: a, lb_policy: MAGLEV, load_assignment: {cluster_name: a, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 1}}}}]}]}}, {name: b}]
  listeners: [{name: l, address: {socket_address: {address: 127.0.0.1, port_value: 1}}, filter_chains: [{filters: [{name: f, typed_config: {${typed}}}]}]}]`,
    '',
  )
  const [listener, cluster] = [config?.listeners[0], config?.clusters[0]]
  return listener === undefined || cluster === undefined ? assert.fail('no sample') : { listener, cluster }
}
