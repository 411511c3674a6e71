import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Network, nodeNetwork } from '@meltemi/proxy'
import { uuid, uuidFrame } from '../harness/codecs/index.ts'
import { connectClient, startEchoServer, startTestProxy, TestProxy } from '../harness/index.ts'

test('who has handed its sockets over accepts nobody, and serves those that are here', async () => {
  await using server = await startEchoServer({ codec: uuid })
  await using proxy = await startTestProxy({ codec: uuid, endpoints: [server.port] })
  const { port } = proxy
  await using client = await connectClient({ port, codec: uuid })
  await client.request(uuidFrame({ id: 1 }))
  await proxy.proxy.handOver()
  await assert.rejects(connectClient({ port, codec: uuid }))
  assert.equal((await client.request(uuidFrame({ id: 2 }))).requestId, 2)
})

test('a thread that hears of it while it starts keeps no socket either: another process has clients to itself', async () => {
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>()
  const { promise: mayListen, resolve: listenNow } = Promise.withResolvers<void>()
  const network: Network = {
    ...nodeNetwork,
    async listen(options, accept) {
      ask()
      await mayListen
      return nodeNetwork.listen(options, accept)
    },
  }
  await using proxy = new TestProxy({ codec: uuid, endpoints: [], network })
  const started = proxy.proxy.start(false)
  await asked
  await proxy.proxy.handOver()
  listenNow()
  await started
  assert.notEqual(proxy.port, 0)
  await assert.rejects(connectClient({ port: proxy.port, codec: uuid }))
  assert.deepEqual(proxy.proxy.sockets, [])
})
