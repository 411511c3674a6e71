// In small what benchmarks/reload.ts measures in large.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { ResponseStatus } from '@meltemi/sdk'
import {
  awesomerpcFrame,
  connectClient,
  type ProxyProcess,
  startEchoServer,
  startProxyProcess,
} from '../harness/index.ts'

const TEMPLATE = join(import.meta.dirname, '../../packages/create-meltemi-codec/template/length/src/codec.ts')
const RELOADS = 10
/** A young process grows by itself. */
const WARM_UP_RELOADS = 5
const CLIENTS = 8
/** A client connects anew after so many requests, and so meets every version. */
const REQUESTS_A_CONNECTION = 20
const GROWTH_BYTES = 20 * 2 ** 20

/** Requests one after the other until `isOver`; returns how many were answered, all of them well. */
async function keepAsking(port: number, isOver: () => boolean): Promise<number> {
  let answered = 0
  while (!isOver()) {
    await using client = await connectClient({ port, codec: awesomerpc, timeoutMs: 10_000 })
    for (let id = 1; id <= REQUESTS_A_CONNECTION; id++) {
      const reply = await client.request(awesomerpcFrame({ id, body: 'x' }))
      assert.deepEqual([reply.requestId, reply.status], [id, ResponseStatus.Ok])
      answered++
    }
  }
  return answered
}

async function residentBytes(proxy: ProxyProcess): Promise<number> {
  return Number((JSON.parse((await proxy.get('/memory')).text) as Record<string, unknown>)['process'])
}

test('ten reloads under load fail no request and leave little behind', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'meltemi-reload-'))
  const file = join(folder, 'codec.ts')
  const write = (comment: string): void => writeFileSync(file, `${readFileSync(TEMPLATE, 'utf8')}// ${comment}\n`)
  write('0')
  await using server = await startEchoServer({ codec: awesomerpc })
  await using proxy = await startProxyProcess({
    codec: 'aeraki.meta_protocol.codec.my_protocol',
    endpoints: [server.port],
    arguments: ['--module', file, '--log-level', 'warn', '--concurrency', '2'],
  })
  let isOver = false
  const clients = Array.from({ length: CLIENTS }, () => keepAsking(proxy.port, () => isOver))
  const reload = async (count: number, name: string): Promise<void> => {
    for (let number = 1; number <= count; number++) {
      write(`${name} ${number}`)
      assert.equal(await proxy.post('/codecs/reload'), 200)
    }
  }
  await reload(WARM_UP_RELOADS, 'warm-up')
  const before = await residentBytes(proxy)
  await reload(RELOADS, 'reload')
  const grown = (await residentBytes(proxy)) - before
  isOver = true
  const answered = (await Promise.all(clients)).reduce((sum, count) => sum + count, 0)
  assert.ok(answered > CLIENTS * REQUESTS_A_CONNECTION, `${answered} requests`)
  assert.equal(
    await proxy.stat('codec.aeraki.meta_protocol.codec.my_protocol.reload_success'),
    WARM_UP_RELOADS + RELOADS,
  )
  assert.ok(grown < GROWTH_BYTES, `${grown} bytes`)
  assert.equal(proxy.stderr, '')
  rmSync(folder, { recursive: true })
})
