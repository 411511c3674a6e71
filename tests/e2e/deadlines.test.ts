import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { brpc } from '@meltemi/codecs/brpc'
import { dubbo } from '@meltemi/codecs/dubbo'
import { trpc } from '@meltemi/codecs/trpc'
import { type CodecDefinition, type FilterDefinition, FilterStatus, type Metadata } from '@meltemi/sdk'
import { mutable, mutableFrame } from '../harness/codecs/index.ts'
import { dubboReply, dubboRequest } from '../harness/dubbo-frame.ts'
import {
  brpcReply,
  brpcRequest,
  connectClient,
  type EchoServerOptions,
  type Handler,
  inTurn,
  silent,
  startEchoServer,
  startTestProxy,
  testRetry,
  testRoute,
  trpcReply,
  trpcRequest,
} from '../harness/index.ts'

interface Protocol {
  /** For titles. */
  readonly name: string
  readonly codec: CodecDefinition
  request(id: number, timeoutMs: number): Buffer
  reply(id: number): Buffer
}

/** Those that tell a service how much time it has. */
const PROTOCOLS: readonly Protocol[] = [
  {
    name: 'dubbo',
    codec: dubbo,
    request: (id, timeoutMs) => dubboRequest({ id, body: 'x', attachments: { timeout: String(timeoutMs), a: 'b' } }),
    reply: (id) => dubboReply({ id, body: 'x' }),
  },
  {
    name: 'trpc',
    codec: trpc,
    request: (id, timeoutMs) => trpcRequest({ id, timeoutMs, body: 'x' }),
    reply: (id) => trpcReply({ id, body: 'x' }),
  },
  {
    name: 'brpc',
    codec: brpc,
    request: (id, timeoutMs) => brpcRequest({ id, timeoutMs }),
    reply: (id) => brpcReply({ id }),
  },
  {
    name: 'third-party',
    codec: mutable,
    request: (id, timeoutMs) => mutableFrame({ id, pairs: { 'timeout-ms': String(timeoutMs) }, body: 'x' }),
    reply: (id) => mutableFrame({ id, body: 'x' }),
  },
]

/** Keeps each request for a while. */
function keeping(delayMs: number): FilterDefinition {
  return {
    name: 'keeping',
    typeUrl: 'test/keeping',
    parse: () => undefined,
    create: () => ({
      onRequest: (context) => {
        setTimeout(() => context.resume(), delayMs)
        return FilterStatus.Pause
      },
    }),
  }
}
const KEEPING = { name: 'keeping', typeUrl: 'test/keeping', config: undefined }

function serverOf({ codec, reply }: Protocol, handler?: Handler): EchoServerOptions {
  const answer = ({ requestId }: Metadata) => reply(Number(requestId))
  return handler === undefined ? { codec, answer } : { codec, answer, handler }
}

for (const protocol of PROTOCOLS) {
  const { name, codec, request } = protocol

  test(`the timeout of a client is the deadline of its request: ${name}`, async () => {
    const handler = inTurn((message, connection) => connection.answer(message), silent)
    await using server = await startEchoServer(serverOf(protocol, handler))
    await using proxy = await startTestProxy({ codec, endpoints: [server.port], filter: { requestTimeoutMs: 60_000 } })
    await using client = await connectClient({ port: proxy.port, codec })
    // so that there is a connection
    await client.request(request(1, 0))
    await client.request(request(2, 60))
    await server.arrived(2)
    assert.equal(proxy.stat('request_timeout'), 1)
    assert.equal(proxy.stat('upstream_rq_timeout'), 1)
    const told = server.received[1]?.timeoutMs ?? 0
    assert.ok(told > 0 && told <= 60, `${told}`)
    assert.equal(proxy.proxy.timerCount, 0)
  })

  test(`a service is told the time that is left, and never more than the client said: ${name}`, async () => {
    await using server = await startEchoServer(serverOf(protocol))
    const filter = { requestTimeoutMs: 500, filters: [KEEPING] }
    await using proxy = await startTestProxy({ codec, endpoints: [server.port], filter, filters: [keeping(40)] })
    await using client = await connectClient({ port: proxy.port, codec })
    await client.request(request(1, 10_000))
    await client.request(request(2, 400))
    const [ofListener = 0, ofClient = 0] = server.received.map(({ timeoutMs }) => timeoutMs)
    assert.ok(ofListener > 0 && ofListener <= 461, `${ofListener}`)
    assert.ok(ofClient > 0 && ofClient <= 361, `${ofClient}`)
  })

  test(`what has all its time is passed on byte by byte, and so is what says nothing: ${name}`, async () => {
    await using server = await startEchoServer(serverOf(protocol))
    await using proxy = await startTestProxy({ codec, endpoints: [server.port], multiplexing: false })
    await using client = await connectClient({ port: proxy.port, codec })
    for (const id of [1, 2]) {
      await client.request(request(id, id === 1 ? 0 : 900))
      // the first one waits for its connection
      if (id === 2) assert.deepEqual(server.received[1]?.message, request(2, 900))
    }
    assert.deepEqual(server.received[0]?.message, request(1, 0))
  })

  test(`each try has its own time, which gets less: ${name}`, async () => {
    const handler = inTurn(silent, silent, (message, connection) => connection.answer(message))
    await using server = await startEchoServer(serverOf(protocol, handler))
    const retry = testRetry({ perTryTimeoutMs: 80, numRetries: 2 })
    const routes = [testRoute('service', { retry })]
    await using proxy = await startTestProxy({ codec, endpoints: [server.port], routes })
    await using client = await connectClient({ port: proxy.port, codec })
    await client.request(request(1, 5000))
    const told = server.received.map(({ timeoutMs }) => timeoutMs)
    assert.equal(told.length, 3)
    for (const ms of told) assert.ok(ms > 0 && ms <= 80, `${told}`)
  })

  test(`a try that goes on when its time is over is told of all the time that is left: ${codec.name}`, async () => {
    await using server = await startEchoServer(serverOf(protocol))
    const additionalChance = { numerator: 0, denominator: 100 } as const
    const hedge = { initialRequests: 1, additionalChance, onPerTryTimeout: true }
    const routes = [testRoute('service', { retry: testRetry({ perTryTimeoutMs: 80 }), hedge })]
    await using proxy = await startTestProxy({ codec, endpoints: [server.port], routes })
    await using client = await connectClient({ port: proxy.port, codec })
    await client.request(request(1, 60_000))
    const [told = 0] = server.received.map(({ timeoutMs }) => timeoutMs)
    assert.ok(told > 80 && told <= 15_000, `${told}`)
  })
}

test('a request whose time is over before it is sent fails at once, and no service hears of it', async () => {
  await using server = await startEchoServer({ codec: mutable })
  const options = { codec: mutable, endpoints: [server.port] }
  const filter = { filters: [KEEPING], requestTimeoutMs: 0 }
  await using proxy = await startTestProxy({ ...options, filter, filters: [keeping(80)] })
  await using client = await connectClient({ port: proxy.port, codec: mutable })
  const reply = await client.request(mutableFrame({ id: 1, pairs: { 'timeout-ms': '20' } }))
  assert.match(reply.message.toString(), /request timeout/)
  await sleep(100)
  assert.equal(server.received.length, 0)
  assert.equal(proxy.stat('request_timeout'), 1)
  assert.equal(proxy.proxy.timerCount, 0)
})

test('a listener that ignores what clients say waits longer, and still tells services of it', async () => {
  const late: Handler = async (request, connection) => {
    await sleep(80)
    connection.answer(request)
  }
  await using server = await startEchoServer({ codec: mutable, handler: late })
  const filter = { ignoresClientTimeout: true }
  await using proxy = await startTestProxy({ codec: mutable, endpoints: [server.port], filter })
  await using client = await connectClient({ port: proxy.port, codec: mutable })
  const reply = await client.request(mutableFrame({ id: 1, pairs: { 'timeout-ms': '20' }, body: 'late' }))
  assert.equal(reply.message.subarray(reply.headerSize).toString(), 'late')
  assert.equal(server.received[0]?.timeoutMs, 20)
})
