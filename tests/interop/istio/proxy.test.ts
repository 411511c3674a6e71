import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ResponseStatus } from '@meltemi/sdk'
import { type ControlPlaneProcess, startControlPlaneProcess } from '../../harness/control-plane-process.ts'
import {
  connectClient,
  DUBBO,
  type EchoServer,
  freePort,
  MeltemiProcess,
  startEchoServer,
  type TestedProtocol,
  THRIFT,
} from '../../harness/index.ts'
import { istioBootstrap } from './istio-bootstrap.ts'
import {
  envoyFilter,
  type MeshService,
  NAMESPACE,
  serviceResources,
  sidecar,
  withoutPassthrough,
} from './istio-resources.ts'
import { type Istiod, startIstiod } from './start-istiod.ts'

const WAIT_MS = 30_000

/** Which of the services answers this request; -1: none does. */
async function answers({ codec, request }: TestedProtocol, port: number, value: string, all: readonly EchoServer[]) {
  const before = all.map(({ received }) => received.length)
  try {
    await using client = await connectClient({ port, codec })
    const { status } = await client.request(request(1, value))
    if (status !== ResponseStatus.Ok) return -1
    return all.findIndex(({ received }, index) => received.length > (before[index] as number))
  } catch {
    // it does not listen yet
    return -1
  }
}

/** Of requests for `hello` to one version, and of all others to another one. */
function routes(host: string, hello: string, others: string): object {
  const to = (subset: string) => [{ destination: { host, subset } }]
  return {
    apiVersion: 'metaprotocol.aeraki.io/v1alpha1',
    kind: 'MetaRouter',
    metadata: { name: host, namespace: NAMESPACE },
    spec: {
      hosts: [host],
      routes: [
        { name: 'hello', match: { attributes: { method: { exact: 'hello' } } }, route: to(hello) },
        { name: 'others', route: to(others) },
      ],
    },
  }
}

describe('a proxy with its configuration from a real istiod', () => {
  const folder = mkdtempSync(join(tmpdir(), 'meltemi-istio-'))
  const stack = new AsyncDisposableStack()
  let istiod: Istiod
  let controlPlane: ControlPlaneProcess
  let all: readonly EchoServer[]
  let thrift: MeshService
  let dubbo: MeshService

  const writeMesh = (hello: string, others: string) => {
    const items = [...serviceResources(thrift), ...serviceResources(dubbo), routes(thrift.host, hello, others)]
    writeFileSync(join(folder, 'mesh.json'), JSON.stringify({ apiVersion: 'v1', kind: 'List', items }))
  }

  before(async () => {
    const echo = async ({ codec, answer }: TestedProtocol) => stack.use(await startEchoServer({ codec, answer }))
    all = [await echo(THRIFT), await echo(THRIFT), await echo(DUBBO), await echo(DUBBO)]
    const [one, two, three] = all.map(({ port }) => port) as [number, number, number, number]
    const versions = { [one]: 'v1', [two]: 'v2' }
    const port = [await freePort(), await freePort()] as const
    thrift = { host: 'thrift.shop', address: '240.240.0.1', port: port[0], protocol: 'thrift', workloads: versions }
    const workloads = { [three]: 'v1' }
    dubbo = { host: 'dubbo.shop', address: '240.240.0.2', port: port[1], protocol: 'dubbo', workloads }
    istiod = stack.use(
      await startIstiod([
        ...[thrift, dubbo].flatMap(serviceResources),
        ...[thrift, dubbo].map((each) => envoyFilter(`127.0.0.1_${each.port}`, each)),
        sidecar([thrift, dubbo]),
        withoutPassthrough(),
      ]),
    )
    writeMesh('v1', 'v2')
    controlPlane = stack.use(await startControlPlaneProcess({ folder, runtimeFolder: folder }))
  })
  after(async () => {
    await stack.disposeAsync()
    rmSync(folder, { recursive: true, force: true })
  })

  for (const delta of [false, true]) {
    test(`carries thrift and dubbo, with routes of Meltemi: ${delta ? 'delta' : 'state of the world'}`, async () => {
      writeMesh('v1', 'v2')
      istiod.apply(serviceResources(dubbo))
      const file = join(folder, 'proxy.yaml')
      const ports = { istioPort: istiod.port, meltemiPort: controlPlane.xdsPort }
      writeFileSync(file, JSON.stringify(istioBootstrap({ ...ports, delta })))
      const args = ['proxy', '-c', file, '--admin-address', '127.0.0.1:0', '--no-xds-cache-dir']
      await using proxy = new MeltemiProcess(args)
      const until = async (protocol: TestedProtocol, { port }: MeshService, value: string, service: number) => {
        const endMs = performance.now() + WAIT_MS
        for (let last = -2; last !== service; await sleep(20)) {
          last = await answers(protocol, port, value, all)
          const isOver = performance.now() > endMs
          if (isOver) assert.equal(last, service, `${protocol.name} ${value}\n${proxy.out}${proxy.errors}`)
        }
      }
      await until(THRIFT, thrift, 'hello', 0)
      await until(THRIFT, thrift, 'other', 1)
      await until(DUBBO, dubbo, 'echo', 2)
      // routes change in Meltemi alone, endpoints in Istio alone
      writeMesh('v2', 'v1')
      await until(THRIFT, thrift, 'hello', 1)
      await until(THRIFT, thrift, 'other', 0)
      istiod.apply(serviceResources({ ...dubbo, workloads: { [(all[3] as EchoServer).port]: 'v1' } }))
      await until(DUBBO, dubbo, 'echo', 3)
      assert.doesNotMatch(proxy.errors, /"level":"(?:error|fatal)"/)
    })
  }
})
