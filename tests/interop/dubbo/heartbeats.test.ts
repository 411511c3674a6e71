/** Heartbeats of Java peers, and another serialization. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Meltemi } from '../thrift/meltemi.ts'
import { assertLocalError, assertOutcome, until } from './expected.ts'
import { JAVA_PEERS, PeerClient, PeerServer } from './peers.ts'
import { countHeartbeats, Tap } from './tap.ts'

const CODEC = 'dubbo'
const HEARTBEAT_MS = 300

for (const peer of JAVA_PEERS) {
  test(`heartbeats of a ${peer} consumer are answered by the proxy, whose own connection the provider may end`, async () => {
    await using server = await PeerServer.start(peer, { heartbeat: String(HEARTBEAT_MS) })
    await using behind = await Tap.start(server.port)
    await using meltemi = await Meltemi.start({ own: { upstreamPort: behind.port } }, CODEC)
    await using before = await Tap.start(meltemi.port('own'))
    await using client = new PeerClient(peer, { query: `heartbeat=${HEARTBEAT_MS}` })
    assertOutcome(await client.call(before.port, 'text'), peer)
    await until(() => countHeartbeats(before, 'upstream') >= 3 && behind.closedByService > 0)
    assertOutcome(await client.call(before.port, 'text'), peer)
    assert.equal(before.connections, 1, 'the consumer has connected again')
    assert.ok(countHeartbeats(before, 'downstream') >= countHeartbeats(before, 'upstream'))
    assert.equal(countHeartbeats(behind, 'downstream'), 0)
  })
}

test('Dubbo 3 in another serialization passes unseen, and gets what goes wrong as an exception', async () => {
  const query = 'serialization=fastjson2&prefer.serialization=fastjson2'
  await using server = await PeerServer.start('java-3', { serialization: 'fastjson2' })
  await using behind = await Tap.start(server.port)
  await using meltemi = await Meltemi.start(
    { own: { upstreamPort: behind.port }, noRoute: { upstreamPort: behind.port, match: ['method', 'text'] } },
    CODEC,
  )
  await using client = new PeerClient('java-3', { query })
  for (const name of ['text', 'number', 'nothing', 'crash', 'attached', 'crowd']) {
    assertOutcome(await client.call(meltemi.port('own'), name), 'java-3')
  }
  assertLocalError(await client.call(meltemi.port('noRoute'), 'text'), 1, /no matched route/)
  const serializations = new Set(behind.messages.downstream.map(({ message }) => (message[2] as number) & 0x1f))
  assert.deepEqual([...serializations], [23])
  assert.ok(behind.messages.downstream.every(({ size }) => size === 0))
})
