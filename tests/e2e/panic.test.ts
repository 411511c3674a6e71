import assert from 'node:assert/strict'
import { test } from 'node:test'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { awesomerpcFrame, connectClient, type EchoServer, startEchoServer, startTestProxy } from '../harness/index.ts'

/** Four endpoints, of which so many are healthy, and the requests each got of 40. */
async function shares(healthy: number, panicThresholdPercent: number) {
  const servers = await Promise.all(Array.from({ length: 4 }, () => startEchoServer({ codec: awesomerpc })))
  const endpoints = servers.map(({ port }, n) => ({
    address: { host: '127.0.0.1', port },
    hostname: '',
    weight: 1,
    healthy: n < healthy,
  }))
  await using proxy = await startTestProxy({ codec: awesomerpc, cluster: { endpoints, panicThresholdPercent } })
  await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
  let failed = 0
  for (let id = 1; id <= 40; id++) {
    const reply = await client.request(awesomerpcFrame({ id }))
    if (reply.message.readInt16BE(11) !== 0) failed++
  }
  const counts = servers.map((server: EchoServer) => server.received.length)
  for (const server of servers) await server.close()
  return { counts, failed, panics: proxy.stat('lb_healthy_panic'), healthy: proxy.stat('membership_healthy') }
}

test('while enough endpoints are healthy only those are used', async () => {
  assert.deepEqual(await shares(2, 50), { counts: [20, 20, 0, 0], failed: 0, panics: 0, healthy: 2 })
})

test('with fewer healthy ones than the threshold all are used, and that is counted', async () => {
  assert.deepEqual(await shares(1, 50), { counts: [10, 10, 10, 10], failed: 0, panics: 40, healthy: 1 })
})

test('a threshold of 0 never panics: the few healthy ones get all, and without any nothing is sent', async () => {
  assert.deepEqual(await shares(1, 0), { counts: [40, 0, 0, 0], failed: 0, panics: 0, healthy: 1 })
  assert.deepEqual(await shares(0, 0), { counts: [0, 0, 0, 0], failed: 40, panics: 0, healthy: 0 })
})
