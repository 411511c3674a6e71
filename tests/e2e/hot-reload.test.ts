import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { runMeltemi } from '@meltemi/cli'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { ResponseStatus } from '@meltemi/sdk'
import { awesomerpcFrame, connectClient, startEchoServer, startProxyProcess } from '../harness/index.ts'
import {
  ASK,
  CodecFolder,
  DIE,
  generation,
  generations,
  reportOf,
  startReloadable,
  until,
} from '../harness/reloaded-codec.ts'

/** Exit code and output of a command. */
async function meltemi(...args: readonly string[]): Promise<string> {
  let text = ''
  const listen = (part: string): void => {
    text += part
  }
  const code = await runMeltemi(args, { write: listen, writeError: listen })
  return `${code} ${text}`
}

test('a changed helper is live in all workers within a second, and connections that were there keep the old code', async () => {
  const folder = new CodecFolder()
  await using server = await startEchoServer({ codec: awesomerpc })
  await using proxy = await startReloadable(folder, server, '--watch')
  await using old = await connectClient({ port: proxy.port, codec: awesomerpc })
  assert.equal((await old.request(awesomerpcFrame({ id: 1, cmd: ASK }))).status, ResponseStatus.Error)
  const before = await reportOf(proxy)
  const times: number[] = []
  for (const next of ['two', 'one', 'two'] as const) {
    folder.write('generation.ts', `export const generation = '${next}' // ${times.length}`)
    times.push(await until(async () => (await generation(proxy)) === next, 5000))
  }
  // what else the machine does can only make it slower
  assert.ok(Math.min(...times) < 1000, `${times} ms`)
  assert.equal(await generations(proxy), 'two')
  assert.equal((await old.request(awesomerpcFrame({ id: 2, cmd: ASK }))).status, ResponseStatus.Error)
  const { version, digest, previous } = await reportOf(proxy)
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
    const folder = new CodecFolder()
    await using server = await startEchoServer({ codec: awesomerpc })
    await using proxy = await startReloadable(folder, server, '--watch')
    folder.write('generation.ts', text)
    await until(async () => (await reportOf(proxy)).refused !== null, 30_000)
    const { refused, version } = await reportOf(proxy)
    assert.match(refused?.faults.join() ?? '', fault)
    assert.equal(version, 1)
    assert.equal(await generations(proxy), 'one')
    assert.match(proxy.stderr, /module refused/)
    folder.write('generation.ts', "export const generation = 'two'")
    await until(async () => (await generations(proxy)) === 'two', 30_000)
  })
}

test('a version that one worker cannot load is in force in none', async () => {
  const folder = new CodecFolder()
  await using server = await startEchoServer({ codec: awesomerpc })
  await using proxy = await startReloadable(folder, server)
  const inWorker = "import { workerData } from 'node:worker_threads'\n"
  folder.write(
    'generation.ts',
    `${inWorker}if (workerData?.worker === 1) throw new Error('not here')\nexport const generation = 'two'`,
  )
  assert.equal(await proxy.post('/codecs/reload'), 409)
  const { refused, version } = await reportOf(proxy)
  assert.match(refused?.faults.join() ?? '', /not here/)
  assert.equal(version, 1)
  assert.equal(await generations(proxy), 'one')
})

test('one command reloads, another goes back, and a worker that starts later runs what is in force', async () => {
  const folder = new CodecFolder()
  await using server = await startEchoServer({ codec: awesomerpc })
  await using proxy = await startReloadable(folder, server)
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

test('a codec is replaced where a route has a limit of its own, whose tokens stay taken', async () => {
  const folder = new CodecFolder()
  await using server = await startEchoServer({ codec: awesomerpc })
  const typed = (tokens: number) => ({
    '@type': 'type.googleapis.com/aeraki.meta_protocol_proxy.filters.local_ratelimit.v1alpha.LocalRateLimit',
    stat_prefix: `limit_${tokens}`,
    token_bucket: { max_tokens: tokens, tokens_per_fill: 1, fill_interval: '1000s' },
  })
  const name = 'aeraki.meta_protocol.filters.local_ratelimit'
  const route = { cluster: 'service', typed_per_filter_config: { [name]: typed(3) } }
  await using proxy = await startProxyProcess({
    codec: 'test.reloaded',
    endpoints: [server.port],
    filter: {
      meta_protocol_filters: [{ name, config: typed(1000) }],
      route_config: { name: 'routes', routes: [{ name: 'limited', match: { metadata: [] }, route }] },
    },
    arguments: ['--module', folder.codec, '--log-level', 'warn', '--concurrency', '2'],
  })
  const isServed = async () => {
    await using client = await connectClient({ port: proxy.port, codec: awesomerpc, timeoutMs: 5000 })
    return (await client.request(awesomerpcFrame({ id: 1, cmd: 1 }))).status === ResponseStatus.Ok
  }
  assert.deepEqual([await isServed(), await isServed()], [true, true])
  folder.write('generation.ts', "export const generation = 'two'")
  assert.equal(await proxy.post('/codecs/reload'), 200)
  assert.deepEqual([await isServed(), await isServed()], [true, false])
})

test('without --watch a changed file changes nothing', async () => {
  const folder = new CodecFolder()
  await using server = await startEchoServer({ codec: awesomerpc })
  await using proxy = await startReloadable(folder, server)
  folder.write('generation.ts', "export const generation = 'two'")
  await sleep(300)
  assert.equal(await generations(proxy), 'one')
})
