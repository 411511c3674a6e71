import assert from 'node:assert/strict'
import { test } from 'node:test'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { type Filter, type FilterDefinition, FilterStatus } from '@meltemi/sdk'
import { awesomerpcFrame, connectClient, silent, startEchoServer, startTestProxy, testRoute } from '../harness/index.ts'

const PAUSE_MS = 400

test('the time that a filter takes counts against the request’s timeout', async () => {
  await using server = await startEchoServer({ codec: awesomerpc, handler: silent })
  const name = 'meltemi.test.pausing'
  const pausing: Filter = {
    onRequest: (context) => {
      setTimeout(() => context.resume(), PAUSE_MS)
      return FilterStatus.Pause
    },
  }
  const definition: FilterDefinition = { name, typeUrl: name, parse: () => undefined, create: () => pausing }
  await using proxy = await startTestProxy({
    codec: awesomerpc,
    endpoints: [server.port],
    filters: [definition],
    routes: [testRoute('service', { timeoutMs: 600 })],
    filter: { filters: [{ name, typeUrl: name, config: undefined }] },
  })
  await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
  const startedMs = performance.now()
  await client.request(awesomerpcFrame({ id: 1 }))
  const elapsedMs = performance.now() - startedMs
  assert.ok(elapsedMs >= 599 && elapsedMs < 900, `the local reply came after ${elapsedMs} ms`)
  assert.equal(server.received.length, 1)
})
