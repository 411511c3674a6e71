import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import type { CodecDefinition } from '@meltemi/sdk'
import { connectClient, freePort, MeltemiProcess, startEchoServer } from '../../harness/index.ts'
import { type Container, MAP_CODEC, type Probe, podOf, render, renderText } from './chart-values.ts'
import { eventually } from './eventually.ts'
import { installDefinitions } from './install-definitions.ts'
import { type Kubernetes, startKubernetes } from './start-kubernetes.ts'

const PLACE = { release: 'mesh', namespace: 'shop' }
const OWN = ['--namespace', 'shop']

/** A codec that no proxy has: a message is an id of four bytes. */
const CODEC = `export const codecs = [{
  name: 'example.codec.mine',
  contract: 1,
  correlation: 'id',
  create: () => ({
    decode(buffer, metadata) {
      if (!buffer.has(4)) return 0
      metadata.requestId = buffer.u32(0)
      metadata.headerSize = 4
      metadata.message = buffer.take(4)
      return 1
    },
    encode: (metadata, _mutation, out) => out.u32(Number(metadata.requestId)),
    onError: (_request, _failure, out) => out.u32(0),
  }),
}]
`

/** There is no kubelet here: containers are processes, with paths and addresses of the test in place of a pod's. */
describe('what the chart starts', { timeout: 240_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'meltemi-chart-'))
  const stack = new AsyncDisposableStack()
  let kubernetes: Kubernetes
  let replace: (text: string) => string
  let servicePort = 0
  let containers: Readonly<Record<'control-plane' | 'proxy', Container>>

  before(async () => {
    kubernetes = stack.use(await startKubernetes())
    installDefinitions(kubernetes)
    kubernetes.kubectl(['create', 'namespace', 'shop'])
    const [xds, api, admin] = [await freePort(), await freePort(), await freePort()]
    servicePort = await freePort()
    replace = (text) =>
      text
        .replaceAll('mesh-control-plane.shop.svc.cluster.local:15010', `127.0.0.1:${xds}`)
        .replaceAll('0.0.0.0:15010', `127.0.0.1:${xds}`)
        .replaceAll(':15080', `:${api}`)
        .replaceAll(':15000', `:${admin}`)
        .replaceAll('/var/lib/meltemi', folder)
        .replaceAll('/codecs/', `${folder}/codecs/`)
        .replaceAll('$(POD_NAME)', 'mesh-proxy-1')
    mkdirSync(join(folder, 'codecs/mine'), { recursive: true })
    writeFileSync(join(folder, 'codecs/mine/codec.mjs'), CODEC)
    const sha256 = createHash('sha256').update(CODEC).digest('hex')
    const values = {
      codecs: [{ ...MAP_CODEC, name: 'mine', protocol: 'mine', sha256 }],
      controlPlane: { listenHost: '127.0.0.1' },
      proxy: {
        enabled: true,
        drainTimeS: 1,
        scopes: ['greeter.example'],
        ports: [{ name: 'greeter', port: servicePort }],
      },
    }
    kubernetes.kubectl(['apply', '--server-side', '-f', '-'], replace(renderText(values, PLACE)))
    const rendered = render(values, PLACE)
    const [controlPlane, proxy] = ['control-plane', 'proxy'].map((name) => podOf(rendered, name).containers[0])
    assert.ok(controlPlane !== undefined && proxy !== undefined)
    containers = { 'control-plane': controlPlane, proxy }
  })

  after(async () => {
    await stack.disposeAsync()
    rmSync(folder, { recursive: true, force: true })
  })

  function start({ args, env }: Container, more: Readonly<Record<string, string>> = {}): MeltemiProcess {
    const set = env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, replace(value)]]))
    return stack.use(new MeltemiProcess(args.map(replace), { env: { ...Object.fromEntries(set), ...more } }))
  }

  /** As a kubelet runs it. */
  async function holds({ exec }: Probe): Promise<boolean> {
    const [command = '', ...args] = exec.command.map(replace)
    const [code] = await once(spawn(command, args, { stdio: 'ignore' }), 'exit')
    return code === 0
  }

  test('is a control plane, which may do what it has to and hands out a codec from a volume', async () => {
    const { readinessProbe, livenessProbe } = containers['control-plane']
    assert.equal(await holds(readinessProbe), false)
    assert.equal(await holds(livenessProbe), false)
    const token = kubernetes.kubectl(['create', 'token', 'mesh-control-plane', ...OWN]).trim()
    const process = start(containers['control-plane'], { KUBECONFIG: kubernetes.kubeconfigFor(token) })
    await process.said(/^ready: /m)
    await eventually('it is ready', () => holds(readinessProbe))
    assert.ok(await holds(livenessProbe))
    const condition = '{.status.conditions[0].type}={.status.conditions[0].status}'
    const accepted = ['get', 'applicationprotocol', 'shop.mesh.mine', '-o', `jsonpath=${condition}`]
    await eventually('it takes the codec', () => kubernetes.kubectl(accepted) === 'Accepted=True')
    assert.doesNotMatch(process.errors, /forbidden|"level":"(?:error|warn)/)
  })

  test('is a proxy, which serves clients with that codec, and drains', async () => {
    const { codecs } = (await import(pathToFileURL(join(folder, 'codecs/mine/codec.mjs')).href)) as {
      codecs: readonly [CodecDefinition]
    }
    const server = stack.use(await startEchoServer({ codec: codecs[0] }))
    kubernetes.kubectl(['apply', '-f', '-'], greeter(servicePort, server.port))
    const { readinessProbe, livenessProbe } = containers.proxy
    assert.equal(await holds(readinessProbe), false)
    const process = start(containers.proxy)
    await eventually('it is ready', () => holds(readinessProbe))
    assert.ok(await holds(livenessProbe))
    const request = Buffer.from([0, 0, 0, 7])
    await eventually('a client is answered', async () => {
      await using client = await connectClient({ port: servicePort, codec: codecs[0], timeoutMs: 5000 })
      return Buffer.from((await client.request(request)).message).equals(request)
    })
    assert.equal(server.received.length > 0, true)
    process.child.kill('SIGTERM')
    assert.equal(await process.exited(), 0)
  })
})

function greeter(port: number, workload: number): string {
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: greeter, namespace: shop }
spec:
  hosts: [greeter.example]
  ports: [{ number: ${port}, name: tcp-metaprotocol-mine, protocol: TCP }]
  resolution: STATIC
  endpoints: [{ address: 127.0.0.1, ports: { tcp-metaprotocol-mine: ${workload} } }]
`
}
