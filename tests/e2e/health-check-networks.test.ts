// Checks go the way of requests: over TLS where the cluster has it, and to sockets of the machine.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { HealthCheckConfig, HealthCheckKind } from '@meltemi/api'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { ResponseStatus } from '@meltemi/sdk'
import { TestAuthority } from '../harness/certificates.ts'
import { awesomerpcFrame, connectClient, startEchoServer, startTestProxy, testCluster } from '../harness/index.ts'
import { clientTls, secretsFor } from '../harness/secrets.ts'

const PATIENCE_MS = 10_000

function checkOf(check: HealthCheckKind): HealthCheckConfig {
  return {
    timeoutMs: 5000,
    intervalMs: 20,
    unhealthyThreshold: 1,
    healthyThreshold: 1,
    initialJitterMs: 0,
    intervalJitterMs: 0,
    intervalJitterPercent: 0,
    reuseConnection: true,
    noTrafficIntervalMs: 20,
    noTrafficHealthyIntervalMs: 20,
    unhealthyIntervalMs: 20,
    unhealthyEdgeIntervalMs: 20,
    healthyEdgeIntervalMs: 20,
    alwaysLogFailures: false,
    alwaysLogSuccess: false,
    check,
  }
}

test('a service of mTLS is checked over mTLS, and loses its health with its certificate’s authority', async () => {
  const [authority, stranger] = await Promise.all([TestAuthority.create(), TestAuthority.create('Another CA')])
  const [own, service] = await Promise.all([
    authority.issue({ commonName: 'proxy' }),
    authority.issue({ commonName: 'service', hosts: ['service.test'] }),
  ])
  const tls = { ca: authority.pem, cert: service.chain, key: service.privateKey, requestCert: true }
  await using server = await startEchoServer({ codec: awesomerpc, tls: { ...tls, rejectUnauthorized: true } })
  for (const [trusted, isHealthy] of [
    [authority, true],
    [stranger, false],
  ] as const) {
    const calling = clientTls(own, trusted)
    const healthCheck = checkOf({
      kind: 'tcp',
      send: awesomerpcFrame({ id: 7 }).toString('hex'),
      receive: ['00000007'],
    })
    await using proxy = await startTestProxy({
      codec: awesomerpc,
      endpoints: [server.port],
      secrets: await secretsFor([calling]),
      cluster: { tls: calling, healthCheck, panicThresholdPercent: 0 },
    })
    await proxy.until(`health_check.${isHealthy ? 'success' : 'failure'}`, 1, PATIENCE_MS)
    assert.equal(proxy.stat('membership_healthy'), isHealthy ? 1 : 0)
    await using client = await connectClient({ port: proxy.port, codec: awesomerpc })
    const { status } = await client.request(awesomerpcFrame({ id: 1 }))
    assert.equal(status, isHealthy ? ResponseStatus.Ok : ResponseStatus.Error)
  }
})

test('bytes that are passed on unread end with the health of their host, where that is asked for', async () => {
  const { promise: heard, resolve: hear } = Promise.withResolvers<Socket>()
  const server = createServer((socket) => socket.on('error', () => {}).once('data', () => hear(socket)))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const healthCheck = checkOf({ kind: 'tcp', send: '', receive: [] })
  await using proxy = await startTestProxy({
    codec: awesomerpc,
    tcpProxy: {
      kind: 'tcp-proxy',
      statPrefix: 'tcp',
      clusters: [{ cluster: 'service', weight: 1 }],
      idleTimeoutMs: 0,
      maxConnectAttempts: 1,
    },
    endpoints: [port],
    cluster: { healthCheck, panicThresholdPercent: 0, closesConnectionsOfUnhealthy: true },
  })
  await proxy.until('membership_healthy', 1, PATIENCE_MS)
  const client = connect({ port: proxy.port, host: '127.0.0.1' })
  client.on('error', () => {})
  const closed = once(client, 'close')
  client.write('hello')
  const socket = await heard
  // what is accepted stays
  server.close()
  await closed
  await proxy.until('upstream_cx_active', 0, PATIENCE_MS)
  assert.equal(proxy.stat('membership_healthy'), 0)
  socket.destroy()
})

for (const name of ['service.sock', `${'long-'.repeat(8)}name.sock`]) {
  test(`a socket of the machine is checked: ${name.length} letters`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'meltemi-check-'))
    const host = `unix:${join(folder, name)}`
    const server = createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(join(folder, name))
    await once(server, 'listening')
    after(() => {
      server.close()
      rmSync(folder, { recursive: true })
    })
    const endpoints = [{ address: { host, port: 0 }, hostname: '', weight: 1, healthy: true }]
    const healthCheck = checkOf({ kind: 'tcp', send: '', receive: [] })
    const cluster = testCluster('service', [], { endpoints, healthCheck, panicThresholdPercent: 0 })
    await using proxy = await startTestProxy({ codec: awesomerpc, clusters: [cluster] })
    await proxy.until('membership_healthy', 1, PATIENCE_MS)
    assert.ok(proxy.stat('health_check.success') > 0)
    server.close()
    await proxy.until('membership_healthy', 0, PATIENCE_MS)
  })
}
