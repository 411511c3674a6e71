import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import {
  awesomerpcFrame,
  connectClient,
  freePort,
  GREETER_HOST,
  greeterRouter,
  MeltemiProcess,
  MeshFolder,
  type RawClient,
  runCommand,
  startEchoServer,
} from '../harness/index.ts'

const LOOPBACK = ['--xds-address', '127.0.0.1:0', '--api-address', '127.0.0.1:0', '--drain-time-s', '2']
const UP = [...LOOPBACK, '--admin-address', '127.0.0.1:0', '--log-level', 'warn']
const EFFECT_TIMEOUT_MS = 10_000

/** Services that answer with their version, and the resources that describe them. */
async function startGreeter() {
  const start = (version: string) =>
    startEchoServer({
      codec: awesomerpc,
      handler: (request, connection) =>
        connection.send(awesomerpcFrame({ id: Number(request.requestId), body: version })),
    })
  const servers = { v1: await start('v1'), v2: await start('v2') }
  const port = await freePort()
  const folder = new MeshFolder({ port, versions: { v1: servers.v1.port, v2: servers.v2.port } })
  folder.write('router.yaml', greeterRouter({ v1: 100 }))
  return {
    folder,
    port,
    servers,
    async [Symbol.asyncDispose]() {
      folder[Symbol.dispose]()
      await servers.v1.close()
      await servers.v2.close()
    },
  }
}

async function ask(client: RawClient, id: number): Promise<string> {
  const reply = await client.request(awesomerpcFrame({ id, body: 'hello' }))
  return reply.message.toString('utf8', reply.headerSize)
}

/** Resolves when requests reach this version. */
async function reaches(client: RawClient, version: string): Promise<void> {
  const endMs = performance.now() + EFFECT_TIMEOUT_MS
  for (let id = 1; (await ask(client, id)) !== version; id++) {
    assert.ok(performance.now() < endMs, `no request has reached ${version}`)
    await sleep(20)
  }
}

/** Resolves when the control plane knows of traffic of these versions. */
async function reported(url: string, versions: readonly string[]): Promise<void> {
  const endMs = performance.now() + EFFECT_TIMEOUT_MS
  for (;;) {
    const { traffic } = (await (await fetch(url)).json()) as {
      traffic: readonly { service: string; version?: string }[]
    }
    const known = traffic.filter(({ service }) => service === GREETER_HOST).map(({ version }) => version)
    if (versions.every((version) => known.includes(version))) return
    assert.ok(performance.now() < endMs, JSON.stringify(traffic))
    await sleep(100)
  }
}

test('up serves traffic from resources alone, follows every change of them, and drains', async () => {
  await using greeter = await startGreeter()
  const { folder, port } = greeter
  const env = { XDG_RUNTIME_DIR: folder.path }
  await using up = new MeltemiProcess(['up', folder.path, ...UP], { env })
  const [line, apiPort = ''] = await up.said(/^ready: page and API http:\/\/127\.0\.0\.1:(\d+)\/ .*\n/m)
  assert.match(line, /xDS 127\.0\.0\.1:\d+, proxy admin http:\/\/127\.0\.0\.1:\d+\/, listening on /)
  assert.ok(line.includes(`127.0.0.1:${port}`), line)
  const token = join(folder.path, 'meltemi', `control-plane-${apiPort}.token`)
  assert.ok(existsSync(token), 'no token')

  const client = await connectClient({ port, codec: awesomerpc })
  assert.equal(await ask(client, 1), 'v1')
  folder.write('router.yaml', greeterRouter({ v2: 100 }))
  await reaches(client, 'v2')

  folder.write('router.yaml', 'spec: [')
  await up.said(/^error: .*router\.yaml:1:\d+: .*\[unreadable\]$/m)
  assert.equal(await ask(client, 2), 'v2')
  folder.write('router.yaml', greeterRouter({ v1: 100 }))
  await up.said(/^solved: .*router\.yaml:1:\d+: /m)
  await reaches(client, 'v1')

  folder.write('second.yaml', greeterRouter({ v3: 100 }, 'second'))
  await up.said(/^(?:error|warning): .*second\.yaml:\d+:\d+: /m)
  folder.remove('second.yaml')
  await up.said(/^solved: .*second\.yaml/m)
  assert.equal(await ask(client, 3), 'v1')

  const control = ['--control-plane', `127.0.0.1:${apiPort}`]
  const applied = await runCommand(['apply', '-f', '-', ...control], { env, input: greeterRouter({ v2: 100 }) })
  assert.deepEqual([applied.code, applied.out], [0, 'metarouter.metaprotocol.aeraki.io/greeter configured\n'])
  await reaches(client, 'v2')

  await reported(`http://127.0.0.1:${apiPort}/live`, ['v1', 'v2'])
  up.child.kill('SIGTERM')
  assert.equal(await up.exited(), 0)
  assert.equal(existsSync(token), false, 'the token is still there')
  assert.equal(up.errors.split('\n').filter((each) => each.includes('"level":"error"')).length, 0, up.errors)
  client.socket.destroy()
})

test('a control plane and a proxy apart do the same, and the proxy goes on when the control plane has ended', async () => {
  await using greeter = await startGreeter()
  const { folder, port } = greeter
  const env = { XDG_RUNTIME_DIR: folder.path, XDG_CACHE_HOME: folder.path }
  await using controlPlane = new MeltemiProcess(['control-plane', folder.path, ...LOOPBACK.slice(0, 4)], { env })
  const [, xdsPort] = await controlPlane.said(/^ready: page and API .*, xDS 127\.0\.0\.1:(\d+)\n/m)
  const proxyArgs = ['--xds', `127.0.0.1:${xdsPort}`, '--node-id', 'edge', '--admin-address', '127.0.0.1:0']
  await using proxy = new MeltemiProcess(['proxy', ...proxyArgs], { env })
  await proxy.said(new RegExp(`"address":"127.0.0.1:${port}","msg":"listening"`))
  const client = await connectClient({ port, codec: awesomerpc })
  assert.equal(await ask(client, 1), 'v1')
  folder.write('router.yaml', greeterRouter({ v2: 100 }))
  await reaches(client, 'v2')

  controlPlane.child.kill('SIGTERM')
  assert.equal(await controlPlane.exited(), 0)
  assert.equal(await ask(client, 2), 'v2')
  client.socket.destroy()
  proxy.child.kill('SIGTERM')
  assert.equal(await proxy.exited(), 0)
})

interface BadStart {
  readonly kind: string
  /** `taken`: a port in use. */
  args(folder: string, taken: number): readonly string[]
  readonly expected: RegExp
}

const BAD_STARTS: readonly BadStart[] = [
  {
    kind: 'no such folder',
    args: (folder) => [join(folder, 'absent'), ...UP],
    expected: /^error: \S+\/absent: there is no such file or folder$/,
  },
  {
    kind: 'a taken port for xDS',
    args: (folder, taken) => [folder, ...UP, '--xds-address', `127.0.0.1:${taken}`],
    expected: /^error: xDS cannot listen on 127\.0\.0\.1:\d+: the port is in use, choose another by --xds-address$/,
  },
  {
    kind: 'a taken port for the API',
    args: (folder, taken) => [folder, ...UP, '--api-address', `127.0.0.1:${taken}`],
    expected: /^error: the API cannot listen on 127\.0\.0\.1:\d+: the port is in use, choose another by --api-address$/,
  },
  {
    kind: "a taken port for the proxy's pages",
    args: (folder, taken) => [folder, ...UP, '--admin-address', `127.0.0.1:${taken}`],
    expected:
      /^error: admin pages cannot listen on 127\.0\.0\.1:\d+: the port is in use, choose another by --admin-address$/,
  },
  {
    kind: 'an address that is none',
    args: (folder) => [folder, '--listen-host', 'everywhere'],
    expected: /^error: option '--listen-host <address>' argument 'everywhere' is invalid\. It should be an IP address/,
  },
]

test('a start that cannot work ends with one line that says why, exit code 1, and nothing left behind', async (t) => {
  const other = createServer().listen(0, '127.0.0.1')
  const taken = await new Promise<number>((resolve) =>
    other.once('listening', () => resolve((other.address() as { port: number }).port)),
  )
  using folder = new MeshFolder({ port: await freePort(), versions: { v1: 1 } })
  const env = { XDG_RUNTIME_DIR: folder.path }
  for (const { kind, args, expected } of BAD_STARTS) {
    await t.test(kind, async () => {
      const { code, out, errors } = await runCommand(['up', ...args(folder.path, taken)], { env })
      assert.deepEqual([code, out], [1, ''])
      assert.match(errors.trimEnd(), expected)
      assert.equal(errors.split('\n').length, 2, errors)
    })
  }
  other.close()
})
