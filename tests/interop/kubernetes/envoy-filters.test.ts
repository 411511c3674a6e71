import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { ROOT } from '../../../scripts/workspace.ts'
import { type ControlPlaneProcess, startControlPlaneProcess } from '../../harness/control-plane-process.ts'
import { gatewayNode, istioNode } from '../istio/istio-resources.ts'
import { type Istiod, startIstiod } from '../istio/start-istiod.ts'
import { askIstio } from './ask-istio.ts'
import { eventually } from './eventually.ts'
import type { Kubernetes } from './start-kubernetes.ts'

/** The commands of the page: what is applied, and the options of the control plane but for those that a test chooses. */
const PAGE = readFileSync(join(ROOT, 'docs/instead-of-aeraki.md'), 'utf8').replaceAll('\\\n', '')
const MANIFESTS = [...(/^kubectl apply (-f .*)$/m.exec(PAGE)?.[1] ?? '').matchAll(/-f (\S+)/g)].flatMap(
  ([, file = '']) => ['-f', join(ROOT, file)],
)
const ARGUMENTS = (/^meltemi control-plane --kubernetes (.*)$/m.exec(PAGE)?.[1] ?? '')
  .replaceAll(/--xds-(address|tls)\S* \S+/g, '')
  .trim()
  .split(/ +/)
const PATCHES = '.spec.configPatches[0].patch.value.typed_config.value'

interface StoredObject {
  readonly metadata: { readonly name: string; readonly resourceVersion: string }
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

/** Of a router, for a gateway. */
function sendsTo(name: string, port = 9090): string {
  return `gateways: [gateway], routes: [{ route: [{ destination: { host: ${name}.shop, port: { number: ${port} } } }] }]`
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
/** The same of a gateway of its. */
const GATEWAY_FILTER = 'aeraki-gateway-outbound-gateway.shop-9090'
const GATEWAY_FILTER_OF_AERAKI = OF_AERAKI.replace(
  /metadata: .*/,
  `metadata: { name: ${GATEWAY_FILTER}, namespace: shop, labels: { manager: Aeraki } }`,
)
  .replace('spec:', 'spec:\n  workloadSelector: { labels: { istio: ingressgateway } }')
  .replace('10.1.0.9_9090', '0.0.0.0_9090')
const VIRTUAL_SERVICE = 'aeraki-vs-shop.gateway-9090'
const VIRTUAL_SERVICE_OF_AERAKI = `
apiVersion: networking.istio.io/v1alpha3
kind: VirtualService
metadata: { name: ${VIRTUAL_SERVICE}, namespace: shop, labels: { manager: Aeraki } }
spec:
  gateways: [shop/gateway]
  hosts: [swapped.shop]
  tcp: [{ match: [{ port: 9090 }], route: [{ destination: { host: swapped.shop, port: { number: 9090 } } }] }]
`
const GATEWAY = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: gateway, namespace: shop }
spec:
  selector: { istio: ingressgateway }
  servers:
  - { port: { number: 9090, name: tcp-metaprotocol-thrift, protocol: TCP }, hosts: ["*"] }
  - { port: { number: 9091, name: tcp-metaprotocol-thrift, protocol: TCP }, hosts: ["*"] }
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
  let istiod: Istiod
  let kubernetes: Kubernetes
  let folder: string
  let plane: ControlPlaneProcess
  let rounds = 0

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'meltemi-envoy-filters-'))
    istiod = await startIstiod([])
    kubernetes = istiod.kubernetes
    kubernetes.kubectl(['apply', '--server-side', '-f', join(ROOT, 'deploy/crds')])
    kubernetes.kubectl(['create', 'namespace', 'plain'])
    kubernetes.kubectl(['label', 'namespace', 'shop', 'istio-injection=enabled'])
    kubernetes.kubectl(['apply', ...MANIFESTS])
    apply(MESH, OF_AERAKI, entry('swapped', 'addresses: [10.1.0.9]'))
    apply(GATEWAY, router('swapped', sendsTo('swapped')), GATEWAY_FILTER_OF_AERAKI, VIRTUAL_SERVICE_OF_AERAKI)
    apply(VIRTUAL_SERVICE_OF_AERAKI.replace(VIRTUAL_SERVICE, 'aeraki-vs-shop.gone-9090'))
    apply(VIRTUAL_SERVICE_OF_AERAKI.replace(VIRTUAL_SERVICE, 'somebody').replace('shop/gateway', 'shop/another'))
    apply(filter('somebody', '{ team: a }', 'x'), filter('aeraki-gateway-outbound-gone.shop-9090', OURS, OUR_FILTER))
    apply(filter('aeraki-gateway-outbound-cache.shop-6379', OURS, 'envoy.filters.network.redis_proxy'))
    apply(filter('aeraki-outbound-docs.shop-10.9.0.1-27017', OURS, 'envoy.filters.network.mongo_proxy'))
    apply(filter('aeraki-outbound-gone.shop-10.9.0.1-9090', OURS, OUR_FILTER))
    apply(filter('aeraki-outbound-strange.shop-10.9.0.1-9090', OURS, OUR_FILTER))
    apply(entry('strange', 'addresses: [10.9.0.1]', 'tcp-metaprotocol-unheard-of'), entry('hello'), entry('free', ''))
    plane = await start()
    await eventually('the first filters are there', () => filters().has('aeraki-inbound-hello.shop-9090'))
  })

  after(async () => {
    await plane?.[Symbol.asyncDispose]()
    await istiod?.[Symbol.asyncDispose]()
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
  function filters(kind = 'envoyfilters'): ReadonlyMap<string, string> {
    const { items } = JSON.parse(kubernetes.kubectl(['get', kind, '-A', '-o', 'json'])) as {
      readonly items: readonly StoredObject[]
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

  test('the page has the commands that this test runs', () => {
    assert.equal(MANIFESTS.length, 4)
    assert.deepEqual(ARGUMENTS, [
      ...['--namespace', 'meltemi', '--envoy-filters', '--vips', '--bootstrap-xds', 'aeraki.istio-system:15010'],
    ])
  })

  test('each service has its filters, those of Aeraki are taken over as they are, and those of others stay', async () => {
    await nextRound()
    assert.deepEqual([...filters().keys()].sort(), [
      'aeraki-gateway-outbound-cache.shop-6379',
      GATEWAY_FILTER,
      'aeraki-inbound-free.shop-9090',
      'aeraki-inbound-hello.shop-9090',
      'aeraki-inbound-swapped.shop-9090',
      'aeraki-outbound-docs.shop-10.9.0.1-27017',
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
    // also those of gateways
    assert.deepEqual([...filters('virtualservices').keys()].sort(), [VIRTUAL_SERVICE, 'somebody'])
    assert.equal(get('envoyfilter', GATEWAY_FILTER, 'shop', '.metadata.generation'), '1')
    assert.equal(get('virtualservice', VIRTUAL_SERVICE, 'shop', '.metadata.generation'), '1')
  })

  test('the permissions that this takes are no others', () => {
    const account = 'system:serviceaccount:meltemi:meltemi-control-plane'
    const may = (...what: readonly string[]) => {
      try {
        return kubernetes.kubectl(['auth', 'can-i', ...what, '--as', account]).trim()
      } catch {
        return 'no' // it ends with 1
      }
    }
    assert.equal(may('list', 'configmaps/aeraki-bootstrap-config', '-A'), 'yes')
    assert.equal(may('list', 'configmaps', '-A'), 'no')
    assert.equal(may('update', 'configmaps/another', '--namespace', 'shop'), 'no')
    assert.equal(may('get', 'configmaps/another', '--namespace', 'istio-system'), 'no')
    assert.equal(may('delete', 'gateways.networking.istio.io', '-A'), 'no')
    assert.equal(may('delete', 'serviceentries.networking.istio.io', '-A'), 'no')
  })

  test('another control plane that takes over writes nothing', async () => {
    const versions = filters()
    const virtualServices = filters('virtualservices')
    const config = () => get('configmap', 'aeraki-bootstrap-config', 'shop', '.metadata.resourceVersion')
    const [configVersion, entryVersion] = [config(), get('serviceentry', 'free', 'shop', '.metadata.resourceVersion')]
    // it gives back its Lease
    plane.process.child.kill('SIGTERM')
    await plane.process.exited()
    plane = await start()
    await nextRound()
    // gateways come last in a round
    await nextRound()
    assert.deepEqual(filters(), versions)
    assert.deepEqual(filters('virtualservices'), virtualServices)
    assert.equal(config(), configVersion)
    assert.equal(get('serviceentry', 'free', 'shop', '.metadata.resourceVersion'), entryVersion)
  })

  test('a rule changes the filters that it concerns, and no others', async () => {
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

  test('what cannot be written is told, each of it, and tried again; the rest is written', async () => {
    const inPlain = () => kubernetes.kubectl(['get', 'envoyfilters', '--namespace', 'plain', '--output', 'name'])
    apply(
      entry('exported'),
      router('exported', 'routes: [{ route: [{ destination: { host: exported.shop } }] }], exportTo: [nowhere, plain]'),
    )
    await eventually('where it can be', () => inPlain().includes('inbound-exported'))
    for (const which of ['outbound-exported.shop-10.1.0.1-9090', 'inbound-exported.shop-9090'])
      await eventually(which, () => plane.process.errors.includes(`create EnvoyFilter nowhere/aeraki-${which}`))
    kubernetes.kubectl(['create', 'namespace', 'nowhere'])
    const inNowhere = ['get', 'envoyfilters', '--namespace', 'nowhere', '--output', 'name']
    await eventually('it is tried again', () => kubernetes.kubectl(inNowhere).includes('inbound-exported'))
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

  test('Istio puts them in front of clients and of workloads, where these listen', async () => {
    const workload = {
      metadata: { name: 'web', namespace: 'shop' },
      spec: { address: '192.0.2.10', labels: { app: 'web' } },
    }
    istiod.apply([{ apiVersion: 'networking.istio.io/v1', kind: 'WorkloadEntry', ...workload }])
    apply(entry('web', 'addresses: [10.1.0.2]').replace('protocol: TCP', 'protocol: TCP, targetPort: 8080'))
    using _ = askIstio(istiod.port, istioNode('web', 'REDIRECT'))
    let dump = ''
    await eventually('both filters are there', async () => {
      dump = await istiod.debug('/debug/config_dump?proxyID=web.shop')
      return valueIn(dump, '10.1.0.2_9090') !== undefined && valueIn(dump, 'virtualInbound', 8080) !== undefined
    })
    assert.equal(valueIn(dump, '10.1.0.2_9090')?.['statPrefix'], 'outbound|9090||web.shop')
    const routes = [{ route: { cluster: 'inbound|8080||' } }]
    assert.deepEqual(valueIn(dump, 'virtualInbound', 8080)?.['routeConfig'], { name: 'inbound|9090||', routes })
    assert.match(dump, /"name": *"inbound\|8080\|\|"/, 'Istio has a cluster of that name')
  })

  test('Istio puts them into gateways, at each port for its service, until no router names these', async () => {
    const second = entry('second', 'addresses: [10.1.0.3]').replace('number: 9090', 'number: 9091')
    apply(second, router('second', sendsTo('second', 9091)))
    using _ = askIstio(istiod.port, gatewayNode('10.244.0.40'))
    const statPrefix = async (port: number) => {
      const dump = await istiod.debug('/debug/config_dump?proxyID=gateway.shop')
      return valueIn(dump, `0.0.0.0_${port}`)?.['statPrefix']
    }
    for (const [port, name] of [
      [9090, 'swapped'],
      [9091, 'second'],
    ] as const)
      await eventually(name, async () => (await statPrefix(port)) === `outbound|${port}||${name}.shop`)
    const patch = '[{ "op": "replace", "path": "/spec/tcp/0/match/0/port", "value": 9099 }]'
    kubernetes.kubectl(['patch', 'virtualservice', VIRTUAL_SERVICE, '--namespace', 'shop', '--type=json', '-p', patch])
    kubernetes.kubectl(['delete', 'metarouter', 'second', '--namespace', 'shop'])
    const tcp = () => get('virtualservice', VIRTUAL_SERVICE, 'shop', '.spec.tcp[0].match[0].port')
    await eventually('what was changed is put right', () => tcp() === '9090')
    await eventually('what is stale is gone', () => !filters('virtualservices').has('aeraki-vs-shop.gateway-9091'))
    await eventually('its filter as well', () => !filters().has('aeraki-gateway-outbound-gateway.shop-9091'))
    assert.ok(filters().has(GATEWAY_FILTER))
    kubernetes.kubectl(['delete', 'gateways.networking.istio.io', 'gateway', '--namespace', 'shop'])
    await eventually('all goes with the gateway', () => !filters().has(GATEWAY_FILTER))
    assert.deepEqual([...filters('virtualservices').keys()], ['somebody'])
  })
})

interface Filter {
  readonly name: string
  readonly typedConfig?: { readonly value?: Readonly<Record<string, unknown>> }
}

interface Listener {
  readonly name: string
  readonly filterChains?: readonly {
    readonly filterChainMatch?: { readonly destinationPort?: number }
    readonly filters?: readonly Filter[]
  }[]
}

/** What our filter is told in a listener, in the chain of a port. */
function valueIn(dump: string, name: string, port?: number): Readonly<Record<string, unknown>> | undefined {
  return listenersOf(dump)
    .filter((listener) => listener.name === name)
    .flatMap(({ filterChains = [] }) => filterChains)
    .filter(({ filterChainMatch: match }) => match?.destinationPort === port)
    .flatMap(({ filters = [] }) => filters)
    .find((each) => each.name === OUR_FILTER)?.typedConfig?.value
}

/** In a dump of Envoy's kind, in the names of JSON. */
function listenersOf(dump: string): readonly Listener[] {
  const { configs } = JSON.parse(dump) as { readonly configs: readonly Record<string, unknown>[] }
  const all = configs.flatMap((config) => (config['dynamicListeners'] ?? []) as readonly DynamicListener[])
  return all.flatMap(({ activeState }) => activeState?.listener ?? [])
}

interface DynamicListener {
  readonly activeState?: { readonly listener?: Listener }
}
