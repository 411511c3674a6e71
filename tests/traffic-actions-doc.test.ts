import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import {
  awesomerpcFrame,
  connectClient,
  freePort,
  MeltemiProcess,
  MeshFolder,
  startEchoServer,
} from './harness/index.ts'

const PAGE = readFileSync(new URL('../docs/traffic-actions.md', import.meta.url), 'utf8')
const [ROUTER = '', FAULT = '', METADATA = '', ROUTES = ''] = [...PAGE.matchAll(/```yaml\n(.*?)```/gs)].map(
  ([, text = '']) => text,
)
const LOOPBACK = ['--xds-address', '127.0.0.1:0', '--api-address', '127.0.0.1:0', '--admin-address', '127.0.0.1:0']

function indented(text: string, by: string): string {
  return text.replaceAll(/^(?=.)/gm, by)
}

/** The code of the reply, and how long it took. */
async function ask(port: number, cmd: number): Promise<{ readonly code: number; readonly ms: number }> {
  await using client = await connectClient({ port, codec: awesomerpc })
  const startedMs = performance.now()
  const reply = await client.request(awesomerpcFrame({ id: 1, cmd, body: 'hello' }))
  return { code: reply.message.readInt16BE(11), ms: performance.now() - startedMs }
}

test('routes of a MetaRouter answer themselves, and put faults in', async () => {
  await using server = await startEchoServer({ codec: awesomerpc })
  const port = await freePort()
  using folder = new MeshFolder({ port, versions: { v1: server.port } })
  folder.write('router.yaml', ROUTER)
  const env = { XDG_RUNTIME_DIR: folder.path }
  await using up = new MeltemiProcess(['up', folder.path, ...LOOPBACK, '--log-level', 'warn'], { env })
  await up.said(/^ready: /m)
  assert.equal((await ask(port, 1)).code, 0)
  for (const cmd of [2, 3]) assert.notEqual((await ask(port, cmd)).code, 0, `cmd ${cmd}`)
  assert.equal(server.received.length, 1)
  const slow = await ask(port, 4)
  assert.equal(slow.code, 0)
  assert.ok(slow.ms >= 199, `${slow.ms} ms`)
  // by what is in effect at once, also for the connections that are there
  await using client = await connectClient({ port, codec: awesomerpc })
  folder.write(
    'router.yaml',
    ROUTER.replace('{ abort: { errorType: Timeout } }', '{ abort: { percentage: { value: 0 } } }'),
  )
  for (let id = 1; ; id++) {
    const reply = await client.request(awesomerpcFrame({ id, cmd: 3 }))
    if (reply.message.readInt16BE(11) === 0) break
    assert.ok(id < 10_000, 'the fault has not gone')
  }
})

test('filters and routes of a bootstrap do what the page says', async () => {
  await using server = await startEchoServer({ codec: awesomerpc })
  const routes = indented(ROUTES, '            ')
  const metadata = filterText(METADATA)
  {
    await using proxy = await startProxy(server.port, metadata + filterText(FAULT), routes)
    // the fault looks for cmd, which is gone by then, and is off for this route
    assert.equal((await ask(proxy.port, 3)).code, 0)
    assert.equal(server.received.length, 1)
  }
  {
    const untargeted = metadata.replace(/^.*key: target.*\n/m, '')
    await using proxy = await startProxy(server.port, untargeted + filterText(FAULT), routes)
    for (const cmd of [9, 3]) assert.notEqual((await ask(proxy.port, cmd)).code, 0)
    assert.equal(server.received.length, 1)
  }
  await using proxy = await startProxy(
    server.port,
    filterText(FAULT),
    '            routes: [{ route: { cluster: greeter } }]',
  )
  assert.equal((await ask(proxy.port, 1)).code, 0)
  const faulty = await Promise.all(Array.from({ length: 40 }, () => ask(proxy.port, 3)))
  assert.ok(faulty.every(({ ms }) => ms >= 99))
  const aborted = faulty.filter(({ code }) => code !== 0).length
  assert.ok(aborted > 5 && aborted < 35, `${aborted} of 40`)
})

function filterText(text: string): string {
  return `${indented(text, '            ').replace('            name', '          - name')}`
}

async function startProxy(upstreamPort: number, filters: string, routes: string) {
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), 'meltemi-actions-'))
  const file = join(folder, 'proxy.yaml')
  writeFileSync(file, bootstrap({ port, upstreamPort, filters, routes }))
  const args = ['proxy', '-c', file, '--admin-address', '127.0.0.1:0', '--concurrency', '2']
  const proxy = new MeltemiProcess(args, { env: { MY_ZONE: 'here' } })
  await proxy.said(/"msg":"listening"/)
  return {
    port,
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true })
    },
  }
}

function bootstrap(parts: { port: number; upstreamPort: number; filters: string; routes: string }): string {
  const endpoint = `{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${parts.upstreamPort} } } } }`
  return `node: { id: a, cluster: b, metadata: { METADATA_ENVIRONMENT: [MY_ZONE], LABELS: { app: shop } } }
static_resources:
  clusters:
  - name: greeter
    load_assignment: { cluster_name: greeter, endpoints: [{ lb_endpoints: [${endpoint}] }] }
  listeners:
  - name: greeter
    address: { socket_address: { address: 127.0.0.1, port_value: ${parts.port} } }
    filter_chains:
    - filters:
      - name: meta
        typed_config:
          "@type": type.googleapis.com/aeraki.meta_protocol_proxy.v1alpha.MetaProtocolProxy
          stat_prefix: greeter
          protocol: { name: awesomerpc, codec: { name: aeraki.meta_protocol.codec.awesomerpc } }
          meta_protocol_filters:
${parts.filters}
          route_config:
${parts.routes}
`
}
