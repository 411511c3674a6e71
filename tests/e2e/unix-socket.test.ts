import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseBootstrap } from '@meltemi/api'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { awesomerpcFrame, connectClient, startTestProxy } from '../harness/index.ts'

test('an endpoint may be a socket of the machine, as that of Istio’s agent is', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'meltemi-unix-'))
  const path = join(folder, 'service.sock')
  const server = createServer((socket) => socket.pipe(socket)).listen(path)
  await once(server, 'listening')
  const endpoint = `{endpoint: {address: {pipe: {path: ${path}}}}}`
  const text = `static_resources: {clusters: [{name: service, load_assignment: {cluster_name: service, endpoints: [{lb_endpoints: [${endpoint}]}]}}]}`
  const { config, problems } = parseBootstrap(text, 'unix.yaml')
  assert.deepEqual(problems, [])
  await using proxy = await startTestProxy({ codec: awesomerpc, clusters: config?.clusters ?? [] })
  await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
  assert.equal((await client.request(awesomerpcFrame({ id: 5 }))).requestId, 5)
  assert.equal(proxy.proxy.endpoints()[0]?.address, `unix:${path}`)
  server.close()
  rmSync(folder, { recursive: true })
})
