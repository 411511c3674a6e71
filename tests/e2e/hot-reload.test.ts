import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { ResponseStatus } from '@meltemi/sdk'
import {
  awesomerpcFrame,
  connectClient,
  type EchoServer,
  type ProxyProcess,
  startEchoServer,
  startProxyProcess,
} from '../harness/index.ts'

const TMP = join(import.meta.dirname, '../../.tmp')
/** Requests with this command have a route in generation `two` only. */
const ASK = 7
const BAD = 66

/** What decode does besides, in a codec that is awesomerpc otherwise; the helper names the version to routes. */
function source(besides = ''): string {
  return `
    import { awesomerpc } from '@meltemi/codecs/awesomerpc'
    import type { CodecDefinition } from '@meltemi/sdk'
    import { generation } from './generation.ts'
    const kept: unknown[] = []
    export const codecs: CodecDefinition[] = [{ ...awesomerpc, name: 'test.reloaded', create(side, config) {
      const codec = awesomerpc.create(side, config)
      const { decode } = codec
      codec.decode = (buffer, metadata) => {
        const status = decode.call(codec, buffer, metadata)
        if (side === 'downstream' && status === 1) {
          metadata.set('generation', generation)
          const command = Number(metadata.get('cmd'))
          ${besides}
        }
        return status
      }
      return codec
    } }]`
}

mkdirSync(TMP, { recursive: true })

class Folder {
  readonly path = mkdtempSync(join(TMP, 'reload-'))
  readonly codec = join(this.path, 'codec.ts')

  constructor() {
    after(() => rmSync(this.path, { recursive: true, force: true }))
    this.write('generation.ts', "export const generation = 'one'")
    this.write('codec.ts', source())
  }

  /** As editors do it: a new file takes the place of the old one. */
  write(name: string, text: string): void {
    const file = join(this.path, name)
    writeFileSync(`${file}.new`, text)
    renameSync(`${file}.new`, file)
  }
}

const routes = [
  {
    name: 'two',
    match: {
      metadata: [
        { name: 'cmd', string_match: { exact: String(ASK) } },
        { name: 'generation', string_match: { exact: 'two' } },
      ],
    },
    route: { cluster: 'service' },
  },
  {
    name: 'others',
    match: { metadata: [{ name: 'cmd', string_match: { exact: String(ASK) }, invert_match: true }] },
    route: { cluster: 'service' },
  },
]

function start(folder: Folder, server: EchoServer, ...more: readonly string[]): Promise<ProxyProcess> {
  return startProxyProcess({
    codec: 'test.reloaded',
    endpoints: [server.port],
    filter: { route_config: { name: 'routes', routes } },
    arguments: ['--module', folder.codec, '--log-level', 'warn', '--concurrency', '2', ...more],
  })
}

/** Which generation a new connection is served by. */
async function generation(proxy: ProxyProcess): Promise<'one' | 'two'> {
  await using client = await connectClient({ port: proxy.port, codec: awesomerpc, timeoutMs: 5000 })
  const reply = await client.request(awesomerpcFrame({ id: 1, cmd: ASK }))
  return reply.status === ResponseStatus.Ok ? 'two' : 'one'
}

async function generations(proxy: ProxyProcess): Promise<string> {
  const all = await Promise.all(Array.from({ length: 16 }, () => generation(proxy)))
  return [...new Set(all)].sort().join()
}

async function until(condition: () => Promise<boolean>, withinMs: number): Promise<number> {
  const startedMs = performance.now()
  while (!(await condition())) {
    if (performance.now() - startedMs > withinMs) throw new Error(`not within ${withinMs} ms`)
    await sleep(10)
  }
  return performance.now() - startedMs
}

interface Report {
  readonly modules: readonly {
    readonly module: string
    readonly version: number
    readonly digest: string
    readonly previous: readonly unknown[]
    readonly refused: { readonly faults: readonly string[] } | null
  }[]
}

async function report(proxy: ProxyProcess): Promise<Report['modules'][number]> {
  const { modules } = JSON.parse((await proxy.get('/codecs')).text) as Report
  const found = modules.find(({ module }) => module.endsWith('codec.ts'))
  assert.ok(found)
  return found
}

test('a changed helper is live in all workers within a second, and connections that were there keep the old code', async () => {
  const folder = new Folder()
  await using server = await startEchoServer({ codec: awesomerpc })
  await using proxy = await start(folder, server, '--watch')
  await using old = await connectClient({ port: proxy.port, codec: awesomerpc })
  assert.equal((await old.request(awesomerpcFrame({ id: 1, cmd: ASK }))).status, ResponseStatus.Error)
  const before = await report(proxy)
  folder.write('generation.ts', "export const generation = 'two'")
  const elapsedMs = await until(async () => (await generation(proxy)) === 'two', 5000)
  assert.ok(elapsedMs < 1000, `${elapsedMs} ms`)
  assert.equal(await generations(proxy), 'two')
  assert.equal((await old.request(awesomerpcFrame({ id: 2, cmd: ASK }))).status, ResponseStatus.Error)
  const { version, digest, previous } = await report(proxy)
  assert.equal(version, 2)
  assert.notEqual(digest, before.digest)
  assert.equal(previous.length, 1)
  const left = async () => (await proxy.stat(`listener.127.0.0.1_${proxy.port}.downstream_cx_old_code`)) === 0
  assert.equal(await left(), false)
  await old.close()
  await until(left, 5000)
})

for (const [title, text, fault] of [
  ['syntax', 'export const generation = ', /codec|generation/],
  ['a missing export', 'export const other = 1', /generation/],
  ['an exception', "export const generation = 'two'; throw new Error('not today')", /not today/],
  ['a thread that ends', "export const generation = 'two'; process.exit(3)", /code 3/],
] as const) {
  test(`a version with ${title} is refused, and the old one stays`, async () => {
    const folder = new Folder()
    await using server = await startEchoServer({ codec: awesomerpc })
    await using proxy = await start(folder, server, '--watch')
    folder.write('generation.ts', text)
    await until(async () => (await report(proxy)).refused !== null, 10_000)
    const { refused, version } = await report(proxy)
    assert.match(refused?.faults.join() ?? '', fault)
    assert.equal(version, 1)
    assert.equal(await generations(proxy), 'one')
    assert.match(proxy.stderr, /module refused/)
    folder.write('generation.ts', "export const generation = 'two'")
    await until(async () => (await generations(proxy)) === 'two', 10_000)
  })
}

for (const { what, besides, metric, log } of [
  { what: 'loops', besides: `while (command === ${BAD});`, metric: 'hung', log: /did not answer/ },
  { what: 'throws', besides: `if (command === ${BAD}) null.length`, metric: 'exception', log: /TypeError/ },
  {
    what: 'grows without bound',
    besides: `while (command === ${BAD}) kept.push(Array.from({ length: 1e5 }, Math.random))`,
    metric: 'memory',
    log: /no heap left/,
  },
  {
    what: 'keeps buffers without bound',
    besides: `if (command === ${BAD}) for (let i = 0; i < 16; i++) kept.push(Buffer.alloc(1 << 24, 1))`,
    metric: 'memory',
    log: /beyond its connections/,
  },
]) {
  test(`a version that ${what} is taken back within a second, named, and not loaded again`, async () => {
    const folder = new Folder()
    await using server = await startEchoServer({ codec: awesomerpc })
    await using proxy = await start(folder, server, '--watch', '--memory-limit-bytes', String(768 * 1024 * 1024))
    folder.write('codec.ts', source(besides))
    folder.write('generation.ts', "export const generation = 'two'")
    await until(async () => (await generations(proxy)) === 'two', 10_000)
    const { version } = await report(proxy)
    await using victim = await connectClient({ port: proxy.port, codec: awesomerpc, timeoutMs: 10_000 })
    for (let id = 1; id <= 4; id++) victim.send(awesomerpcFrame({ id, cmd: BAD }))
    await victim.ended()
    const elapsedMs = await until(async () => (await generations(proxy)) === 'one', 5000)
    assert.ok(elapsedMs < 1000, `${elapsedMs} ms after the connection ended`)
    assert.ok((await proxy.stat(`codec.test.reloaded.${metric}`)) >= 1, metric)
    assert.match(proxy.stderr, log)
    assert.match(proxy.stderr, /test\.reloaded/)
    // the same bytes once more, asked for and by a touch of the file
    assert.equal(await proxy.post('/codecs/reload?name=test.reloaded'), 409)
    const { refused, version: after } = await report(proxy)
    assert.match(refused?.faults.join() ?? '', /taken back/)
    assert.ok(after < version)
    assert.equal(await generations(proxy), 'one')
  })
}
