import type {
  ApplicationProtocol,
  DestinationRule,
  DubboAuthorizationPolicy,
  EndpointSlice,
  MetaAuthorizationPolicy,
  MetaRouter,
  ObjectMeta,
  Resource,
  Service,
  ServiceEntry,
  WorkloadEntry,
} from '@meltemi/api'
import { withVersion } from '../store/resource-version.ts'

/** Numbers that a resource is drawn with. */
export const DRAWN_NUMBERS = 40

/** Chooses one, or how many. */
type Pick = <T>(choices: readonly T[]) => T

const NAMES = ['a', 'b', 'c']
const HOSTS = ['a.default.svc.cluster.local', 'b.shop.svc.cluster.local', 'x.example.com']
const PORT_NAMES = [
  'tcp',
  'tcp-metaprotocol-thrift',
  'tcp-metaprotocol-dubbo',
  'tcp-metaprotocol-my-protocol-x',
  'tcp-metaprotocol-no',
  'tcp-dubbo',
  'tcp-thrift',
]
const ADDRESSES = ['10.0.0.1', '10.0.0.2', 'name.example.com']
const LABELS = ['a', 'b']
const VERSIONS = ['v1', 'v2']

/**
 * A resource as accepted, for random tests: each number decides one thing, and small ones decide for what is plain.
 * There are few names, so that resources often belong together, or are in each other's way.
 */
export function drawResource(numbers: readonly number[]): Resource {
  let next = 0
  const pick: Pick = (choices) => choices[(numbers[next++ % numbers.length] ?? 0) % choices.length] as never
  const draw = pick([
    entry,
    service,
    workload,
    rule,
    router,
    entry,
    workload,
    router,
    slice,
    protocol,
    policy,
    dubboPolicy,
  ])
  return withVersion(draw(pick))
}

function meta(pick: Pick, isNamespaced = true): ObjectMeta {
  return {
    name: pick(NAMES),
    namespace: isNamespaced ? pick(['default', 'shop']) : '',
    labels: { 'kubernetes.io/service-name': pick(NAMES), version: pick(VERSIONS) },
    annotations: pick([{}, { 'meltemi.io/multiplexing': 'true' }]),
    resourceVersion: '',
    creationTimestamp: pick(['', '2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z']),
  }
}

function several<T>(pick: Pick, counts: readonly number[], draw: (index: number) => T): readonly T[] {
  return Array.from({ length: pick(counts) }, (_, index) => draw(index))
}

function entry(pick: Pick): ServiceEntry {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'ServiceEntry',
    metadata: meta(pick),
    spec: {
      hosts: [pick(HOSTS)],
      addresses: pick([[], ['10.9.0.1']]),
      ports: several(pick, [1, 2], (index) => ({ number: 80 + index, name: pick(PORT_NAMES) })),
      resolution: pick(['STATIC', 'DNS', 'NONE']),
      workloadSelector: { labels: { app: pick(LABELS) } },
      exportTo: pick([[], ['.'], ['*'], ['shop']]),
    },
  }
}

function service(pick: Pick): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: meta(pick),
    spec: {
      selector: { app: pick(LABELS) },
      ports: several(pick, [1, 2], (index) => ({
        port: 80 + index,
        name: pick(PORT_NAMES),
        targetPort: pick([1, 'x']),
      })),
    },
  }
}

function workload(pick: Pick): WorkloadEntry {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'WorkloadEntry',
    metadata: meta(pick),
    spec: {
      address: pick(ADDRESSES),
      labels: { app: pick(LABELS), version: pick(VERSIONS) },
      weight: pick([1, 0, 5]),
    },
  }
}

function slice(pick: Pick): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: meta(pick),
    addressType: pick(['IPv4', 'FQDN']),
    ports: several(pick, [1, 0, 2], () => ({ name: pick(PORT_NAMES), port: 7777 })),
    endpoints: several(pick, [1, 0, 2], () => ({ addresses: [pick(ADDRESSES)] })),
  }
}

function rule(pick: Pick): DestinationRule {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata: meta(pick),
    spec: {
      host: pick([...HOSTS, ...NAMES]),
      trafficPolicy: pick([{}, { loadBalancer: { consistentHash: { httpHeaderName: 'user' } } }]),
      subsets: pick([[], [{ name: 'v1', labels: { version: 'v1' } }]]),
      exportTo: pick([[], ['shop']]),
    },
  }
}

function router(pick: Pick): MetaRouter {
  return {
    apiVersion: 'metaprotocol.aeraki.io/v1alpha1',
    kind: 'MetaRouter',
    metadata: meta(pick),
    spec: {
      hosts: [pick(HOSTS)],
      routes: several(pick, [1, 0, 2], () => ({
        name: pick(NAMES),
        match: pick([{}, { attributes: { method: { exact: 'hello' }, from: { prefix: 'a' } } }]),
        ...pick([{}, { fault: { abort: { percentage: { value: 1 } } } }]),
        route: several(pick, [1, 2], () => ({ destination: { host: pick(HOSTS), subset: pick(VERSIONS) } })),
      })),
      exportTo: pick([[], ['default']]),
    },
  }
}

function policy(pick: Pick): MetaAuthorizationPolicy {
  return {
    apiVersion: 'metaprotocol.aeraki.io/v1alpha1',
    kind: 'MetaAuthorizationPolicy',
    metadata: meta(pick),
    spec: {
      hosts: pick([[], [pick(HOSTS)], [...NAMES]]),
      action: pick(['ALLOW', 'DENY', 'AUDIT']),
      dryRun: pick([false, true]),
      rules: several(pick, [1, 0, 2], () => ({
        from: [{ source: { principals: [pick(NAMES)], ipBlocks: ['10.0.0.0/8'] } }],
        to: [{ operation: { attributes: { method: { exact: pick(NAMES) } } } }],
      })),
    },
  }
}

function dubboPolicy(pick: Pick): DubboAuthorizationPolicy {
  return {
    apiVersion: 'dubbo.aeraki.io/v1alpha1',
    kind: 'DubboAuthorizationPolicy',
    metadata: meta(pick),
    spec: {
      hosts: pick([[], [pick(HOSTS)]]),
      action: pick(['ALLOW', 'DENY']),
      rules: several(pick, [1, 0], () => ({ to: [{ operation: { methods: [pick(NAMES)] } }] })),
    },
  }
}

function protocol(pick: Pick): ApplicationProtocol {
  return {
    apiVersion: 'metaprotocol.aeraki.io/v1alpha1',
    kind: 'ApplicationProtocol',
    metadata: meta(pick, false),
    spec: {
      protocol: pick(['my', 'my-protocol', 'thrift', 'dubbo']),
      codec: pick(['my.codec', 'aeraki.meta-protocol.codec.thrift']),
    },
  }
}
