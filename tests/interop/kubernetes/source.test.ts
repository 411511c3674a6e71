import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { type ControlPlaneProcess, startControlPlaneProcess } from '../../harness/control-plane-process.ts'
import {
  awesomerpcFrame,
  connectClient,
  type EchoServer,
  freePort,
  greeterRouter,
  MeshFolder,
  startEchoServer,
} from '../../harness/index.ts'
import { type MeshProxy, startMeshProxy } from '../../harness/mesh-proxy.ts'
import { eventually } from './eventually.ts'
import { installDefinitions } from './install-definitions.ts'
import { type Kubernetes, startKubernetes } from './start-kubernetes.ts'

/** So many answers in a row of one of two are no chance. */
const SURELY = 20
const POD_HOST = 'shop.default.svc.cluster.local'

/** A headless Service with one pod, as controllers of a cluster would have it; nothing runs there. */
const SHOP = `
apiVersion: v1
kind: Service
metadata: { name: shop }
spec: { clusterIP: None, ports: [{ name: tcp-metaprotocol-awesomerpc, port: 9777 }] }
---
apiVersion: v1
kind: Pod
metadata: { name: shop-1, labels: { app: shop, version: v7 } }
spec: { containers: [{ name: shop, image: shop }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: shop-1, labels: { kubernetes.io/service-name: shop } }
addressType: IPv4
endpoints: [{ addresses: [10.1.2.3], targetRef: { kind: Pod, name: shop-1, namespace: default } }]
ports: [{ name: tcp-metaprotocol-awesomerpc, port: 9777, protocol: TCP }]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: shop }
spec: { host: ${POD_HOST}, subsets: [{ name: v7, labels: { version: v7 } }] }
---
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: shop }
spec: { hosts: [${POD_HOST}], routes: [{ route: [{ destination: { host: ${POD_HOST}, subset: v7 } }] }] }
`

describe('a control plane with the resources of a cluster', { timeout: 240_000 }, () => {
  const stack = new AsyncDisposableStack()
  const versions: EchoServer[] = []
  let kubernetes: Kubernetes
  let controlPlane: ControlPlaneProcess
  let proxy: MeshProxy
  let port = 0

  before(async () => {
    kubernetes = stack.use(await startKubernetes())
    for (let version = 0; version < 2; version++) versions.push(stack.use(await startEchoServer({ codec: awesomerpc })))
    port = await freePort()
    const folder = stack.use(
      new MeshFolder({ port, versions: { v0: versions[0]?.port ?? 0, v1: versions[1]?.port ?? 0 } }),
    )
    // before there is anything, also no definitions: they come later
    controlPlane = stack.use(
      await startControlPlaneProcess({ folder: { kubeconfig: kubernetes.kubeconfig }, runtimeFolder: folder.path }),
    )
    installDefinitions(kubernetes)
    kubernetes.kubectl(['apply', '-f', `${folder.path}/greeter.yaml`])
    proxy = stack.use(await startMeshProxy({ xdsPort: controlPlane.xdsPort }))
  })

  after(() => stack.disposeAsync())

  /** Asks through the proxy whether this version answers. */
  async function answers(version: number): Promise<boolean> {
    const before = versions[version]?.received.length ?? 0
    await using client = await connectClient({ port, codec: awesomerpc, timeoutMs: 5000 })
    const reply = await client.request(awesomerpcFrame({ id: 1 }))
    return reply.message.readInt16BE(11) === 0 && (versions[version]?.received.length ?? 0) > before
  }

  /** Without a route each of them would, as chance has it. */
  async function alone(version: number): Promise<boolean> {
    for (let times = 0; times < SURELY; times++) if (!(await answers(version))) return false
    return true
  }

  function route(version: number): void {
    kubernetes.kubectl(['apply', '-f', '-'], greeterRouter({ [`v${version}`]: 100 }))
  }

  async function clusters(): Promise<string> {
    return (await proxy.get('/clusters')).text
  }

  test('what is applied there gets to proxies, and so do changes and deletions', async () => {
    route(0)
    await eventually('requests reach v0', () => alone(0))
    route(1)
    await eventually('requests reach v1', () => alone(1))
    kubernetes.kubectl(['delete', 'metarouter', 'greeter'])
    await eventually('requests reach both', async () => (await answers(0)) && (await answers(1)))
  })

  test('workloads of Services have the labels of their pods, as these change', async () => {
    kubernetes.kubectl(['apply', '-f', '-'], SHOP)
    const inSubset = `outbound|9777|v7|${POD_HOST}::10.1.2.3:9777`
    await eventually('the pod is in the subset', async () => (await clusters()).includes(inSubset))
    kubernetes.kubectl(['label', 'pod', 'shop-1', '--overwrite', 'version=v8'])
    await eventually('the pod has left it', async () => !(await clusters()).includes(inSubset))
  })

  test('while the API server is away all goes on, also for proxies that come, and then changes come again', async () => {
    route(0)
    await eventually('requests reach v0', () => alone(0))
    await kubernetes.killServer()
    assert.ok(await answers(0))
    // resolves when it has its first configuration
    await using _late = await startMeshProxy({ xdsPort: controlPlane.xdsPort, arguments: ['--node-id', 'late'] })
    await kubernetes.restartServer()
    route(1)
    await eventually('requests reach v1', () => alone(1))
  })

  test('the API shows the resources, and changes none of them', async () => {
    const path = '/apis/metaprotocol.aeraki.io/v1alpha1/namespaces/default/metarouters/greeter'
    const shown = await fetch(controlPlane.apiUrl + path)
    assert.equal(shown.status, 200)
    const headers = { authorization: `Bearer ${controlPlane.token}` }
    const refused = await fetch(controlPlane.apiUrl + path, { method: 'DELETE', headers })
    assert.match(await refused.text(), /kubectl/)
    assert.ok(await answers(1))
  })
})
