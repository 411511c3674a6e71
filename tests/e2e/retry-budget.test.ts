// Four proxies in one process share the memory of their limits as four workers do: so a test knows which has what.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CircuitBreakerConfig } from '@meltemi/api'
import { SharedLimits } from '@meltemi/proxy'
import { uuid, uuidFrame } from '../harness/codecs/index.ts'
import {
  connectClient,
  type EchoServer,
  type Handler,
  type RawClient,
  startEchoServer,
  startTestProxy,
  type TestProxy,
  testRetry,
  testRoute,
} from '../harness/index.ts'

const WORKERS = 4
const ENVOY = { maxConnections: 1024, maxPendingRequests: 1024, maxRequests: 1024, maxRetries: 3 }
const RETRY = testRetry({ retryOn: ['error-status', 'non-idempotent'] })

/** Answers `fail …` with an error the first time it comes, and everything else only when it is told to. */
class Service {
  readonly #seen = new Set<string>()
  readonly #released = Promise.withResolvers<void>()
  readonly handler: Handler = async (request, connection) => {
    const body = request.get('body') ?? ''
    if (body.startsWith('fail') && !this.#seen.has(body)) {
      this.#seen.add(body)
      connection.send(uuidFrame({ id: request.requestId, status: 1, body: 'no' }))
      return
    }
    await this.#released.promise
    connection.answer(request)
  }
  release = (): void => this.#released.resolve()
}

interface Workers extends AsyncDisposable {
  readonly proxies: readonly TestProxy[]
  readonly clients: readonly RawClient[]
  retries(): number
  overflows(): number
}

async function startWorkers(server: EchoServer, limits: Partial<CircuitBreakerConfig>): Promise<Workers> {
  const shared = new SharedLimits(WORKERS)
  const cluster = { circuitBreaker: { ...ENVOY, ...limits } }
  const routes = [testRoute('service', { retry: RETRY })]
  const proxies: TestProxy[] = []
  const clients: RawClient[] = []
  for (let worker = 0; worker < WORKERS; worker++) {
    const share = { limits: shared, worker }
    const proxy = await startTestProxy({ codec: uuid, endpoints: [server.port], cluster, routes, share })
    proxies.push(proxy)
    clients.push(await connectClient({ port: proxy.port, codec: uuid, timeoutMs: 20_000 }))
  }
  const sum = (name: string) => proxies.reduce((total, proxy) => total + proxy.stat(name), 0)
  return {
    proxies,
    clients,
    retries: () => sum('upstream_rq_retry'),
    overflows: () => sum('upstream_rq_retry_overflow'),
    async [Symbol.asyncDispose]() {
      for (const client of clients) await client.close()
      for (const proxy of proxies) await proxy.until('request_active', 0)
      for (const proxy of proxies) await proxy[Symbol.asyncDispose]()
      for (const proxy of proxies) assert.equal(proxy.proxy.timerCount, 0)
      assert.equal(shared.inUse, 0)
    },
  }
}

for (const [name, limits] of [
  ['max_retries', { maxRetries: 7 }],
  ['the least of a retry budget', { retryBudget: { budgetPercent: 0, minRetryConcurrency: 7 } }],
] as const) {
  test(`of many requests that fail at the same time in four workers as many are retried as ${name} says`, async () => {
    const service = new Service()
    await using server = await startEchoServer({ codec: uuid, handler: service.handler })
    await using workers = await startWorkers(server, limits)
    const count = 10 * WORKERS
    const replies = Array.from({ length: count }, (_, n) =>
      (workers.clients[n % WORKERS] as RawClient).request(uuidFrame({ id: n + 1, body: `fail ${n}` })),
    )
    // each fails once, and what is retried is held
    await server.arrived(count + 7)
    while (workers.overflows() < count - 7) await new Promise((resolve) => setImmediate(resolve))
    service.release()
    const bodies = (await Promise.all(replies)).map((reply) => reply.get('body') ?? '')
    assert.equal(bodies.filter((body) => body.startsWith('fail')).length, 7)
    assert.deepEqual([workers.retries(), workers.overflows()], [7, count - 7])
    assert.equal(server.received.length, count + 7)
  })
}

test('a retry budget is a share of what is under way in all workers', async () => {
  const service = new Service()
  await using server = await startEchoServer({ codec: uuid, handler: service.handler })
  const retryBudget = { budgetPercent: 20, minRetryConcurrency: 3 }
  await using workers = await startWorkers(server, { retryBudget })
  const clientOf = (n: number) => workers.clients[n % WORKERS] as RawClient
  const held = Array.from({ length: 50 }, (_, n) => clientOf(n).request(uuidFrame({ id: n + 1, body: 'hold' })))
  await server.arrived(50)
  // one after the other: each retry that is held is one more request under way, until 12 of 62 are retries
  const retried: Promise<unknown>[] = []
  for (let n = 0; n < 12; n++) {
    retried.push(clientOf(n).request(uuidFrame({ id: 100 + n, body: `fail ${n}` })))
    await server.arrived(50 + 2 * (n + 1))
  }
  for (let n = 12; n < 16; n++) {
    const reply = await clientOf(n).request(uuidFrame({ id: 100 + n, body: `fail ${n}` }))
    assert.equal(reply.get('body'), 'no')
  }
  assert.deepEqual([workers.retries(), workers.overflows()], [12, 4])
  service.release()
  await Promise.all([...held, ...retried])
})

test('retries that have ended leave their places to others', async () => {
  const service = new Service()
  service.release()
  await using server = await startEchoServer({ codec: uuid, handler: service.handler })
  await using workers = await startWorkers(server, { maxRetries: 1 })
  for (let n = 0; n < 12; n++) {
    const client = workers.clients[n % WORKERS] as RawClient
    assert.equal((await client.request(uuidFrame({ id: n + 1, body: `fail ${n}` }))).get('body'), `fail ${n}`)
  }
  assert.deepEqual([workers.retries(), workers.overflows()], [12, 0])
})
