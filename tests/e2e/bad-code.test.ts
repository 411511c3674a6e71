import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { awesomerpcFrame, connectClient, type ProxyProcess, startEchoServer } from '../harness/index.ts'
import {
  BAD,
  CodecFolder,
  codecSource,
  generations,
  reportOf,
  startReloadable,
  until,
} from '../harness/reloaded-codec.ts'

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
    // on a busy machine the worker may not answer any more before it is found to hold too much
    metric: 'memory|hung',
    log: /beyond its connections|did not answer/,
  },
]) {
  test(`a version that ${what} is taken back within a second, named, and not loaded again`, async () => {
    const folder = new CodecFolder()
    await using server = await startEchoServer({ codec: awesomerpc })
    await using proxy = await startReloadable(
      folder,
      server,
      '--watch',
      '--memory-limit-bytes',
      String(768 * 1024 * 1024),
    )
    folder.write('codec.ts', codecSource(besides, first))
    folder.write('generation.ts', "export const generation = 'two'")
    await until(async () => (await generations(proxy)) === 'two', 30_000)
    const { version } = await reportOf(proxy)
    const isTakenBack = () => proxy.stderr.includes('not loaded again')
    // one that grows may lose its clients to overload first, which come again
    while (!isTakenBack()) await sendBadCalls(proxy, isTakenBack)
    const elapsedMs = await until(async () => (await generations(proxy)) === 'one', 5000)
    assert.ok(elapsedMs < 1000, `${elapsedMs} ms after it was found`)
    const names = metric.split('|').map((name) => `codec.test.reloaded.${name}`)
    await until(async () => (await Promise.all(names.map((name) => proxy.stat(name)))).some((count) => count > 0), 1000)
    await until(async () => log.test(proxy.stderr), 1000)
    assert.match(proxy.stderr, /test\.reloaded.*not loaded again/)
    // the same bytes once more, asked for and by a touch of the file
    assert.equal(await proxy.post('/codecs/reload?name=test.reloaded'), 409)
    const { refused, version: after } = await reportOf(proxy)
    assert.match(refused?.faults.join() ?? '', /taken back/)
    assert.ok(after < version)
    assert.equal(await generations(proxy), 'one')
  })
}

/** Until the connection ends, or it is enough. */
async function sendBadCalls(proxy: ProxyProcess, isEnough: () => boolean): Promise<void> {
  await using victim = await connectClient({ port: proxy.port, codec: awesomerpc, timeoutMs: 30_000 })
  let isOver = false
  const ended = victim.ended().then(() => {
    isOver = true
  })
  for (let id = 1; !isOver && !isEnough(); id++) {
    victim.send(awesomerpcFrame({ id, cmd: BAD }))
    await sleep(10)
  }
  await Promise.race([ended, sleep(1000)])
}
