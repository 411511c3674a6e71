import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { ROOT } from '../../../scripts/workspace.ts'
import { type ControlPlaneProcess, startControlPlaneProcess } from '../../harness/control-plane-process.ts'
import { eventually } from './eventually.ts'
import { installDefinitions } from './install-definitions.ts'
import { type Kubernetes, startKubernetes } from './start-kubernetes.ts'

const ISTIO = join(ROOT, '.tmp/istio-crds.yaml')
const MANIFESTS = ['permissions.yaml', 'instead-of-aeraki.yaml'].flatMap((file) => [
  '-f',
  join(ROOT, 'deploy/manifests', file),
])
const ARGUMENTS = [
  '--namespace',
  'meltemi',
  '--envoy-filters',
  '--vips',
  '--bootstrap-xds',
  'aeraki.istio-system:15010',
]
const PATCHES = '.spec.configPatches[0].patch.value.typed_config.value'

interface StoredFilter {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly resourceVersion: string }
}

/** A service of the namespace `shop`. */
function entry(name: string, rest = 'addresses: [10.1.0.1]', port = 'tcp-metaprotocol-thrift'): string {
  return `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}, namespace: shop }
spec:
  hosts: [${name}.shop]
  ports: [{ number: 9090, name: ${port}, protocol: TCP }]
  resolution: STATIC
  workloadSelector: { labels: { app: ${name} } }
  ${rest}
`
}

function router(name: string, spec: string): string {
  return `
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: ${name}, namespace: shop }
spec: { hosts: [${name}.shop], ${spec} }
`
}

/** Of somebody else, or of Aeraki for what we do not serve. */
function filter(name: string, labels: string, value: string): string {
  return `
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: { name: ${name}, namespace: istio-system, labels: ${labels} }
spec:
  configPatches:
  - applyTo: NETWORK_FILTER
    match: { listener: { name: 10.9.0.1_9090 } }
    patch: { operation: REPLACE, value: { name: ${value} } }
`
}

const OURS = '{ manager: Aeraki }'
const OUR_FILTER = 'envoy.filters.network.meta_protocol_proxy'
/** As Aeraki has written it for its own sample. */
const OF_AERAKI = `
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: { name: aeraki-outbound-swapped.shop-10.1.0.9-9090, namespace: istio-system, labels: { manager: Aeraki } }
spec:
  configPatches:
  - applyTo: NETWORK_FILTER
    match: { listener: { name: 10.1.0.9_9090, filterChain: { filter: { name: envoy.filters.network.tcp_proxy } } } }
    patch:
      operation: REPLACE
      value:
        name: envoy.filters.network.meta_protocol_proxy
        typed_config:
          "@type": type.googleapis.com/udpa.type.v1.TypedStruct
          type_url: type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy
          value:
            statPrefix: outbound|9090||swapped.shop
            applicationProtocol: thrift
            codec: { name: aeraki.meta_protocol.codec.thrift }
            rds:
              routeConfigName: swapped.shop_9090
              configSource:
                resourceApiVersion: V3
                apiConfigSource: { apiType: GRPC, transportApiVersion: V3, grpcServices: [{ envoyGrpc: { clusterName: aeraki-xds } }] }
            metaProtocolFilters:
            - { name: aeraki.meta_protocol.filters.metadata_exchange }
            - name: aeraki.meta_protocol.filters.istio_stats
              config:
                "@type": type.googleapis.com/aeraki.meta_protocol_proxy.filters.istio_stats.v1alpha.IstioStats
                destinationService: swapped.shop
            - { name: aeraki.meta_protocol.filters.router }
            tracing: { clientSampling: { value: 100 }, randomSampling: { value: 100 }, overallSampling: { value: 100 } }
`
const MESH = `
apiVersion: v1
kind: ConfigMap
metadata: { name: istio, namespace: istio-system }
data:
  mesh: |
    enableTracing: true
    defaultConfig: { tracing: { sampling: 100 } }
`

describe('in place of Aeraki', { timeout: 240_000 }, () => {
  let kubernetes: Kubernetes
  let folder: string
  let plane: ControlPlaneProcess
  let rounds = 0

  before(async () => {
    assert.ok(existsSync(ISTIO), `${ISTIO} is missing: run scripts/setup-interop.sh istiod`)
    folder = mkdtempSync(join(tmpdir(), 'meltemi-envoy-filters-'))
    kubernetes = await startKubernetes()
    installDefinitions(kubernetes, ISTIO)
    for (const namespace of ['istio-system', 'shop', 'plain']) kubernetes.kubectl(['create', 'namespace', namespace])
    kubernetes.kubectl(['label', 'namespace', 'shop', 'istio-injection=enabled'])
    kubernetes.kubectl(['apply', ...MANIFESTS])
    apply(MESH, OF_AERAKI, entry('swapped', 'addresses: [10.1.0.9]'))
    apply(filter('somebody', '{ team: a }', 'x'), filter('aeraki-gateway-outbound-gateway.shop-9090', OURS, OUR_FILTER))
    apply(filter('aeraki-outbound-cache.shop-10.9.0.1-6379', OURS, 'envoy.filters.network.redis_proxy'))
    apply(filter('aeraki-outbound-gone.shop-10.9.0.1-9090', OURS, OUR_FILTER))
    apply(filter('aeraki-outbound-strange.shop-10.9.0.1-9090', OURS, OUR_FILTER))
    apply(entry('strange', 'addresses: [10.9.0.1]', 'tcp-metaprotocol-unheard-of'), entry('hello'), entry('free', ''))
    plane = await start()
    await eventually('the first filters are there', () => filters().has('aeraki-inbound-hello.shop-9090'))
  })

  after(async () => {
    await plane[Symbol.asyncDispose]()
    await kubernetes[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
  })

  /** With the rights that the manifests give, and no others. */
  function start(): Promise<ControlPlaneProcess> {
    const account = ['create', 'token', 'meltemi-control-plane', '--namespace', 'meltemi']
    const kubeconfig = kubernetes.kubeconfigFor(kubernetes.kubectl(account).trim())
    const runtimeFolder = mkdtempSync(join(folder, 'one-'))
    return startControlPlaneProcess({ folder: { kubeconfig }, runtimeFolder, arguments: ARGUMENTS })
  }

  function apply(...documents: readonly string[]): void {
    kubernetes.kubectl(['apply', '-f', '-'], documents.join('---'))
  }

  /** Version by name. */
  function filters(): ReadonlyMap<string, string> {
    const { items } = JSON.parse(kubernetes.kubectl(['get', 'envoyfilters', '-A', '-o', 'json'])) as {
      readonly items: readonly StoredFilter[]
    }
    return new Map(items.map(({ metadata }) => [metadata.name, metadata.resourceVersion]))
  }

  function get(kind: string, name: string, namespace: string, path: string): string {
    return kubernetes.kubectl(['get', kind, name, '--namespace', namespace, '-o', `jsonpath={${path}}`])
  }

  /** Has a round begin, whose last write deletes a filter; resolves when that is gone. */
  async function nextRound(): Promise<void> {
    const marker = `aeraki-outbound-zz-${++rounds}`
    apply(filter(marker, OURS, OUR_FILTER), entry('trigger', `addresses: [10.2.0.${rounds}]`, 'tcp-plain'))
    await eventually('the round is over', () => !filters().has(marker))
  }

  test('each service has its filters, those of Aeraki are taken over as they are, and those of others stay', async () => {
    await nextRound()
    assert.deepEqual([...filters().keys()].sort(), [
      'aeraki-gateway-outbound-gateway.shop-9090',
      'aeraki-inbound-free.shop-9090',
      'aeraki-inbound-hello.shop-9090',
      'aeraki-inbound-swapped.shop-9090',
      'aeraki-outbound-cache.shop-10.9.0.1-6379',
      'aeraki-outbound-free.shop-240.240.0.1-9090',
      'aeraki-outbound-hello.shop-10.1.0.1-9090',
      // nobody knows a better one
      'aeraki-outbound-strange.shop-10.9.0.1-9090',
      'aeraki-outbound-swapped.shop-10.1.0.9-9090',
      'somebody',
    ])
    assert.equal(
      get('envoyfilter', 'aeraki-outbound-swapped.shop-10.1.0.9-9090', 'istio-system', '.metadata.generation'),
      '1',
    )
  })

  test('another control plane that takes over writes nothing', async () => {
    await nextRound()
    const versions = filters()
    const config = () => get('configmap', 'aeraki-bootstrap-config', 'shop', '.metadata.resourceVersion')
    const [configVersion, entryVersion] = [config(), get('serviceentry', 'free', 'shop', '.metadata.resourceVersion')]
    // it gives back its Lease
    plane.process.child.kill('SIGTERM')
    await plane.process.exited()
    plane = await start()
    await nextRound()
    assert.deepEqual(filters(), versions)
    assert.equal(config(), configVersion)
    assert.equal(get('serviceentry', 'free', 'shop', '.metadata.resourceVersion'), entryVersion)
  })

  test('a rule changes the filters that it concerns, and no others', async () => {
    await nextRound()
    const versions = filters()
    const limit = 'localRateLimit: { tokenBucket: { maxTokens: 5, tokensPerFill: 5, fillInterval: 60s } }'
    apply(router('hello', limit))
    const inbound = 'aeraki-inbound-hello.shop-9090'
    await eventually('it changes', () => filters().get(inbound) !== versions.get(inbound))
    assert.match(get('envoyfilter', inbound, 'istio-system', PATCHES), /local_ratelimit.*"fillInterval":"60s"/)
    await nextRound()
    const changed = [...filters()].filter(([name, version]) => versions.get(name) !== version).map(([name]) => name)
    assert.deepEqual(changed, [inbound])
  })

  test('what others have changed is put right', async () => {
    const name = 'aeraki-outbound-hello.shop-10.1.0.1-9090'
    const patch = '[{ "op": "replace", "path": "/spec/configPatches/0/match/listener/name", "value": "elsewhere" }]'
    kubernetes.kubectl(['patch', 'envoyfilter', name, '--namespace', 'istio-system', '--type=json', '-p', patch])
    await nextRound()
    assert.equal(
      get('envoyfilter', name, 'istio-system', '.spec.configPatches[0].match.listener.name'),
      '10.1.0.1_9090',
    )
  })

  test('a service that goes takes its filters along', async () => {
    kubernetes.kubectl(['delete', 'serviceentry', 'hello', '--namespace', 'shop'])
    await eventually('they are gone', () => ![...filters().keys()].some((name) => name.includes('hello')))
  })

  test('what cannot be written is told, each time, and the rest is written', async () => {
    const inPlain = () => kubernetes.kubectl(['get', 'envoyfilters', '--namespace', 'plain', '--output', 'name'])
    apply(
      entry('exported'),
      router('exported', 'routes: [{ route: [{ destination: { host: exported.shop } }] }], exportTo: [nowhere, plain]'),
    )
    await eventually('where it can be', () => inPlain().includes('inbound-exported'))
    await nextRound()
    for (const which of ['outbound-exported.shop-10.1.0.1-9090', 'inbound-exported.shop-9090'])
      assert.match(plane.process.errors, new RegExp(`create EnvoyFilter nowhere/aeraki-${which}`))
    kubernetes.kubectl(['delete', 'metarouter', 'exported', '--namespace', 'shop'])
    await eventually('they move', () => inPlain() === '')
  })

  test('services without an address get one, whose name is no wildcard', async () => {
    apply(entry('more', ''), entry('plain', '', 'tcp-plain'))
    apply(entry('any', '').replace('any.shop', '"*.any.shop"'))
    await eventually('it has one', () => get('serviceentry', 'more', 'shop', '.spec.addresses[0]') === '240.240.0.2')
    await nextRound()
    for (const name of ['plain', 'any']) assert.equal(get('serviceentry', name, 'shop', '.spec.addresses'), '')
    assert.ok(filters().has('aeraki-outbound-more.shop-240.240.0.2-9090'))
  })

  test('namespaces with sidecars have the ConfigMap that these start from, and others none', async () => {
    const config = () =>
      JSON.parse(get('configmap', 'aeraki-bootstrap-config', 'shop', '.data.custom_bootstrap\\.json')) as unknown
    const before = config()
    const other = '{"data":{"custom_bootstrap.json":"{}"}}'
    kubernetes.kubectl([
      'patch',
      'configmap',
      'aeraki-bootstrap-config',
      '--namespace',
      'shop',
      '--type=merge',
      '-p',
      other,
    ])
    await nextRound()
    assert.deepEqual(config(), before)
    assert.throws(() => get('configmap', 'aeraki-bootstrap-config', 'plain', '.data'), /not found/)
  })
})
