import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { findProgram } from '../../../benchmarks/peers/find-program.ts'
import { ROOT } from '../../../scripts/workspace.ts'
import { type ControlPlaneProcess, startControlPlaneProcess } from '../../harness/control-plane-process.ts'
import { freePort } from '../../harness/index.ts'
import { istioNode } from '../istio/istio-resources.ts'
import { type Istiod, startIstiod } from '../istio/start-istiod.ts'
import { type RedisProcess, startRedis } from '../ratelimit/redis-process.ts'
import { runEnvoy } from '../xds/envoy-process.ts'
import { askIstio } from './ask-istio.ts'
import { eventually } from './eventually.ts'
import type { Kubernetes } from './start-kubernetes.ts'

const MANIFESTS = ['permissions', 'instead-of-aeraki'].flatMap((name) => [
  '-f',
  join(ROOT, `deploy/manifests/${name}.yaml`),
])
const FRONT = 'front.shop'
const PASSWORD = 'said-by-clients'
const OWN_PASSWORD = 'said-to-redis'

/** Those that have a redis-server behind them. */
const HOSTS = [FRONT, 'prefixed.shop', 'copies.shop', 'members.shop'] as const

type Json = Readonly<Record<string, unknown>>

interface Patch {
  readonly applyTo: string
  readonly patch: { readonly operation: string; readonly value?: Json & { readonly name: string } }
}

interface StoredFilter {
  readonly metadata: { readonly name: string; readonly resourceVersion: string }
  readonly spec: { readonly configPatches: readonly Patch[] }
}

function entry(host: string, index: number, targetPort = 6379): string {
  return `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${host.split('.')[0]}, namespace: shop }
spec:
  hosts: [${host}]
  addresses: [10.3.0.${index + 1}]
  ports: [{ number: 6379, name: tcp-redis, protocol: TCP, targetPort: ${targetPort} }]
  resolution: STATIC
  endpoints: [{ address: 127.0.0.1 }]
`
}

function secret(name: string, password: string): string {
  return `
apiVersion: v1
kind: Secret
metadata: { name: ${name}, namespace: shop }
stringData: { password: "${password}\\n" }
`
}

function destination(host: string, redis: string): string {
  return `
apiVersion: redis.aeraki.io/v1alpha1
kind: RedisDestination
metadata: { name: ${host.split('.')[0]}, namespace: shop }
spec: { host: ${host}, trafficPolicy: { connectionPool: { redis: ${redis} } } }
`
}

const RULES = `
apiVersion: redis.aeraki.io/v1alpha1
kind: RedisService
metadata: { name: front, namespace: shop }
spec:
  host: [${FRONT}]
  settings: { opTimeout: 5s, caseInsensitive: true, auth: { secret: { name: clients } } }
  redis:
  - match: { key: { prefix: "P:", removePrefix: true } }
    route: { host: prefixed.shop }
    mirror: [{ route: { host: copies.shop } }]
  - match: { key: { prefix: "m:" } }
    route: { host: members.shop }
  - route: { host: ${FRONT} }
  faults: [{ type: ERROR, commands: [INCR] }]
`
/** As Aeraki has left it of a service that is gone. */
const STALE = `
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: { name: aeraki-outbound-gone.shop-10.9.0.1-6379, namespace: istio-system, labels: { manager: Aeraki } }
spec:
  configPatches:
  - applyTo: NETWORK_FILTER
    match: { listener: { name: 10.9.0.1_6379 } }
    patch: { operation: REPLACE, value: { name: envoy.filters.network.redis_proxy } }
  - applyTo: CLUSTER
    match: { cluster: { name: outbound|6379||gone.shop } }
    patch: { operation: REMOVE }
  - applyTo: CLUSTER
    patch: { operation: ADD, value: { name: outbound|6379||gone.shop } }
`

describe('Redis in the place of Aeraki', { timeout: 240_000 }, () => {
  const stack = new AsyncDisposableStack()
  let istiod: Istiod
  let kubernetes: Kubernetes
  let folder: string
  let plane: ControlPlaneProcess
  let servers: readonly RedisProcess[]

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'meltemi-redis-filters-'))
    stack.defer(() => rmSync(folder, { recursive: true, force: true }))
    const own = [`requirepass ${OWN_PASSWORD}`]
    servers = await Promise.all([
      startRedis(own, ['-a', OWN_PASSWORD, '--no-auth-warning']),
      startRedis(),
      startRedis(),
      startRedis(['cluster-enabled yes', 'cluster-announce-ip 127.0.0.1']),
    ])
    for (const server of servers) stack.use(server)
    servers[3]?.cli('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
    istiod = stack.use(await startIstiod([]))
    kubernetes = istiod.kubernetes
    kubernetes.kubectl(['apply', '--server-side', '-f', join(ROOT, 'deploy/crds')])
    kubernetes.kubectl(['create', 'namespace', 'meltemi'])
    kubernetes.kubectl(['apply', ...MANIFESTS])
    apply(STALE, ...HOSTS.map((host, index) => entry(host, index)))
    plane = await start()
    stack.defer(() => plane[Symbol.asyncDispose]())
  })

  after(() => stack.disposeAsync())

  function start(): Promise<ControlPlaneProcess> {
    const account = ['create', 'token', 'meltemi-control-plane', '--namespace', 'meltemi']
    const kubeconfig = kubernetes.kubeconfigFor(kubernetes.kubectl(account).trim())
    const runtimeFolder = mkdtempSync(join(folder, 'one-'))
    const args = ['--namespace', 'meltemi', '--envoy-filters']
    return startControlPlaneProcess({ folder: { kubeconfig }, runtimeFolder, arguments: args })
  }

  function apply(...documents: readonly string[]): void {
    kubernetes.kubectl(['apply', '-f', '-'], documents.join('---'))
  }

  function filters(): ReadonlyMap<string, StoredFilter> {
    const { items } = JSON.parse(kubernetes.kubectl(['get', 'envoyfilters', '-A', '-o', 'json'])) as {
      readonly items: readonly StoredFilter[]
    }
    return new Map(items.map((item) => [item.metadata.name, item]))
  }

  function filterOf(host: string): StoredFilter | undefined {
    return filters().get(`aeraki-outbound-${host}-10.3.0.${HOSTS.indexOf(host as never) + 1}-6379`)
  }

  function versions(): readonly string[] {
    return [...filters().values()].map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`).sort()
  }

  /** What is said in front of clients. */
  function valueOf(host: string): Json {
    const [patch] = filterOf(host)?.spec.configPatches ?? []
    return (patch?.patch.value?.['typed_config'] as { readonly value?: Json } | undefined)?.value ?? {}
  }

  test('each service has its filters and its cluster, and those of a service that is gone go', async () => {
    for (const host of HOSTS) await eventually(host, () => filterOf(host)?.spec.configPatches.length === 3)
    await eventually('the stale one is gone', () => !filters().has('aeraki-outbound-gone.shop-10.9.0.1-6379'))
  })

  test('nothing may be read of Secrets until a namespace says so, and what is not known leaves things as they are', async () => {
    const before = valueOf(FRONT)
    const copies = filterOf('copies.shop')?.metadata.resourceVersion
    apply(secret('clients', PASSWORD), secret('own', OWN_PASSWORD), RULES)
    const why = 'Secret shop/clients may not be read'
    await eventually('it is told', () => plane.process.errors.includes(why))
    assert.deepEqual(valueOf(FRONT), before)
    const binding = ['create', 'rolebinding', 'meltemi-redis-secrets', '--clusterrole', 'meltemi-redis-secrets']
    kubernetes.kubectl([...binding, '--serviceaccount', 'meltemi:meltemi-control-plane', '--namespace', 'shop'])
    const account = ['--as', 'system:serviceaccount:meltemi:meltemi-control-plane']
    assert.throws(() => kubernetes.kubectl(['auth', 'can-i', 'get', 'secrets', '--namespace', 'default', ...account]))
    const members = `{ mode: CLUSTER, discoveryEndpoints: ["127.0.0.1:${servers[3]?.port}"] }`
    apply(destination(FRONT, '{ auth: { secret: { name: own } } }'), destination('members.shop', members))
    await eventually('it may be read', () => JSON.stringify(valueOf(FRONT)).includes(PASSWORD))
    assert.equal(filterOf('copies.shop')?.metadata.resourceVersion, copies, 'no other one is written')
    await eventually('whom to ask', () => JSON.stringify(filterOf('members.shop')).includes('envoy.clusters.redis'))
    assert.doesNotMatch(plane.process.errors, new RegExp(`${PASSWORD}|${OWN_PASSWORD}`))
    const { conditions } = JSON.parse(
      kubernetes.kubectl(['get', 'rsvc', 'front', '--namespace', 'shop', '-o', 'jsonpath={.status}']),
    ) as { readonly conditions: readonly { readonly status: string }[] }
    assert.equal(conditions[0]?.status, 'True')
  })

  test('a real Envoy that is told the same serves real servers', { timeout: 60_000 }, async () => {
    const port = await freePort()
    await using envoy = runEnvoy(bootstrap(port))
    const say = (...args: readonly string[]) => {
      const program = findProgram('redis-cli') as string
      return spawnSync(program, ['-p', String(port), ...args], { encoding: 'utf8' }).stdout.trimEnd()
    }
    const login = ['-a', PASSWORD, '--no-auth-warning']
    await eventually('it serves', () => {
      assert.ok(envoy.isRunning, envoy.log())
      return say(...login, 'SET', 'key', 'plain') === 'OK'
    })
    assert.match(say('GET', 'key'), /NOAUTH/)
    assert.match(say('-a', 'another', '--no-auth-warning', 'GET', 'key'), /WRONGPASS|NOAUTH/)
    assert.equal(say(...login, 'GET', 'key'), 'plain')
    const [front, prefixed, copies, members] = servers
    assert.equal(front?.cli('GET', 'key'), 'plain')
    assert.equal(say(...login, 'SET', 'p:key', 'prefixed'), 'OK')
    assert.equal(prefixed?.cli('GET', 'key'), 'prefixed', 'without regard to case, and without the prefix')
    await eventually('the copy is there', () => copies?.cli('GET', 'key') === 'prefixed')
    await eventually('the cluster says who has which', () => say(...login, 'SET', 'm:key', 'member') === 'OK')
    assert.equal(members?.cli('GET', 'm:key'), 'member')
    assert.match(say(...login, 'INCR', 'number'), /Fault Injected/)
  })

  test('Istio has the clusters in the place of its own', async () => {
    using asked = askIstio(istiod.port, istioNode('web', 'REDIRECT'))
    assert.ok(asked)
    await eventually('they are there', async () => {
      const dump = await istiod.debug('/debug/config_dump?proxyID=web.shop')
      const clusters = clustersIn(dump).filter(({ name }) => name === 'outbound|6379||front.shop')
      return clusters.length === 1 && clusters[0]?.['lbPolicy'] === 'MAGLEV' && dump.includes('envoy.clusters.redis')
    })
  })

  test('what a Secret says is looked at again, and another control plane writes nothing', async () => {
    const changed = secret('clients', 'said-later')
    apply(changed, entry('front.shop', 0, 6380))
    await eventually('it is the new one', () => JSON.stringify(valueOf(FRONT)).includes('said-later'))
    const before = versions()
    plane.process.child.kill('SIGTERM')
    await plane.process.exited()
    // what the first round of the next one writes last
    apply(STALE)
    plane = await start()
    await eventually('its round is over', () => !filters().has('aeraki-outbound-gone.shop-10.9.0.1-6379'))
    assert.deepEqual(versions(), before)
  })

  /** A listener with the filter, and clusters that know the servers without Istio. */
  function bootstrap(port: number): object {
    const [filter] = filterOf(FRONT)?.spec.configPatches ?? []
    const address = (port_value: number) => ({ socket_address: { address: '127.0.0.1', port_value } })
    const clusters = HOSTS.map((host, index) => {
      const added = filterOf(host)?.spec.configPatches.find(({ patch }) => patch.operation === 'ADD')?.patch.value
      // Istio's own filter is not in every Envoy
      const { filters: _, type, edsClusterConfig, ...cluster } = added as Json
      if (edsClusterConfig === undefined) return cluster
      const endpoint = { address: address(servers[index]?.port ?? 0) }
      const load_assignment = { cluster_name: 'x', endpoints: [{ lb_endpoints: [{ endpoint }] }] }
      assert.equal(type, 'EDS')
      return { ...cluster, type: 'STATIC', load_assignment }
    })
    const listener = { name: 'l', address: address(port), filter_chains: [{ filters: [filter?.patch.value] }] }
    return { static_resources: { listeners: [listener], clusters } }
  }
})

/** In a dump of Envoy's kind, in the names of JSON. */
function clustersIn(dump: string): readonly (Json & { readonly name: string })[] {
  const { configs } = JSON.parse(dump) as { readonly configs: readonly Record<string, unknown>[] }
  const all = configs.flatMap((config) => (config['dynamicActiveClusters'] ?? []) as readonly { cluster: never }[])
  return all.map(({ cluster }) => cluster)
}
