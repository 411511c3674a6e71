import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import {
  awesomerpcFrame,
  connectClient,
  freePort,
  GREETER_HOST,
  MeltemiProcess,
  MeshFolder,
  type RawClient,
  runCommand,
  startEchoServer,
} from '../harness/index.ts'

const ANY = ['--xds-address', '127.0.0.1:0', '--api-address', '127.0.0.1:0', '--admin-address', '127.0.0.1:0']
const EFFECT_TIMEOUT_MS = 10_000

/** Requests with cmd 1 go to this version, all others to v1; of the first half is copied to v1. */
function router(version: string): string {
  return `apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: greeter }
spec:
  hosts: [${GREETER_HOST}]
  routes:
    - name: chosen
      match: { attributes: { cmd: { exact: "1" } } }
      route: [{ destination: { host: ${GREETER_HOST}, subset: ${version} } }]
      mirror: { host: ${GREETER_HOST}, subset: v1 }
      mirrorPercentage: { value: 50 }
    - name: rest
      route: [{ destination: { host: ${GREETER_HOST}, subset: v1 } }]
`
}

function startVersion(version: string) {
  return startEchoServer({
    codec: awesomerpc,
    handler: (request, connection) =>
      connection.send(awesomerpcFrame({ id: Number(request.requestId), body: version })),
  })
}

async function ask(client: RawClient, id: number, cmd: number): Promise<string> {
  const reply = await client.request(awesomerpcFrame({ id, cmd, body: 'hello' }))
  return reply.message.toString('utf8', reply.headerSize)
}

async function reaches(client: RawClient, version: string): Promise<void> {
  const endMs = performance.now() + EFFECT_TIMEOUT_MS
  for (let id = 1; (await ask(client, id, 1)) !== version; id++) {
    assert.ok(performance.now() < endMs, `no request has reached ${version}`)
    await sleep(20)
  }
}

test('files, control plane and proxy say the same of a request, and it goes there; so after a change', async () => {
  await using v1 = await startVersion('v1')
  await using v2 = await startVersion('v2')
  const port = await freePort()
  using folder = new MeshFolder({ port, versions: { v1: v1.port, v2: v2.port } })
  folder.write('router.yaml', router('v2'))
  const env = { XDG_RUNTIME_DIR: folder.path }
  await using up = new MeltemiProcess(['up', folder.path, ...ANY, '--drain-time-s', '1'], { env })
  const [, api = '', admin = ''] = await up.said(
    /^ready: page and API http:\/\/(\S+)\/ .*proxy admin http:\/\/(\S+)\//m,
  )
  const sources = [
    ['--dir', folder.path],
    ['--control-plane', api],
    ['--admin-address', admin],
  ]
  const frame = awesomerpcFrame({ id: 7, cmd: 1, body: 'hi' }).toString('hex')
  await using client = await connectClient({ port, codec: awesomerpc })
  for (const version of ['v2', 'v1']) {
    folder.write('router.yaml', router(version))
    await reaches(client, version)
    const explain = (source: readonly string[]) =>
      runCommand(['route', 'explain', ...source, '--host', GREETER_HOST, '--hex', frame])
    const [first, ...others] = await Promise.all(sources.map(explain))
    assert.equal(first?.errors, '')
    assert.match(
      first?.out ?? '',
      new RegExp(`^route #1 chosen wins\\n +cluster +outbound\\|${port}\\|${version}\\|`, 'm'),
    )
    assert.match(first?.out ?? '', new RegExp(`^ +mirror +outbound\\|${port}\\|v1\\|\\S+ 50 %$`, 'm'))
    assert.match(first?.out ?? '', /^route #2 rest matches too, but stands behind #1 chosen$/m)
    for (const other of others) assert.deepEqual(other, first)
  }
  assert.equal(await ask(client, 1000, 2), 'v1')
})

test('resources that are wrong are told with their place, and a source that is not there by one line', async () => {
  using folder = new MeshFolder({ port: 9, versions: { v1: 1 } })
  folder.write('router.yaml', router('v1').replace('value: 50', 'value: 500'))
  const explain = (...source: string[]) => runCommand(['route', 'explain', ...source, '--meta', 'cmd=1'])
  const wrong = await explain('--dir', folder.path)
  assert.equal(wrong.code, 1)
  assert.match(wrong.errors, /^error: \S+router\.yaml:\d+:\d+: .*mirrorPercentage/m)
  const nobody = await explain('--control-plane', '127.0.0.1:1')
  assert.equal(nobody.code, 1)
  assert.match(nobody.errors, /^error: no control plane answers at http:\/\/127\.0\.0\.1:1: .*\n$/)
  const both = await explain('--dir', folder.path, '--admin-address', '127.0.0.1:1')
  assert.match(both.errors, /cannot be used with option/)
})
