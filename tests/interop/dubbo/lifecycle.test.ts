/** Providers that end and come back. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MessageType } from '@meltemi/sdk'
import { freePort } from '../../harness/free-port.ts'
import { Meltemi } from '../thrift/meltemi.ts'
import { assertLocalError, assertOutcome } from './expected.ts'
import { JAVA_PEERS, PeerClient, PeerServer } from './peers.ts'
import { Tap } from './tap.ts'

const CODEC = 'dubbo'

for (const peer of JAVA_PEERS) {
  test(`a ${peer} provider that is killed and comes back: an exception at once, then answers again`, async () => {
    const port = await freePort()
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
    const port = await freePort()
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
}
