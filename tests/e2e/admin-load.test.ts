import assert from 'node:assert/strict'
import { test } from 'node:test'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { awesomerpcFrame, connectClient, startEchoServer, startProxyProcess } from '../harness/index.ts'

const ROUTES = 5000
const DUMPS = 4
const REQUESTS = 100

test('traffic goes on while the admin pages are busy with a dump that takes long', async () => {
  const match = (n: number) => ({ metadata: [{ name: 'cmd', string_match: { exact: `never-${n}` } }] })
  const never = Array.from({ length: ROUTES }, (_, n) => ({
    name: `r${n}`,
    match: match(n),
    route: { cluster: 'service' },
  }))
  const routes = [...never, { name: 'all', route: { cluster: 'service' } }]
  await using server = await startEchoServer({ codec: awesomerpc })
  await using proxy = await startProxyProcess({
    codec: awesomerpc.name,
    endpoints: [server.port],
    filter: { route_config: { name: 'routes', routes } },
  })
  await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
  await client.request(awesomerpcFrame({ id: 0 }))

  let isBusy = true
  const dumps = Promise.all(Array.from({ length: DUMPS }, () => proxy.get('/config_dump'))).finally(() => {
    isBusy = false
  })
  // in the thread that makes the dumps no more than a few of these would find their turn between two of them
  for (let id = 1; id <= REQUESTS; id++) await client.request(awesomerpcFrame({ id }))
  assert.equal(isBusy, true, 'the dumps ended first')
  for (const { status, text } of await dumps) {
    assert.equal(status, 200)
    assert.ok(text.includes(`never-${ROUTES - 1}`))
  }
})
