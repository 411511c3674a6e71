import type {
  ApplicationProtocol,
  DestinationRule,
  EndpointSlice,
  MetaRouter,
  ObjectMeta,
  Resource,
  Service,
  ServiceEntry,
  WorkloadEntry,
} from '@meltemi/api'
import fc from 'fast-check'
import { withVersion } from '../store/resource-version.ts'

/** Few names, so that resources often belong together, or are in each other's way. */

const name = fc.constantFrom('a', 'b', 'c')
const namespace = fc.constantFrom('default', 'shop')
const host = fc.constantFrom('a.default.svc.cluster.local', 'b.shop.svc.cluster.local', 'x.example.com')
const created = fc.constantFrom('', '2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z')
const label = fc.constantFrom('a', 'b')
const labels = fc.record({ app: label, version: fc.constantFrom('v1', 'v2') })
const portName = fc.constantFrom(
  'tcp',
  'tcp-metaprotocol-thrift',
  'tcp-metaprotocol-my-protocol-x',
  'tcp-metaprotocol-no',
)
const port = fc.constantFrom(80, 9090)
const address = fc.constantFrom('10.0.0.1', '10.0.0.2', 'name.example.com')

function meta(isNamespaced = true): fc.Arbitrary<ObjectMeta> {
  return fc.record({
    name,
    namespace: isNamespaced ? namespace : fc.constant(''),
    labels: fc.record({ 'kubernetes.io/service-name': name, version: fc.constantFrom('v1', 'v2') }),
    annotations: fc.constantFrom({}, { 'meltemi.io/multiplexing': 'true' }),
    resourceVersion: fc.constant(''),
    creationTimestamp: created,
  })
}

const entry: fc.Arbitrary<ServiceEntry> = fc.record({
  apiVersion: fc.constant('networking.istio.io/v1' as const),
  kind: fc.constant('ServiceEntry' as const),
  metadata: meta(),
  spec: fc.record({
    hosts: host.map((each) => [each]),
    addresses: fc.constantFrom([], ['10.9.0.1']),
    ports: fc.uniqueArray(fc.record({ number: port, name: portName }), {
      selector: (each) => each.number,
      minLength: 1,
    }),
    resolution: fc.constantFrom('STATIC' as const, 'DNS' as const, 'NONE' as const),
    workloadSelector: fc.record({ labels: fc.record({ app: label }) }),
    exportTo: fc.constantFrom([], ['.'], ['*'], ['shop']),
  }),
})

const service: fc.Arbitrary<Service> = fc.record({
  apiVersion: fc.constant('v1' as const),
  kind: fc.constant('Service' as const),
  metadata: meta(),
  spec: fc.record({
    selector: fc.record({ app: label }),
    ports: fc.uniqueArray(fc.record({ port, name: portName, targetPort: fc.constantFrom(1, 'x') }), {
      selector: (each) => each.port,
      minLength: 1,
    }),
  }),
})

const workload: fc.Arbitrary<WorkloadEntry> = fc.record({
  apiVersion: fc.constant('networking.istio.io/v1' as const),
  kind: fc.constant('WorkloadEntry' as const),
  metadata: meta(),
  spec: fc.record({ address, labels, weight: fc.constantFrom(0, 1, 5) }),
})

const slice: fc.Arbitrary<EndpointSlice> = fc.record({
  apiVersion: fc.constant('discovery.k8s.io/v1' as const),
  kind: fc.constant('EndpointSlice' as const),
  metadata: meta(),
  addressType: fc.constantFrom('IPv4' as const, 'FQDN' as const),
  ports: fc.array(fc.record({ name: portName, port: fc.constant(7777) }), { maxLength: 2 }),
  endpoints: fc.array(fc.record({ addresses: address.map((each) => [each]) }), { maxLength: 2 }),
})

const rule: fc.Arbitrary<DestinationRule> = fc.record({
  apiVersion: fc.constant('networking.istio.io/v1' as const),
  kind: fc.constant('DestinationRule' as const),
  metadata: meta(),
  spec: fc.record({
    host: fc.oneof(host, name),
    trafficPolicy: fc.constantFrom({}, { loadBalancer: { consistentHash: { httpHeaderName: 'user' } } }),
    subsets: fc.constantFrom([], [{ name: 'v1', labels: { version: 'v1' } }]),
    exportTo: fc.constantFrom([], ['shop']),
  }),
})

const router: fc.Arbitrary<MetaRouter> = fc.record({
  apiVersion: fc.constant('metaprotocol.aeraki.io/v1alpha1' as const),
  kind: fc.constant('MetaRouter' as const),
  metadata: meta(),
  spec: fc.record({
    hosts: host.map((each) => [each]),
    routes: fc.array(
      fc.record({
        name,
        match: fc.constantFrom({}, { attributes: { method: { exact: 'hello' }, from: { prefix: 'a' } } }),
        route: fc.array(fc.record({ destination: fc.record({ host, subset: fc.constantFrom('v1', 'v2') }) }), {
          minLength: 1,
          maxLength: 2,
        }),
      }),
      { maxLength: 2 },
    ),
    exportTo: fc.constantFrom([], ['default']),
  }),
})

const protocol: fc.Arbitrary<ApplicationProtocol> = fc.record({
  apiVersion: fc.constant('metaprotocol.aeraki.io/v1alpha1' as const),
  kind: fc.constant('ApplicationProtocol' as const),
  metadata: meta(false),
  spec: fc.record({
    protocol: fc.constantFrom('my', 'my-protocol', 'thrift'),
    codec: fc.constantFrom('my.codec', 'aeraki.meta-protocol.codec.thrift'),
  }),
})

/** Any resource, as accepted; many have the same key. */
export const resource: fc.Arbitrary<Resource> = fc
  .oneof(
    { arbitrary: entry, weight: 4 },
    { arbitrary: service, weight: 3 },
    { arbitrary: workload, weight: 4 },
    { arbitrary: slice, weight: 2 },
    { arbitrary: rule, weight: 3 },
    { arbitrary: router, weight: 4 },
    { arbitrary: protocol, weight: 2 },
  )
  // What generators make has no prototype, or is shared between runs.
  .map((each) => withVersion(structuredClone(each) as Resource))
