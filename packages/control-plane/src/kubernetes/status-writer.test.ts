import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ResourceKey } from '@meltemi/api'
import { createLogger } from '@meltemi/runtime'
import { FakeClock } from '@meltemi/runtime/testing'
import type { StoredResource } from '../admin/backend.ts'
import { byKey, resources } from '../testing/resources.ts'
import { localMetrics, valueOf } from '../testing/silent.ts'
import { StatusWriter } from './status-writer.ts'
import { connectTo } from './testing/connect-to.ts'

const PROTOCOL = (name: string) => `
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: ApplicationProtocol
metadata: { name: ${name} }
spec: { protocol: ${name}, codec: aeraki.meta_protocol.codec.thrift }
`

/** An API server that answers each write as `answer` says of its name. */
async function startApiServer(answer: (name: string) => number) {
  const written: string[] = []
  const server = createServer((request, response) => {
    const name = (request.url ?? '').split('/').at(-2) as string
    written.push(name)
    request.resume()
    response.statusCode = answer(name)
    response.end('{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const cluster = await connectTo(`http://127.0.0.1:${port}`)
  return {
    written,
    cluster,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

function stored(...names: readonly string[]): ReadonlyMap<ResourceKey, StoredResource> {
  const all = [...byKey(resources(names.map(PROTOCOL).join('---')))]
  return new Map(all.map(([key, resource]) => [key, { resource, status: { conditions: [] }, origin: 'a' }]))
}

/** Time goes on in steps of 50 ms until it is so. */
async function until(clock: FakeClock, condition: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + 10_000
  while (!condition()) {
    assert.ok(performance.now() < deadlineMs)
    clock.advance(50)
    await sleep(2)
  }
}

test('a status that is refused is tried again later, and holds up no other', async () => {
  let isRefused = true
  await using server = await startApiServer((name) => (name === 'a' && isRefused ? 422 : 200))
  const clock = new FakeClock()
  const metrics = localMetrics()
  const backend = { resources: () => stored('a', 'b', 'c'), subscribe: () => () => {} }
  const logger = createLogger({ level: 'off' })
  const writer = new StatusWriter({ cluster: server.cluster, backend, isLeader: () => true, logger, metrics, clock })
  writer.writeAll()
  await until(clock, () => valueOf(metrics, 'control_plane.status_writes') === 2)
  assert.ok(clock.now() < 2_000, 'others do not wait')
  assert.deepEqual(server.written, ['a', 'b', 'c'])
  assert.equal(valueOf(metrics, 'control_plane.status_write_failures'), 1)
  isRefused = false
  await until(clock, () => valueOf(metrics, 'control_plane.status_writes') === 3)
  assert.ok(clock.now() >= 30_000)
  assert.deepEqual(server.written, ['a', 'b', 'c', 'a'])
  await writer.stop()
  assert.equal(clock.pendingTimers, 0)
})

test('while nobody answers the same one is tried again, and the others wait', async () => {
  let isAway = true
  await using server = await startApiServer(() => (isAway ? 503 : 200))
  const clock = new FakeClock()
  const metrics = localMetrics()
  const backend = { resources: () => stored('a', 'b'), subscribe: () => () => {} }
  const logger = createLogger({ level: 'off' })
  const writer = new StatusWriter({ cluster: server.cluster, backend, isLeader: () => true, logger, metrics, clock })
  writer.writeAll()
  await until(clock, () => valueOf(metrics, 'control_plane.status_write_failures') === 3)
  assert.ok(clock.now() > 4_000)
  isAway = false
  await until(clock, () => valueOf(metrics, 'control_plane.status_writes') === 2)
  await writer.stop()
  assert.equal(clock.pendingTimers, 0)
})
