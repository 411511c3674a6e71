/** Native Dubbo and Thrift in the place of Aeraki: what stands in a cluster, and a real Envoy that is told just that. */

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { ROOT } from '../../../scripts/workspace.ts'
import { type ControlPlaneProcess, startControlPlaneProcess } from '../../harness/control-plane-process.ts'
import { freePort } from '../../harness/index.ts'
import { PeerServer as DubboServer, PeerClient } from '../dubbo/peers.ts'
import { runClient, startServer } from '../thrift/peers.ts'
import { runEnvoy } from '../xds/envoy-process.ts'
import { eventually } from './eventually.ts'
import { installDefinitions } from './install-definitions.ts'
import { type Kubernetes, startKubernetes } from './start-kubernetes.ts'

const ISTIO_DEFINITIONS = '.tmp/istio-crds.yaml'
/** Of Istio's, besides those that ours stand in for. */
const ISTIO_KINDS = /^ {2}name: (?:envoyfilters|gateways|virtualservices)\.networking/m
const ECHO_TYPE = 'type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo'
const MANIFESTS = ['permissions.yaml', 'instead-of-aeraki.yaml']
const APPLY = ['apply', '--server-side', '--force-conflicts', '-f', '-']
const DUBBO_FILTER = 'aeraki-outbound-talk.shop-10.1.0.1-20880'
const THRIFT_FILTER = 'aeraki-outbound-echo.shop-10.1.0.2-9090'
const INBOUND_DUBBO_FILTER = 'aeraki-inbound-talk.shop-20880'
const INBOUND_THRIFT_FILTER = 'aeraki-inbound-echo.shop-9090'
const THRIFT = { transport: 'framed', protocol: 'binary' } as const
/** Calls in a `crowd` of the Dubbo client. */
const CROWD = 200
const THRIFT_CALLS = 100

interface Filter {
  readonly metadata: { readonly name: string; readonly resourceVersion: string }
  readonly spec: { readonly configPatches: readonly { readonly patch: { readonly value: FilterValue } }[] }
}

interface FilterValue {
  readonly typed_config: { readonly value: { readonly dubboFilters?: readonly { readonly config?: object }[] } }
}

function entry(name: string, port: string, address: string, annotations = '{}'): string {
  return `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ${name}, namespace: shop, annotations: ${annotations} }
spec:
  hosts: [${name}.shop]
  addresses: [${address}]
  ports: [${port}]
  resolution: STATIC
  workloadSelector: { labels: { app: ${name} } }
`
}

/** `only`: the method of the first route. */
function virtualService(name: string, only: string, version = 'v1'): string {
  return `
apiVersion: networking.istio.io/${version}
kind: VirtualService
metadata: { name: ${name}, namespace: shop }
spec:
  hosts: [${name}.shop]
  http:
  - match: [{ method: { exact: unheard-of } }, { method: { exact: ${only} } }]
    route: [{ destination: { host: ${name}.shop, subset: v2 } }]
  - route:
    - { destination: { host: ${name}.shop, subset: v1 }, weight: 75 }
    - { destination: { host: other.shop }, weight: 25 }
`
}

const TALK = entry('talk', '{ number: 20880, name: tcp-dubbo }', '10.1.0.1', '{ interface: meltemi.peer.Talk }')
const ECHO = entry('echo', '{ number: 9090, name: tcp-thrift }', '10.1.0.2')
const POLICY = `
apiVersion: dubbo.aeraki.io/v1alpha1
kind: DubboAuthorizationPolicy
metadata: { name: writers, namespace: shop }
spec:
  action: DENY
  rules:
  - from: [{ source: { principals: ["*/sa/guest"], notNamespaces: ["te*t"] } }]
    to: [{ operation: { interfaces: ["*"], methods: [number, "a*", "*z"] } }]
`
const STALE = `
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: { name: aeraki-outbound-gone.shop-10.9.0.1-20880, namespace: istio-system, labels: { manager: Aeraki } }
spec:
  configPatches:
  - applyTo: NETWORK_FILTER
    match: { listener: { name: 10.9.0.1_20880 } }
    patch: { operation: REPLACE, value: { name: envoy.filters.network.dubbo_proxy } }
`

describe('native Dubbo and Thrift in place of Aeraki', { timeout: 120_000 }, () => {
  let kubernetes: Kubernetes
  let folder: string
  let plane: ControlPlaneProcess
  let rounds = 0

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'meltemi-natives-'))
    kubernetes = await startKubernetes()
    const istio = readFileSync(join(ROOT, ISTIO_DEFINITIONS), 'utf8').split(/^---$/m)
    kubernetes.kubectl(APPLY, istio.filter((text) => ISTIO_KINDS.test(text)).join('---'))
    installDefinitions(kubernetes)
    for (const name of ['shop', 'istio-system']) kubernetes.kubectl(['create', 'namespace', name])
    kubernetes.kubectl(['apply', ...MANIFESTS.flatMap((file) => ['-f', join(ROOT, 'deploy/manifests', file)])])
    apply(TALK, ECHO, virtualService('talk', 'number'), virtualService('echo', 'number', 'v1beta1'), STALE)
    plane = await start()
    await eventually('the filters are there', () => filters().has(INBOUND_THRIFT_FILTER))
  })

  after(async () => {
    await plane?.[Symbol.asyncDispose]()
    await kubernetes?.[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
  })

  /** With the rights that the manifests give, and no others. */
  function start(): Promise<ControlPlaneProcess> {
    const runtimeFolder = mkdtempSync(join(folder, 'one-'))
    const token = kubernetes.kubectl(['create', 'token', 'meltemi-control-plane', '--namespace', 'meltemi'])
    const kubeconfig = kubernetes.kubeconfigFor(token.trim())
    const options = ['--namespace', 'meltemi', '--envoy-filters']
    return startControlPlaneProcess({ folder: { kubeconfig }, runtimeFolder, arguments: options })
  }

  function apply(...documents: readonly string[]): void {
    kubernetes.kubectl(APPLY, documents.join('---'))
  }

  /** By name. */
  function filters(): ReadonlyMap<string, Filter> {
    const { items } = JSON.parse(kubernetes.kubectl(['get', 'envoyfilters', '-A', '-o', 'json'])) as {
      readonly items: readonly Filter[]
    }
    return new Map(items.map((item) => [item.metadata.name, item]))
  }

  function versions(): readonly (readonly [string, string])[] {
    return [...filters()].map(([name, { metadata }]) => [name, metadata.resourceVersion] as const)
  }

  /** Has a round begin, whose last write for sidecars deletes a filter; resolves when that is gone. */
  async function nextRound(): Promise<void> {
    const marker = `zz-${++rounds}`
    apply(STALE.replace('gone', marker), entry('trigger', '{ number: 1, name: tcp-plain }', `10.2.0.${rounds}`))
    await eventually('the round is over', () => ![...filters().keys()].some((name) => name.includes(marker)))
  }

  test('each port has its filters, and those that nothing stands for are gone', async () => {
    await nextRound()
    const names = [INBOUND_THRIFT_FILTER, INBOUND_DUBBO_FILTER, THRIFT_FILTER, DUBBO_FILTER]
    assert.deepEqual([...filters().keys()].sort(), names.sort())
  })

  test('a real Envoy that is told so routes calls of real peers', async () => {
    await using talk = await DubboServer.start('npm')
    await using echo = await startServer('python', THRIFT)
    await using envoy = await startRouted([...filters().values()], { 20880: talk.port, 9090: echo.port })
    await using client = new PeerClient('npm')
    const { result } = await client.call(envoy.portOf(DUBBO_FILTER), 'number')
    assert.equal(result, '9007199254740993', envoy.log())
    assert.deepEqual(await envoy.calls(20880), { 'outbound|20880|v2|talk.shop': 1 })
    const { right } = await client.call(envoy.portOf(DUBBO_FILTER), 'crowd')
    assert.equal(right, CROWD, envoy.log())
    assertShares(await envoy.calls(20880), 'outbound|20880|v1|talk.shop', 'outbound|20880||other.shop', CROWD)

    const calls = ['number', ...Array.from({ length: THRIFT_CALLS }, () => 'text')]
    const outcomes = await runClient('python', THRIFT, envoy.portOf(THRIFT_FILTER), calls)
    assert.deepEqual([...new Set(outcomes.map((outcome) => outcome['result']))], ['9007199254740993', 'καλημέρα'])
    const byCluster = await envoy.calls(9090)
    assert.equal(byCluster['outbound|9090|v2|echo.shop'], 1)
    assertShares(byCluster, 'outbound|9090|v1|echo.shop', 'outbound|9090||other.shop', THRIFT_CALLS)
  })

  test('another control plane that takes over writes nothing', async () => {
    const before = versions()
    // it gives back its Lease
    plane.process.child.kill('SIGTERM')
    await plane.process.exited()
    plane = await start()
    await nextRound()
    assert.deepEqual(versions(), before)
  })

  test('a VirtualService or policy that changes changes the filters that it concerns, and no others', async () => {
    const before = new Map(versions())
    apply(virtualService('talk', 'text'), POLICY)
    const isWritten = (name: string, words: RegExp) => words.test(JSON.stringify(filters().get(name)))
    await eventually('calls go elsewhere', () => isWritten(DUBBO_FILTER, /"name":\{"exact":"text"\}/))
    await eventually('workloads ask who calls', () =>
      isWritten(INBOUND_DUBBO_FILTER, /ns\[shop\]-policy\[writers\]-rule\[0\]/),
    )
    await nextRound()
    const changed = versions().filter(([name, version]) => before.get(name) !== version)
    assert.deepEqual(changed.map(([name]) => name).sort(), [INBOUND_DUBBO_FILTER, DUBBO_FILTER])
  })

  test('Envoy reads what a policy has become, and has no filter for Dubbo that keeps to it', async () => {
    const written = filters().get(INBOUND_DUBBO_FILTER)
    assert.ok(written)
    const [{ config } = {}] = written.spec.configPatches[0]?.patch.value.typed_config.value.dubboFilters ?? []
    const rbac = { name: 'envoy.filters.network.rbac', typed_config: config }
    const echo = { name: 'envoy.filters.network.echo', typed_config: { '@type': ECHO_TYPE } }
    const chains = [{ filters: [rbac, echo] }]
    await using _ = await startEnvoy([{ name: 'rbac', address: address(await freePort()), filter_chains: chains }], [])
    await assert.rejects(startRouted([written], {}), /envoy\.filters\.dubbo\.rbac/)
  })

  test('a VirtualService that goes leaves the port itself', async () => {
    kubernetes.kubectl(['delete', 'virtualservice', 'echo', '--namespace', 'shop'])
    const value = () => JSON.stringify(filters().get(THRIFT_FILTER)?.spec)
    await eventually('calls go to it', () => !value().includes('other.shop'))
    assert.match(value(), /"match":\{"methodName":""\},"route":\{"cluster":"outbound\|9090\|\|echo\.shop"\}/)
  })
})

/** Of calls for three of four and for one of four, about as many went there; each call went to one of them. */
function assertShares(calls: Readonly<Record<string, number>>, most: string, few: string, total: number): void {
  const [much = 0, little = 0] = [calls[most], calls[few]]
  assert.equal(much + little, total)
  // by chance it is out of these once in a thousand million
  assert.ok(much > total * 0.5 && little > total * 0.05, `${much}:${little}`)
}

interface Routed extends AsyncDisposable {
  /** Of the listener with the filter of an EnvoyFilter. */
  portOf(filter: string): number
  /** How many calls have gone to which outbound clusters of a port; those without any are left out. */
  calls(port: number): Promise<Readonly<Record<string, number>>>
  log(): string
}

/**
 * A real Envoy whose listeners have the filters as they stand in the cluster. Outbound clusters lead to the listener with
 * the inbound filter of their port, and inbound ones to the workload of theirs.
 */
async function startRouted(all: readonly Filter[], workloads: Readonly<Record<string, number>>): Promise<Routed> {
  const ports = new Map<string, number>()
  for (const { metadata } of all) ports.set(metadata.name, await freePort())
  const portOf = (name: string) => ports.get(name) ?? 0
  const inbound: Readonly<Record<string, string>> = { 20880: INBOUND_DUBBO_FILTER, 9090: INBOUND_THRIFT_FILTER }
  const clusters = [...new Set(JSON.stringify(all).match(/(?:in|out)bound\|\d+\|[^"]*/g))].map((name) => {
    const [direction, port = ''] = name.split('|')
    return clusterTo(name, direction === 'inbound' ? (workloads[port] ?? 0) : portOf(inbound[port] ?? ''))
  })
  const listeners = all.map(({ metadata: { name }, spec }) => ({
    name,
    address: address(portOf(name)),
    filter_chains: [{ filters: [spec.configPatches[0]?.patch.value] }],
  }))
  const envoy = await startEnvoy(listeners, clusters)
  const calls = async (port: number) => countCalls(await envoy.ask('/stats'), port)
  return { portOf, calls, log: envoy.log, [Symbol.asyncDispose]: () => envoy[Symbol.asyncDispose]() }
}

/** Resolves when it serves; rejects with what it says when it does not want to. */
async function startEnvoy(listeners: readonly object[], clusters: readonly object[]) {
  await using stack = new AsyncDisposableStack()
  const port = await freePort()
  const config = { admin: { address: address(port) }, static_resources: { listeners, clusters } }
  const envoy = stack.use(runEnvoy(config))
  const ask = async (path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).text()
  await eventually('Envoy serves', async () => !envoy.isRunning || (await ask('/ready')).startsWith('LIVE'))
  assert.ok(envoy.isRunning, envoy.log())
  const all = stack.move()
  return { ask, log: () => envoy.log(), [Symbol.asyncDispose]: () => all.disposeAsync() }
}

function countCalls(stats: string, port: number): Readonly<Record<string, number>> {
  const found = [...stats.matchAll(/^cluster\.(outbound\|(\d+)\|.*)\.upstream_rq_total: ([1-9]\d*)$/gm)]
  return Object.fromEntries(
    found.filter(([, , at]) => at === `${port}`).map(([, name, , count]) => [name, Number(count)]),
  )
}

function clusterTo(name: string, port: number): object {
  const endpoints = [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }]
  return { name, type: 'STATIC', load_assignment: { cluster_name: name, endpoints } }
}

function address(port: number): object {
  return { socket_address: { address: '127.0.0.1', port_value: port } }
}
