import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { CodecDefinition } from '@meltemi/sdk'
import { type ControlPlaneProcess, startControlPlaneProcess } from '../harness/control-plane-process.ts'
import {
  connectClient,
  type EchoServer,
  freePort,
  type RawClient,
  runCommand,
  startEchoServer,
} from '../harness/index.ts'
import { type MeshProxy, startMeshProxy } from '../harness/mesh-proxy.ts'

const root = mkdtempSync(join(tmpdir(), 'meltemi-delivery-'))
after(() => rmSync(root, { recursive: true, force: true }))
// modules are kept for the next start, here and not where the user has them
process.env['XDG_CACHE_HOME'] = join(root, 'cache')

const PROTOCOL = 'protocol.yaml'
const SERVICES = 'services.yaml'

/**
 * A protocol whose codec leaves its version in each message that it gives another id, as shared connections need it.
 *
 *   | u32 id | u8 version |
 */
function codecSource(version: number, name = 'test.my_protocol'): string {
  return `import type { CodecDefinition } from '@meltemi/sdk'

export const codecs: CodecDefinition[] = [
  {
    name: '${name}',
    contract: 1,
    correlation: 'id',
    create: () => ({
      decode(buffer, metadata) {
        if (!buffer.has(5)) return 0
        metadata.requestId = buffer.u32(0)
        metadata.headerSize = 5
        metadata.message = buffer.take(5)
        return 1
      },
      encode: (metadata, _mutation, out) => out.u32(Number(metadata.requestId)).u8(${version}),
      onError: (request, _failure, out) => out.u32(Number(request.requestId)).u8(255),
    }),
  },
]
`
}

interface Module {
  readonly file: string
  readonly digest: string
}

/** What `meltemi codec pack` makes of it. */
async function pack(version: number, name?: string): Promise<Module> {
  const folder = mkdtempSync(join(root, 'codec-'))
  writeFileSync(join(folder, 'codec.ts'), codecSource(version, name))
  const { code, errors } = await runCommand(['codec', 'pack', join(folder, 'codec.ts'), '--out', folder])
  assert.equal(code, 0, errors)
  const file = join(folder, readdirSync(folder).find((each) => each.endsWith('.mjs')) ?? '')
  return { file, digest: digestOf(readFileSync(file)) }
}

function handWritten(source: string): Module {
  const file = join(mkdtempSync(join(root, 'module-')), 'codec.mjs')
  writeFileSync(file, source)
  return { file, digest: digestOf(source) }
}

function digestOf(source: string | Uint8Array): string {
  return createHash('sha256').update(source).digest('hex')
}

function protocol(url: string, digest: string, codec = 'test.my_protocol'): string {
  return `apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: ApplicationProtocol
metadata: { name: my-protocol }
spec: { protocol: my-protocol, codec: ${codec}, module: { url: '${url}', sha256: ${digest} } }
`
}

function services(port: number, workload: number): string {
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: hello, annotations: { meltemi.io/multiplexing: 'true' } }
spec:
  hosts: [hello.default.svc.cluster.local]
  ports: [{ number: ${port}, name: tcp-metaprotocol-my-protocol-hello, protocol: TCP }]
  resolution: STATIC
  endpoints: [{ address: 127.0.0.1, ports: { tcp-metaprotocol-my-protocol-hello: ${workload} } }]
`
}

/** A control plane with a folder, the service, and proxies without any codec of their own. */
class Scene implements AsyncDisposable {
  readonly port: number
  readonly folder = mkdtempSync(join(root, 'mesh-'))
  readonly server: EchoServer
  readonly codec: CodecDefinition
  readonly proxies: MeshProxy[] = []
  controlPlane: ControlPlaneProcess | undefined
  #runs = 0

  constructor(port: number, server: EchoServer, codec: CodecDefinition) {
    this.port = port
    this.server = server
    this.codec = codec
  }

  static async start(resource: string): Promise<Scene> {
    const { codecs } = (await import(join(writeCodec(0), 'codec.ts'))) as { codecs: readonly [CodecDefinition] }
    const server = await startEchoServer({ codec: codecs[0] })
    const scene = new Scene(await freePort(), server, codecs[0])
    scene.write(SERVICES, services(scene.port, server.port))
    scene.write(PROTOCOL, resource)
    await scene.startControlPlane()
    return scene
  }

  async startControlPlane(xdsPort = 0): Promise<void> {
    const runtimeFolder = join(root, `run-${this.port}-${this.#runs++}`)
    mkdirSync(runtimeFolder)
    this.controlPlane = await startControlPlaneProcess({ folder: this.folder, runtimeFolder, xdsPort })
  }

  /** As editors do it: a new file takes the place of the old one. */
  write(name: string, text: string): void {
    writeFileSync(join(this.folder, `${name}.new`), text)
    renameSync(join(this.folder, `${name}.new`), join(this.folder, name))
  }

  async addProxy(id: string): Promise<MeshProxy> {
    const proxy = await startMeshProxy({
      xdsPort: this.controlPlane?.xdsPort ?? 0,
      arguments: ['--node-id', id, '--concurrency', '2'],
    })
    this.proxies.push(proxy)
    return proxy
  }

  connect(port = this.port): Promise<RawClient> {
    return connectClient({ port, codec: this.codec, timeoutMs: 10_000 })
  }

  /** Of the codec that a new connection is served with. */
  async version(): Promise<number> {
    await using client = await this.connect()
    return await call(client)
  }

  async meltemi(...args: readonly string[]): Promise<string> {
    const url = new URL(this.controlPlane?.apiUrl ?? '')
    const { out, errors } = await runCommand([...args, '--control-plane', url.host])
    return out + errors
  }

  /** Of the ApplicationProtocol. */
  async status(): Promise<{ readonly status: string; readonly reason: string; readonly message: string }> {
    const path = '/apis/metaprotocol.aeraki.io/v1alpha1/applicationprotocols/my-protocol'
    const reply = await fetch(`${this.controlPlane?.apiUrl}${path}`)
    const { status } = (await reply.json()) as { status: { conditions: [Awaited<ReturnType<Scene['status']>>] } }
    return status.conditions[0]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const proxy of this.proxies) await proxy[Symbol.asyncDispose]()
    await this.controlPlane?.[Symbol.asyncDispose]()
    await this.server[Symbol.asyncDispose]()
  }
}

/** The codec as a file of the workspace, where it finds the SDK. */
function writeCodec(version: number): string {
  const folder = mkdtempSync(join(root, 'client-'))
  writeFileSync(join(folder, 'codec.ts'), codecSource(version))
  return folder
}

/** Far from those that the proxy gives. */
const FIRST_ID = 1_000_000_000

/** Returns the version that the reply was encoded with. */
async function call(client: RawClient, id = 1): Promise<number> {
  const request = Buffer.alloc(5)
  request.writeUInt32BE(FIRST_ID + id)
  return (await client.request(request)).message[4] ?? -1
}

async function until(isMet: () => Promise<boolean>, what: string, withinMs = 20_000): Promise<void> {
  const endMs = performance.now() + withinMs
  while (!(await isMet())) {
    if (performance.now() > endMs) throw new Error(`waited in vain for ${what}`)
    await sleep(50)
  }
}

async function untilVersion(scene: Scene, version: number): Promise<void> {
  let last: unknown
  const isMet = async () => {
    last = await scene.version().catch((error: unknown) => error)
    return last === version
  }
  await until(isMet, `version ${version}`).catch((error: unknown) => {
    const logs = scene.proxies.map(({ process }) => process.errors)
    throw new Error(`the last answer was ${String(last)}; ${logs.join('\n')}`, { cause: error })
  })
}

describe('a codec that comes with its resource', () => {
  test('is served to a proxy without it, and a new version takes over for new connections without losing one', async () => {
    const [one, two] = [await pack(1), await pack(2)]
    await using scene = await Scene.start(protocol(`file:${one.file}`, one.digest))
    await scene.addProxy('edge')
    await untilVersion(scene, 1)
    const old = await scene.connect()
    assert.equal(await call(old), 1)
    let isOver = false
    let calls = 0
    const traffic = (async () => {
      while (!isOver) assert.equal(await call(old, ++calls), 1)
    })()
    const fresh = (async () => {
      while (!isOver) assert.ok([1, 2].includes(await scene.version()))
    })()
    scene.write(PROTOCOL, protocol(`file:${two.file}`, two.digest))
    await untilVersion(scene, 2)
    await sleep(300)
    isOver = true
    await Promise.all([traffic, fresh])
    assert.ok(calls > 10)
    // what was there goes on with what it began with
    assert.equal(await call(old), 1)
    await old.close()
    const said = `edge: runs test.my_protocol of module ${two.digest.slice(0, 12)}`
    await until(async () => (await scene.meltemi('proxy-status')).includes(said), 'the report of the proxy')
    assert.ok(!(await scene.meltemi('proxy-status')).includes(one.digest.slice(0, 12)))
    const described = await scene.meltemi('describe', 'applicationprotocol', 'my-protocol')
    assert.match(described, new RegExp(`^Running:\n {2}- Proxy: +edge\n {4}Module: +${two.digest}$`, 'm'))
  })

  test('is fetched over HTTP, and its name in the resource may have hyphens where the module has underscores', async () => {
    const { file, digest } = await pack(1)
    const files = createServer((_, response) => response.end(readFileSync(file))).listen(0, '127.0.0.1')
    await new Promise((resolve) => files.once('listening', resolve))
    const url = `http://127.0.0.1:${(files.address() as AddressInfo).port}/codec.mjs`
    try {
      await using scene = await Scene.start(protocol(url, digest, 'test.my-protocol'))
      await scene.addProxy('edge')
      await untilVersion(scene, 1)
      assert.deepEqual(await scene.status().then(({ status, message }) => [status, message]), ['True', ''])
      const described = async () => scene.meltemi('describe', 'applicationprotocol', 'my-protocol')
      await until(async () => (await described()).includes(`Module:       ${digest}`), 'the report of the proxy')
    } finally {
      files.closeAllConnections()
      files.close()
    }
  })

  test('reaches proxies that start later, and those that come back to a control plane that was away', async () => {
    const [one, two] = [await pack(1), await pack(2)]
    await using scene = await Scene.start(protocol(`file:${one.file}`, one.digest))
    await scene.addProxy('early')
    await untilVersion(scene, 1)
    const xdsPort = scene.controlPlane?.xdsPort
    await scene.controlPlane?.[Symbol.asyncDispose]()
    assert.equal(await scene.version(), 1)
    scene.write(PROTOCOL, protocol(`file:${two.file}`, two.digest))
    await scene.startControlPlane(xdsPort)
    await untilVersion(scene, 2)
    await scene.proxies.pop()?.[Symbol.asyncDispose]()
    await scene.addProxy('late')
    await untilVersion(scene, 2)
  })

  test('stays as it is when the digest is another, with a status that says so, and nothing is lost', async () => {
    const [one, two] = [await pack(1), await pack(2)]
    await using scene = await Scene.start(protocol(`file:${one.file}`, one.digest))
    await scene.addProxy('edge')
    await untilVersion(scene, 1)
    await using client = await scene.connect()
    scene.write(PROTOCOL, protocol(`file:${two.file}`, 'f'.repeat(64)))
    await until(async () => (await scene.status()).status === 'False', 'the status')
    const { reason, message } = await scene.status()
    assert.equal(reason, 'ModuleUnavailable')
    assert.match(
      message,
      new RegExp(`has the digest ${two.digest}, not the one that is named; the one before stays in force`),
    )
    for (let count = 1; count <= 20; count++) assert.equal(await call(client, count), 1)
    assert.equal(await scene.version(), 1)
    scene.write(PROTOCOL, protocol(`file:${two.file}`, two.digest))
    await untilVersion(scene, 2)
    assert.equal((await scene.status()).status, 'True')
  })

  for (const [what, source, why] of [
    ['throws on load', "throw new Error('not today')", /not today/],
    ['has another codec', () => codecSource(2, 'test.other'), /does not bring codec 'test\.my_protocol'/],
  ] as const) {
    test(`stays as it is when the next module ${what}: proxy-status, status and describe say why`, async () => {
      const one = await pack(1)
      const broken = typeof source === 'string' ? handWritten(source) : await pack(2, 'test.other')
      await using scene = await Scene.start(protocol(`file:${one.file}`, one.digest))
      await scene.addProxy('edge')
      await untilVersion(scene, 1)
      await using client = await scene.connect()
      scene.write(PROTOCOL, protocol(`file:${broken.file}`, broken.digest))
      await until(async () => why.test(await scene.meltemi('proxy-status')), 'the reason in proxy-status')
      const status = await scene.meltemi('proxy-status')
      assert.match(status, /^edge +REJECTED/m)
      assert.match(status, /^edge: codecs: rejects \d+, goes on with \d+: /m)
      await until(
        async () => why.test(await scene.meltemi('describe', 'applicationprotocol', 'my-protocol')),
        'the reason in describe',
      )
      assert.match(await scene.meltemi('describe', 'serviceentry', 'hello'), why)
      const running = `runs test.my_protocol of module ${one.digest.slice(0, 12)}`
      await until(async () => (await scene.meltemi('proxy-status')).includes(running), 'the report of the proxy')
      for (let count = 1; count <= 20; count++) assert.equal(await call(client, count), 1)
      assert.equal(await scene.version(), 1)
      const three = await pack(3)
      scene.write(PROTOCOL, protocol(`file:${three.file}`, three.digest))
      await untilVersion(scene, 3)
      await until(async () => /^edge +SYNCED/m.test(await scene.meltemi('proxy-status')), 'a proxy that is synced')
    })
  }

  test('is not fetched when it is too large: the status has a line, and what was in force stays', async () => {
    const one = await pack(1)
    await using scene = await Scene.start(protocol(`file:${one.file}`, one.digest))
    await scene.addProxy('edge')
    await untilVersion(scene, 1)
    const large = handWritten(' '.repeat(4 * 1024 * 1024 + 1))
    scene.write(PROTOCOL, protocol(`file:${large.file}`, large.digest))
    await until(async () => (await scene.status()).status === 'False', 'the status')
    assert.match((await scene.status()).message, /has more than 4194304 bytes; the one before stays in force/)
    await until(
      async () => /has more than 4194304 bytes/.test(scene.controlPlane?.process.errors ?? ''),
      'the line in the log',
    )
    assert.equal(await scene.version(), 1)
  })
})
