import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import type { RouteConfig } from '@meltemi/api'
import { MessageType, type Metadata, ResponseStatus } from '@meltemi/sdk'
import { ordered, StreamingFlag, streaming, streamingFrame, uuid, uuidFrame } from '../harness/codecs/index.ts'
import {
  breakingOff,
  closing,
  connectClient,
  type EchoServer,
  echo,
  FOUR_PROTOCOLS,
  failing,
  type Handler,
  IN_ORDER,
  inTurn,
  resetting,
  silent,
  startEchoServer,
  startTestProxy,
  type TestedProtocol,
  type TestProxy,
  type TestProxyOptions,
  testRetry,
  testRoute,
  wrongId,
} from '../harness/index.ts'

const ENVOY = { maxConnections: 1024, maxPendingRequests: 1024, maxRequests: 1024, maxRetries: 3 }
const SAFE = testRetry({ retryOn: ['5xx'] })

interface Stage extends AsyncDisposable {
  readonly proxy: TestProxy
  readonly servers: readonly EchoServer[]
  /** How many requests each server has had. */
  readonly arrivals: readonly number[]
}

/** Two services, which have one handler between them, behind a route. */
async function startStage(
  { codec, answer }: Pick<TestedProtocol, 'codec'> & Partial<TestedProtocol>,
  handler: Handler,
  route: Partial<RouteConfig>,
  options: Partial<TestProxyOptions> = {},
): Promise<Stage> {
  const start = () => startEchoServer({ codec, handler, ...(answer === undefined ? {} : { answer }) })
  const servers = [await start(), await start()]
  const proxy = await startTestProxy({
    codec,
    endpoints: servers.map(({ port }) => port),
    routes: [testRoute('service', route)],
    ...options,
  })
  return {
    proxy,
    servers,
    get arrivals() {
      return servers.map(({ received }) => received.length)
    },
    async [Symbol.asyncDispose]() {
      await untilSettled(proxy)
      await proxy[Symbol.asyncDispose]()
      assert.equal(proxy.limitsInUse, 0)
      assert.equal(proxy.proxy.timerCount, 0)
      for (const server of servers) await server.close()
    },
  }
}

/** Nothing is under way, and nothing is held but connections. */
async function untilSettled(proxy: TestProxy): Promise<void> {
  await proxy.until('request_active', 0)
  await proxy.until('upstream_rq_active', 0)
  await proxy.until('upstream_rq_pending_active', 0)
}

function isGood(reply: Metadata): boolean {
  return reply.status === ResponseStatus.Ok && reply.type !== MessageType.Error
}

function bodyOf(reply: Metadata): string {
  return reply.get('body') ?? ''
}

/** A port where nobody listens. */
async function deadPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

for (const protocol of [...FOUR_PROTOCOLS, IN_ORDER]) {
  for (const multiplexing of [true, false]) {
    const kind = `${protocol.name}, ${multiplexing ? 'shared' : 'exclusive'}`
    const faults: Readonly<Record<string, Handler>> = {
      'resets the connection': resetting,
      'closes the connection': closing,
      'sends half a reply': breakingOff,
      'does not answer': silent,
      'answers with an error': failing(protocol),
    }

    test(`a request that one service fails is answered by the other, whatever the fault: ${kind}`, async () => {
      for (const [fault, handler] of Object.entries(faults)) {
        // what is not silent is not to be late, however slow the machine is
        const retry = testRetry({ perTryTimeoutMs: handler === silent ? 250 : 10_000 })
        await using stage = await startStage(protocol, inTurn(handler, echo), { retry }, { multiplexing })
        const { proxy } = stage
        await using client = await connectClient({ port: proxy.port, codec: protocol.codec })
        const reply = await client.request(protocol.request(7))
        assert.ok(isGood(reply), fault)
        if (protocol.codec.correlation === 'id') assert.equal(reply.requestId, 7, fault)
        assert.deepEqual(stage.arrivals, [1, 1], fault)
        assert.equal(proxy.stat('upstream_rq_retry'), 1, fault)
        assert.equal(proxy.stat('upstream_rq_retry_success'), 1, fault)
        assert.equal(proxy.stat('upstream_rq_retry_backoff_exponential'), 1, fault)
        assert.equal(proxy.stat('upstream_rq_total'), 2, fault)
        assert.equal(proxy.stat('upstream_rq_per_try_timeout'), handler === silent ? 1 : 0, fault)
        assert.equal(proxy.stat('test.response_success'), 1, fault)
        assert.equal(proxy.stat('test.response_error'), 0, 'what is tried again is no reply')
      }
    })

    test(`a service that cannot be reached is made up for, though nobody calls the request idempotent: ${kind}`, async () => {
      await using server = await startEchoServer({ codec: protocol.codec, answer: protocol.answer })
      await using proxy = await startTestProxy({
        codec: protocol.codec,
        endpoints: [await deadPort(), server.port],
        multiplexing,
        routes: [testRoute('service', { retry: testRetry({ retryOn: ['connect-failure'] }) })],
      })
      await using client = await connectClient({ port: proxy.port, codec: protocol.codec })
      for (let id = 1; id <= 4; id++) assert.ok(isGood(await client.request(protocol.request(id))))
      const retries = proxy.stat('upstream_rq_retry')
      assert.ok(retries > 0)
      assert.equal(proxy.stat('upstream_cx_connect_fail'), retries)
      assert.equal(server.received.length, 4)
    })

    test(`when all retries are used the client gets the last end, in its protocol: ${kind}`, async () => {
      const retry = testRetry({ numRetries: 2 })
      await using stage = await startStage(protocol, resetting, { retry }, { multiplexing })
      await using client = await connectClient({ port: stage.proxy.port, codec: protocol.codec })
      assert.equal(isGood(await client.request(protocol.request(3))), false)
      const [a = 0, b = 0] = stage.arrivals
      assert.deepEqual([a + b, a > 0, b > 0], [3, true, true])
      assert.equal(stage.proxy.stat('upstream_rq_retry'), 2)
      assert.equal(stage.proxy.stat('upstream_rq_retry_limit_exceeded'), 1)
      assert.equal(stage.proxy.stat('local_response_business_exception'), 1)
    })

    test(`an answer to one of two tries at once is enough, and the other is given up: ${kind}`, async () => {
      const hedge = {
        initialRequests: 2,
        additionalChance: { numerator: 0, denominator: 100 },
        onPerTryTimeout: false,
      } as const
      await using stage = await startStage(
        protocol,
        inTurn(silent, echo),
        { retry: testRetry(), hedge },
        { multiplexing },
      )
      await using client = await connectClient({ port: stage.proxy.port, codec: protocol.codec })
      assert.ok(isGood(await client.request(protocol.request(9))))
      assert.deepEqual(stage.arrivals, [1, 1])
      assert.equal(stage.proxy.stat('upstream_rq_retry'), 1)
      assert.equal(stage.proxy.stat('upstream_rq_cancelled'), 1)
    })

    test(`a try that takes long goes on beside the next one, and whoever answers first counts: ${kind}`, async () => {
      const hedge = {
        initialRequests: 1,
        additionalChance: { numerator: 0, denominator: 100 },
        onPerTryTimeout: true,
      } as const
      const retry = testRetry({ perTryTimeoutMs: 40 })
      const { promise: released, resolve: release } = Promise.withResolvers<void>()
      const late: Handler = async (request, connection) => {
        await released
        connection.answer(request)
      }
      const handler = inTurn(late, () => release())
      await using stage = await startStage(protocol, handler, { retry, hedge }, { multiplexing })
      await using client = await connectClient({ port: stage.proxy.port, codec: protocol.codec })
      // the second try is never answered: the first one is, once the second is there
      assert.ok(isGood(await client.request(protocol.request(5))))
      assert.deepEqual(stage.arrivals, [1, 1])
      assert.equal(stage.proxy.stat('upstream_rq_retry'), 1)
      assert.ok(stage.proxy.stat('upstream_rq_per_try_timeout') >= 1)
    })
  }
}

test('what may have been done is not repeated unless the protocol or the policy says that it can be', async () => {
  const cases = [
    { codec: uuid, frame: uuidFrame({ id: 1 }), retry: SAFE, isRetried: false },
    { codec: uuid, frame: uuidFrame({ id: 1 }), retry: testRetry(), isRetried: true },
    { codec: ordered, frame: Buffer.from('GET key\r\n'), retry: SAFE, isRetried: true },
    { codec: ordered, frame: Buffer.from('SET key\r\n'), retry: SAFE, isRetried: false },
    { codec: ordered, frame: Buffer.from('SET key\r\n'), retry: testRetry(), isRetried: true },
  ]
  for (const { codec, frame, retry, isRetried } of cases) {
    await using stage = await startStage({ codec }, inTurn(closing, echo), { retry })
    await using client = await connectClient({ port: stage.proxy.port, codec })
    assert.equal(isGood(await client.request(frame)), isRetried)
    assert.equal(stage.proxy.stat('upstream_rq_retry'), isRetried ? 1 : 0)
    assert.equal(stage.proxy.stat('upstream_rq_retry_non_idempotent'), isRetried ? 0 : 1)
  }
})

test('a reply that the policy names is tried again, others are not', async () => {
  const retry = testRetry({
    retryOn: ['retriable-headers'],
    retriableHeaders: [
      {
        name: 'body',
        test: { kind: 'exact', text: 'busy', ignoreCase: false },
        invert: false,
        treatMissingAsEmpty: false,
      },
    ],
  })
  const saying =
    (body: string): Handler =>
    ({ requestId }, connection) =>
      connection.send(uuidFrame({ id: requestId, status: 1, body }))
  await using stage = await startStage({ codec: uuid }, inTurn(saying('busy'), echo, saying('broken')), { retry })
  await using client = await connectClient({ port: stage.proxy.port, codec: uuid })
  assert.ok(isGood(await client.request(uuidFrame({ id: 1 }))))
  assert.equal(bodyOf(await client.request(uuidFrame({ id: 2 }))), 'broken')
  assert.equal(stage.proxy.stat('upstream_rq_retry'), 1)
})

test('only requests that the policy names are tried again', async () => {
  const retry = testRetry({
    retriableRequestHeaders: [
      {
        name: 'body',
        test: { kind: 'prefix', text: 'get', ignoreCase: false },
        invert: false,
        treatMissingAsEmpty: false,
      },
    ],
  })
  const byBody: Handler = (request, connection) => {
    const isFirst =
      stage.servers.reduce(
        (sum, { received }) => sum + received.filter((one) => one.get('body') === request.get('body')).length,
        0,
      ) === 1
    return isFirst ? closing(request, connection) : echo(request, connection)
  }
  await using stage = await startStage({ codec: uuid }, byBody, { retry }, { multiplexing: false })
  await using client = await connectClient({ port: stage.proxy.port, codec: uuid })
  assert.ok(isGood(await client.request(uuidFrame({ id: 1, body: 'get it' }))))
  assert.equal(isGood(await client.request(uuidFrame({ id: 2, body: 'put it' }))), false)
  assert.equal(stage.proxy.stat('upstream_rq_retry'), 1)
})

test('a reply that has begun, a one-way message and a stream are never tried again', async () => {
  const beginning: Handler = async (request, connection) => {
    const { requestId, type, streamId: stream } = request
    if (type === MessageType.Request) {
      const begun = {
        type: MessageType.Response,
        id: Number(requestId),
        stream,
        body: 'part',
        flags: StreamingFlag.More,
      }
      await connection.sent(streamingFrame(begun))
    }
    connection.reset()
  }
  await using stage = await startStage({ codec: streaming }, beginning, { retry: testRetry({ numRetries: 3 }) })
  const { proxy } = stage
  await using client = await connectClient({ port: proxy.port, codec: streaming })
  client.send(streamingFrame({ type: MessageType.Oneway, id: 1 }))
  await proxy.until('request_oneway', 1)
  client.send(streamingFrame({ type: MessageType.StreamInit, id: 2, stream: 2 }))
  await client.next()
  client.send(streamingFrame({ type: MessageType.Request, id: 3 }))
  const part = await client.next()
  assert.deepEqual([part.type, part.last], [MessageType.Response, false])
  assert.equal((await client.next()).type, MessageType.Error)
  assert.equal(stage.arrivals[0]! + stage.arrivals[1]!, 3)
  assert.equal(proxy.stat('upstream_rq_retry'), 0)
})

test('a reply that has begun and whose last part is an error is not tried again', async () => {
  const inParts: Handler = ({ requestId }, connection) => {
    const part = { type: MessageType.Response, id: Number(requestId), body: 'part' }
    connection.send(streamingFrame({ ...part, flags: StreamingFlag.More }))
    connection.send(streamingFrame({ ...part, status: 1 }))
  }
  await using stage = await startStage({ codec: streaming }, inParts, { retry: testRetry({ numRetries: 3 }) })
  await using client = await connectClient({ port: stage.proxy.port, codec: streaming })
  client.send(streamingFrame({ type: MessageType.Request, id: 1 }))
  const parts = await client.take(2)
  assert.deepEqual(
    parts.map(({ last, status }) => [last, status]),
    [
      [false, ResponseStatus.Ok],
      [true, ResponseStatus.Error],
    ],
  )
  await untilSettled(stage.proxy)
  assert.equal(client.received.length, 2)
  assert.equal(stage.arrivals[0]! + stage.arrivals[1]!, 1)
  assert.equal(stage.proxy.stat('upstream_rq_retry'), 0)
})

test('with a wrong id, too, another service is asked, and the connection is not trusted any more', async () => {
  await using stage = await startStage(
    { codec: uuid },
    inTurn(wrongId, echo),
    { retry: testRetry() },
    { multiplexing: false },
  )
  await using client = await connectClient({ port: stage.proxy.port, codec: uuid })
  assert.ok(isGood(await client.request(uuidFrame({ id: 1 }))))
  assert.deepEqual(stage.arrivals, [1, 1])
})

test('retries have their limit, and what is above it is told how its first try ended', async () => {
  const cluster = { circuitBreaker: { ...ENVOY, maxRetries: 0 } }
  await using stage = await startStage({ codec: uuid }, closing, { retry: testRetry() }, { cluster })
  await using client = await connectClient({ port: stage.proxy.port, codec: uuid })
  assert.match(bodyOf(await client.request(uuidFrame({ id: 1 }))), /remote connection failure/)
  assert.equal(stage.proxy.stat('upstream_rq_retry'), 0)
  assert.equal(stage.proxy.stat('upstream_rq_retry_overflow'), 1)
})

test('a request above the buffer limit of its route is tried once', async () => {
  const route = { retry: testRetry(), requestBufferLimitBytes: 100 }
  await using stage = await startStage({ codec: uuid }, closing, route)
  await using client = await connectClient({ port: stage.proxy.port, codec: uuid })
  assert.equal(isGood(await client.request(uuidFrame({ id: 1, body: 'x'.repeat(100) }))), false)
  assert.equal(stage.proxy.stat('retry_or_shadow_abandoned'), 1)
  assert.equal(stage.proxy.stat('upstream_rq_retry'), 0)
})

test('a request whose client leaves while it waits for its retry is tried no more', async () => {
  const retry = testRetry({ numRetries: 1000, backOff: { baseMs: 20, maxMs: 20 } })
  await using stage = await startStage({ codec: uuid }, closing, { retry })
  const client = await connectClient({ port: stage.proxy.port, codec: uuid })
  client.send(uuidFrame({ id: 1 }))
  for (const server of stage.servers) await server.arrived(2)
  // who only finishes writing still gets its reply
  client.socket.resetAndDestroy()
  await untilSettled(stage.proxy)
  const before = stage.arrivals[0]! + stage.arrivals[1]!
  await new Promise((resolve) => setTimeout(resolve, 80))
  assert.equal(stage.arrivals[0]! + stage.arrivals[1]!, before)
})

test('the time of a request is over also while it is tried again and again', async () => {
  const retry = testRetry({ numRetries: 1000, backOff: { baseMs: 5, maxMs: 5 } })
  await using stage = await startStage({ codec: uuid }, closing, { retry, timeoutMs: 150 })
  await using client = await connectClient({ port: stage.proxy.port, codec: uuid })
  assert.match(bodyOf(await client.request(uuidFrame({ id: 1 }))), /request timeout/)
  assert.equal(stage.proxy.stat('upstream_rq_timeout'), 1)
  assert.ok(stage.proxy.stat('upstream_rq_retry') > 1)
})

test('the time of a try is its own: when no try is left the client is told of a timeout', async () => {
  const retry = testRetry({ perTryTimeoutMs: 30 })
  await using stage = await startStage({ codec: uuid }, silent, { retry, timeoutMs: 10_000 })
  await using client = await connectClient({ port: stage.proxy.port, codec: uuid })
  assert.match(bodyOf(await client.request(uuidFrame({ id: 1 }))), /request timeout/)
  assert.equal(stage.proxy.stat('upstream_rq_per_try_timeout'), 2)
  assert.equal(stage.proxy.stat('upstream_rq_timeout'), 0)
})

test('with one endpoint there is nothing to hedge with, and retries go to it again', async () => {
  const hedge = {
    initialRequests: 3,
    additionalChance: { numerator: 100, denominator: 100 },
    onPerTryTimeout: false,
  } as const
  await using server = await startEchoServer({ codec: uuid, handler: inTurn(closing, echo) })
  const route = testRoute('service', { retry: testRetry({ numRetries: 3 }), hedge })
  await using proxy = await startTestProxy({ codec: uuid, endpoints: [server.port], routes: [route] })
  await using client = await connectClient({ port: proxy.port, codec: uuid })
  assert.ok(isGood(await client.request(uuidFrame({ id: 1 }))))
  assert.equal(server.received.length, 2)
})

test('a try beside another for which there is no room uses up no retry', async () => {
  const hedge = {
    initialRequests: 2,
    additionalChance: { numerator: 0, denominator: 100 },
    onPerTryTimeout: false,
  } as const
  const cluster = { circuitBreaker: { ...ENVOY, maxRequests: 1 } }
  await using stage = await startStage(
    { codec: uuid },
    inTurn(closing, echo),
    { retry: testRetry(), hedge },
    { cluster },
  )
  await using client = await connectClient({ port: stage.proxy.port, codec: uuid })
  assert.ok(isGood(await client.request(uuidFrame({ id: 1 }))))
  assert.deepEqual(stage.arrivals, [1, 1])
  assert.equal(stage.proxy.stat('upstream_rq_retry'), 1)
  assert.equal(stage.proxy.stat('upstream_rq_overflow'), 1)
})

test('a request that may have been done is not hedged either', async () => {
  const hedge = {
    initialRequests: 2,
    additionalChance: { numerator: 0, denominator: 100 },
    onPerTryTimeout: false,
  } as const
  await using stage = await startStage({ codec: uuid }, echo, { retry: SAFE, hedge })
  await using client = await connectClient({ port: stage.proxy.port, codec: uuid })
  assert.ok(isGood(await client.request(uuidFrame({ id: 1 }))))
  assert.equal(stage.arrivals[0]! + stage.arrivals[1]!, 1)
})
