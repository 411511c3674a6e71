import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { awesomerpcFrame, connectClient, startEchoServer, startProxyProcess } from '../harness/index.ts'

const REFUSED = /^listener\..*\.downstream_cx_overload_reject: ([1-9]\d*)$/m

test('a process above --memory-limit-bytes refuses clients in its worker, says so in its stats and log, and drains', async () => {
  await using server = await startEchoServer({ codec: awesomerpc })
  const args = ['--memory-limit-bytes', '1048576', '--drain-time-s', '1']
  await using proxy = await startProxyProcess({ codec: awesomerpc.name, endpoints: [server.port], arguments: args })
  while ((await proxy.stat('overload.level')) !== 3);
  assert.equal(await proxy.stat('overload.memory_limit_bytes'), 1_048_576)
  for (const level of [1, 2, 3]) assert.equal(await proxy.stat(`overload.level_${level}_entered`), 1)

  const refused = connect(proxy.port, '127.0.0.1')
  refused.on('error', () => undefined)
  await once(refused, 'close')
  assert.match((await proxy.get('/stats')).text, REFUSED)
  assert.equal((await proxy.get('/ready')).status, 200)
  assert.match(proxy.stderr, /overload level changed/)
  assert.equal(server.received.length, 0)

  proxy.child.kill('SIGTERM')
  assert.equal(await proxy.exited(), 0)
})

test('a process with room serves, and tells its memory and its limit', async () => {
  await using server = await startEchoServer({ codec: awesomerpc })
  const args = ['--memory-limit-bytes', String(8 * 1024 ** 3)]
  await using proxy = await startProxyProcess({ codec: awesomerpc.name, endpoints: [server.port], arguments: args })
  await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
  assert.equal((await client.request(awesomerpcFrame({ id: 1 }))).message.readInt16BE(11), 0)
  const memory = JSON.parse((await proxy.get('/memory')).text) as Record<string, unknown>
  assert.equal(memory['process_limit'], String(8 * 1024 ** 3))
  assert.equal(memory['overload_level'], 0)
  assert.equal((await proxy.stat('overload.memory_used_bytes')) > 10_000_000, true)
})
