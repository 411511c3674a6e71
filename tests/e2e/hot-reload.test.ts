import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { runMeltemi } from '@meltemi/cli'
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
/** Ends the worker that reads it, with any version. */
const DIE = 67

/** What decode does besides, in a codec that is awesomerpc otherwise; the helper names the version to routes. */
function source(besides = '', first = ''): string {
  return `
    import { runMeltemi } from '@meltemi/cli'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
    import type { CodecDefinition } from '@meltemi/sdk'
    import { generation } from './generation.ts'
    const kept: unknown[] = []
    export const codecs: CodecDefinition[] = [{ ...awesomerpc, name: 'test.reloaded', create(side, config) {
      const codec = awesomerpc.create(side, config)
      const { decode } = codec
      codec.decode = (buffer, metadata) => {
        ${first}
        const status = decode.call(codec, buffer, metadata)
        if (side === 'downstream' && status === 1) {
          metadata.set('generation', generation)
          const command = Number(metadata.get('cmd'))
          if (command === ${DIE}) setImmediate(() => process.exit(7))
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

/** Which generation a new connection is served by; none while the proxy sheds load. */
async function generation(proxy: ProxyProcess): Promise<'one' | 'two' | 'none'> {
  await using client = await connectClient({ port: proxy.port, codec: awesomerpc, timeoutMs: 5000 })
  const reply = await client.request(awesomerpcFrame({ id: 1, cmd: ASK })).catch(() => undefined)
  if (reply === undefined) return 'none'
  return reply.status === ResponseStatus.Ok ? 'two' : 'one'
}

async function generations(proxy: ProxyProcess): Promise<string> {
  const all = await Promise.all(Array.from({ length: 16 }, () => generation(proxy)))
  return [...new Set(all)].sort().join()
}

/** Exit code and output of a command. */
async function meltemi(...args: readonly string[]): Promise<string> {
  let text = ''
  const listen = (part: string): void => {
    text += part
  }
  const code = await runMeltemi(args, { write: listen, writeError: listen })
  return `${code} ${text}`
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
  const times: number[] = []
  for (const next of ['two', 'one', 'two'] as const) {
    folder.write('generation.ts', `export const generation = '${next}' // ${times.length}`)
    times.push(await until(async () => (await generation(proxy)) === next, 5000))
  }
  // what else the machine does can only make it slower
  assert.ok(Math.min(...times) < 1000, `${times} ms`)
  assert.equal(await generations(proxy), 'two')
  assert.equal((await old.request(awesomerpcFrame({ id: 2, cmd: ASK }))).status, ResponseStatus.Error)
  const { version, digest, previous } = await report(proxy)
  assert.equal(version, 4)
  assert.notEqual(digest, before.digest)
  assert.equal(previous.length, 3)
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

for (const { what, besides, first, metric, log } of [
  { what: 'loops', besides: `while (command === ${BAD});`, metric: 'hung', log: /did not answer/ },
  { what: 'throws', besides: `if (command === ${BAD}) null.length`, metric: 'exception', log: /TypeError/ },
  {
    what: 'consumes nothing',
    first: `if (buffer.length > 12 && buffer.u16(9) === ${BAD}) return 1`,
    metric: 'exception',
    log: /has taken no bytes/,
  },
  {
    what: 'grows without bound',
    besides: `if (command === ${BAD}) kept.push(new Array(5e5).fill(1.5))`,
    metric: 'memory',
    log: /no heap left/,
  },
  {
    what: 'keeps buffers without bound',
    besides: `if (command === ${BAD}) kept.push(Buffer.alloc(1 << 22, 1))`,
    metric: 'memory',
    log: /beyond its connections/,
  },
]) {
  test(`a version that ${what} is taken back within a second, named, and not loaded again`, async () => {
    const folder = new Folder()
    await using server = await startEchoServer({ codec: awesomerpc })
    await using proxy = await start(folder, server, '--watch', '--memory-limit-bytes', String(768 * 1024 * 1024))
    folder.write('codec.ts', source(besides, first))
    folder.write('generation.ts', "export const generation = 'two'")
    await until(async () => (await generations(proxy)) === 'two', 10_000)
    const { version } = await report(proxy)
    await using victim = await connectClient({ port: proxy.port, codec: awesomerpc, timeoutMs: 10_000 })
    let isOver = false
    const ended = victim.ended().then(() => {
      isOver = true
    })
    for (let id = 1; !isOver; id++) {
      victim.send(awesomerpcFrame({ id, cmd: BAD }))
      await sleep(10)
    }
    await ended
    const elapsedMs = await until(async () => (await generations(proxy)) === 'one', 5000)
    assert.ok(elapsedMs < 1000, `${elapsedMs} ms after the connection ended`)
    await until(async () => (await proxy.stat(`codec.test.reloaded.${metric}`)) >= 1, 1000).catch(() =>
      assert.fail(proxy.stderr),
    )
    await until(async () => log.test(proxy.stderr), 1000)
    assert.match(proxy.stderr, /test\.reloaded.*not loaded again/)
    // the same bytes once more, asked for and by a touch of the file
    assert.equal(await proxy.post('/codecs/reload?name=test.reloaded'), 409)
    const { refused, version: after } = await report(proxy)
    assert.match(refused?.faults.join() ?? '', /taken back/)
    assert.ok(after < version)
    assert.equal(await generations(proxy), 'one')
  })
}

test('a version that one worker cannot load is in force in none', async () => {
  const folder = new Folder()
  await using server = await startEchoServer({ codec: awesomerpc })
  await using proxy = await start(folder, server)
  const inWorker = "import { workerData } from 'node:worker_threads'\n"
  folder.write(
    'generation.ts',
    `${inWorker}if (workerData.worker === 1) throw new Error('not here')\nexport const generation = 'two'`,
  )
  assert.equal(await proxy.post('/codecs/reload'), 409)
  const { refused, version } = await report(proxy)
  assert.match(refused?.faults.join() ?? '', /not here/)
  assert.equal(version, 1)
  assert.equal(await generations(proxy), 'one')
})

test('one command reloads, another goes back, and a worker that starts later runs what is in force', async () => {
  const folder = new Folder()
  await using server = await startEchoServer({ codec: awesomerpc })
  await using proxy = await start(folder, server)
  const address = ['--admin-address', `127.0.0.1:${proxy.adminPort}`]
  assert.match(await meltemi('codec', 'reload', ...address), /^0 .*codec\.ts: unchanged, version 1/)
  folder.write('generation.ts', "export const generation = 'two'")
  assert.match(await meltemi('codec', 'reload', 'test.reloaded', ...address), /^0 .*codec\.ts: reloaded, version 3/)
  assert.equal(await generations(proxy), 'two')
  assert.match(await meltemi('codec', 'list', ...address), /test\.reloaded {2}contract 1[\s\S]*before: version 1/)
  assert.match(
    await meltemi('codec', 'rollback', 'test.reloaded', ...address),
    /^0 .*codec\.ts: rolled back, version 1/,
  )
  assert.equal(await generations(proxy), 'one')
  assert.match(await meltemi('codec', 'rollback', 'test.reloaded', ...address), /^1 .*no earlier version/)
  assert.match(await meltemi('codec', 'rollback', 'nobody', ...address), /^1 .*no module/)
  // what is in force is not what lies on the disk by now
  await using victim = await connectClient({ port: proxy.port, codec: awesomerpc, timeoutMs: 5000 })
  victim.send(awesomerpcFrame({ id: 1, cmd: DIE }))
  await victim.ended()
  await until(async () => (await proxy.stat('server.workers')) === 2, 5000)
  assert.equal(await generations(proxy), 'one')
})

test('without --watch a changed file changes nothing', async () => {
  const folder = new Folder()
  await using server = await startEchoServer({ codec: awesomerpc })
  await using proxy = await start(folder, server)
  folder.write('generation.ts', "export const generation = 'two'")
  await sleep(300)
  assert.equal(await generations(proxy), 'one')
})
