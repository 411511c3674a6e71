/** Providers that end and come back, heartbeats, and another serialization. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MessageType } from '@meltemi/sdk'
import { Meltemi } from '../thrift/meltemi.ts'
import { assertLocalError, assertOutcome, until } from './expected.ts'
import { JAVA_PEERS, PeerClient, PeerServer, unusedPort } from './peers.ts'
import { countHeartbeats, Tap } from './tap.ts'

const CODEC = 'dubbo'
const HEARTBEAT_MS = 1000

for (const peer of JAVA_PEERS) {
  test(`a ${peer} provider that is killed and comes back: an exception at once, then answers again`, async () => {
    const port = await unusedPort()
    await using meltemi = await Meltemi.start({ own: { upstreamPort: port } }, CODEC)
    await using client = new PeerClient(peer)
    const call = (name: string) => client.call(meltemi.port('own'), name)
    const first = await PeerServer.start(peer, {}, port)
    assertOutcome(await call('text'), peer)
    await first.kill()
    assertLocalError(await call('text'), 1, /remote connection failure/)
    await using _again = await PeerServer.start(peer, {}, port)
    assertOutcome(await call('text'), peer)
    assertOutcome(await call('item'), peer)
  })

  test(`a ${peer} provider that ends in peace says so, and its connection is left`, async () => {
    const port = await unusedPort()
    const first = await PeerServer.start(peer, {}, port)
    await using tap = await Tap.start(port)
    await using meltemi = await Meltemi.start({ own: { upstreamPort: tap.port } }, CODEC)
    await using client = new PeerClient(peer)
    const call = (name: string) => client.call(meltemi.port('own'), name)
    assertOutcome(await call('text'), peer)
    await first[Symbol.asyncDispose]()
    const events = tap.messages.upstream.filter(({ type }) => type === MessageType.Heartbeat)
    assert.ok(events.length > 0, 'the provider has not said that it ends')
    await using _again = await PeerServer.start(peer, {}, port)
    assertOutcome(await call('text'), peer)
    assert.equal(tap.connections, 2)
  })

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
