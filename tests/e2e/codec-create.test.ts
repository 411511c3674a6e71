import assert from 'node:assert/strict'
import { test } from 'node:test'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import type { CodecDefinition, Side } from '@meltemi/sdk'
import { awesomerpcFrame, connectClient, startEchoServer, startTestProxy } from '../harness/index.ts'

/** awesomerpc whose making fails on one side while `isBroken`. */
function fragile(broken: Side): { codec: CodecDefinition; repair: () => void; damage: () => void } {
  let isBroken = false
  const codec: CodecDefinition = {
    ...awesomerpc,
    name: 'meltemi.test.fragile',
    create(side, config) {
      if (isBroken && side === broken) throw new Error('cannot be made')
      return awesomerpc.create(side, config)
    },
  }
  const set = (value: boolean) => () => {
    isBroken = value
  }
  return { codec, repair: set(false), damage: set(true) }
}

test('a codec that cannot be made for a client costs that client only', async () => {
  await using server = await startEchoServer({ codec: awesomerpc })
  const { codec, damage, repair } = fragile('downstream')
  await using proxy = await startTestProxy({ codec, endpoints: [server.port] })
  damage()
  await using refused = await connectClient({ port: proxy.port, codec: awesomerpc })
  await refused.ended()
  repair()
  await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
  assert.equal((await client.request(awesomerpcFrame({ id: 1 }))).requestId, 1)
  assert.equal(proxy.proxy.connectionCount, 1)
  assert.equal(proxy.stat('server.codec_exception'), 1)
})

test('a codec that cannot be made for a service fails its requests and holds no place among the connections', async () => {
  await using server = await startEchoServer({ codec: awesomerpc })
  const { codec, damage, repair } = fragile('upstream')
  const circuitBreaker = { maxConnections: 1, maxPendingRequests: 10, maxRequests: 10, maxRetries: 3 }
  await using proxy = await startTestProxy({ codec, endpoints: [server.port], cluster: { circuitBreaker } })
  await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
  damage()
  for (let id = 1; id <= 3; id++) {
    assert.equal((await client.request(awesomerpcFrame({ id }))).message.readInt16BE(11), 1)
  }
  repair()
  assert.equal((await client.request(awesomerpcFrame({ id: 4 }))).message.readInt16BE(11), 0)
})
