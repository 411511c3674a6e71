/** Clients and services that send what is not their protocol, through a running proxy, beside those that behave. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { type CodecDefinition, DecodeStatus, type Metadata, ResponseStatus } from '@meltemi/sdk'
import { MessageReader, Random } from '@meltemi/sdk/testing'
import { type Calls, calls, numberOf } from '../fuzz/calls.ts'
import {
  connectClient,
  doubled,
  type EchoServer,
  echo,
  type Handler,
  inTurn,
  type RawClient,
  startEchoServer,
  startTestProxy,
  type TestProxy,
  wrongId,
} from '../harness/index.ts'

const SEED = Number(process.env['FUZZ_SEED'] ?? 1)
const RANDOM_CONNECTIONS = 300
const AT_ONCE = 25

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')

/** Bytes that can be refused at once: wrong magic, negative and oversize lengths. */
const HOPELESS: Readonly<Record<string, readonly Buffer[]>> = {
  'aeraki.meta_protocol.codec.awesomerpc': [
    hex('01 0000002a 00000000 0007 0000'),
    hex('01 0000002a 80000000 0007 0000'),
    hex('01 0000002a ffffffff 0007 0000'),
  ],
  'aeraki.meta_protocol.codec.dubbo': [
    Buffer.from('GET / HTTP/1.1\r\n'),
    hex('dabb c200 00000000 00000001 ffffffff'),
    hex('dabb c200 00000000 00000001 7fffffff'),
    // a body that begins with no string, and arguments that are not there
    hex('dabb c200 00000000 00000001 00000001 4e'),
    hex('dabb c200 00000000 00000001 0000000b 00 0161 0130 0161 02 4a4a 5a'),
  ],
  'aeraki.meta_protocol.codec.thrift': [
    Buffer.from('GET / HTTP/1.1\r\n'),
    hex('7fffffff 80010001 00000001'),
    hex('fffffff0 80010001 00000001'),
    hex('80010001 ffffffff 61616161'),
  ],
  'aeraki.meta_protocol.codec.brpc': [
    Buffer.from('GET / HTTP/1.1\r\n'),
    hex('50525043 ffffffff 00000004'),
    hex('50525043 00000004 00000005'),
  ],
  'aeraki.meta_protocol.codec.trpc': [
    Buffer.from('GET / HTTP/1.1\r\n'),
    hex('0930 0000 0000000f 0000 00000000 0000'),
    hex('0930 0000 ffffffff 0000 00000000 0000'),
  ],
  'meltemi.test.uuid': [hex(`00000014 ${'00'.repeat(17)}`), hex(`ffffffff ${'00'.repeat(17)}`)],
  'meltemi.test.checksummed': [hex('5ac4 0f000000 00000000 00'), hex('5ac3 ffffffff 00000000 00')],
  'meltemi.test.ordered': [Buffer.from('GET\n'), Buffer.from('SET a $99999999999999999999\r\n')],
  'meltemi.test.streaming': [
    hex(`a4 00 00 00 00000014 ${'00'.repeat(12)}`),
    hex(`a5 07 00 00 80000000 ${'00'.repeat(12)}`),
  ],
  'meltemi.test.transaction': [hex('5a 00000009 00000001'), hex('51 ffffffff 00000001')],
  'meltemi.test.optioned': [hex('00000008 00000001 00'), hex('ffffffff 00000001 00')],
  'meltemi.test.mutable': [hex('0000000b 00000001 00 ffff'), hex('ffffffff 00000001 00 0000')],
}

/** A client that calls all the while, one call after the other, and wants its own reply each time. */
class Neighbour {
  readonly #client: RawClient
  readonly #one: Calls
  readonly #done: Promise<void>
  #calls = 0
  #isOver = false

  constructor(client: RawClient, one: Calls) {
    this.#client = client
    this.#one = one
    this.#done = this.#run()
    // looked at in `leave`
    this.#done.catch(() => {})
  }

  /** Fails when a reply was lost, wrong, or came twice. */
  async leave(): Promise<void> {
    this.#isOver = true
    await this.#done
    assert.ok(this.#calls > 5, `the neighbour made only ${this.#calls} calls`)
    assert.equal(this.#client.received.length, this.#calls)
    await this.#client.close()
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      const n = ++this.#calls
      const reply = await this.#client.request(this.#one.request(n))
      assert.equal(reply.status, ResponseStatus.Ok)
      assert.equal(numberOf(reply), n)
    }
  }
}

/** What a bad client does: sends, then ends as it likes. Resolves when its connection is closed. */
async function misbehave(port: number, bytes: readonly Buffer[], end: 'FIN' | 'RST' | 'none'): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true }).resume()
  socket.on('error', () => {})
  await once(socket, 'connect')
  for (const part of bytes) await new Promise((resolve) => socket.write(part, resolve))
  if (end === 'FIN') socket.end()
  if (end === 'RST') socket.resetAndDestroy()
  await closed(socket, bytes)
}

async function closed(socket: Socket, bytes: readonly Buffer[]): Promise<void> {
  if (socket.closed) return
  const late = Promise.withResolvers<never>()
  const what = Buffer.concat(bytes).toString('hex', 0, 200)
  const timer = setTimeout(() => late.reject(new Error(`seed ${SEED}: not closed after ${what}`)), 5000)
  await Promise.race([once(socket, 'close'), late.promise])
  clearTimeout(timer)
}

/** Runs so many at a time, all of them to their end. */
async function inParallel(jobs: readonly (() => Promise<void>)[]): Promise<void> {
  let next = 0
  const work = async () => {
    while (next < jobs.length) await (jobs[next++] as () => Promise<void>)()
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
}

async function nothingLeft(proxy: TestProxy, server: EchoServer): Promise<void> {
  await proxy.until('request_active', 0)
  await proxy.until('downstream_cx_active', 0)
  await server.close()
  await proxy.until('upstream_cx_active', 0)
  assert.deepEqual([proxy.proxy.connectionCount, proxy.proxy.timerCount], [0, 0])
  for (const metric of proxy.metrics.read((name) => /_active$/.test(name))) {
    if (metric.kind === 'gauge') assert.equal(metric.value, 0, metric.name)
  }
  assert.equal(proxy.limitsInUse, 0)
}

function badLines(proxy: TestProxy): number {
  return proxy.log.filter(({ message }) => message === 'bad bytes').length
}

for (const one of calls) {
  const { codec, request } = one
  const hopeless = HOPELESS[codec.name] as readonly Buffer[]

  test(`${codec.name}: bad clients are closed, counted and logged once, and their neighbour does not notice`, async () => {
    const random = new Random(SEED)
    await using server = await startEchoServer({ codec, answer: one.answer })
    await using proxy = await startTestProxy({
      codec,
      endpoints: [server.port],
      filter: { partialMessageTimeoutMs: 2000 },
    })
    const { port } = proxy
    const neighbour = new Neighbour(await connectClient({ port, codec }), one)
    const whole = request(1)
    const ends = ['FIN', 'RST'] as const

    const jobs: (() => Promise<void>)[] = []
    for (let n = 0; n < RANDOM_CONNECTIONS; n++) {
      const bytes = random.bytes(1 + random.below(200))
      jobs.push(() => misbehave(port, [bytes], ends[n % 2] as 'FIN' | 'RST'))
    }
    for (let length = 0; length < whole.length; length++) {
      for (const end of ends) jobs.push(() => misbehave(port, [whole.subarray(0, length)], end))
    }
    for (let n = 0; n < 10; n++) jobs.push(() => misbehave(port, [whole], 'RST'))
    await inParallel(jobs)

    const before = { errors: proxy.stat('request_decoding_error'), lines: badLines(proxy) }
    assert.equal(before.lines, before.errors)
    for (const bytes of hopeless) {
      await misbehave(port, [bytes], 'none')
      await misbehave(port, [request(1), request(2), bytes], 'none')
      await misbehave(port, [Buffer.concat([request(1), request(2), bytes, request(3)])], 'none')
      await misbehave(port, [bytes.subarray(0, 1), bytes.subarray(1)], 'none')
    }
    assert.equal(proxy.stat('request_decoding_error') - before.errors, 4 * hopeless.length)
    assert.equal(badLines(proxy) - before.lines, 4 * hopeless.length)
    assert.equal(proxy.stat('codec_exception'), 0)
    assert.equal(proxy.stat('partial_message_timeout'), 0)

    await neighbour.leave()
    assert.deepEqual(server.problems, [])
    await nothingLeft(proxy, server)
  })

  test(`${codec.name}: messages split at each byte are answered, three at once, in whatever pieces they come`, async () => {
    await using server = await startEchoServer({ codec, answer: one.answer })
    await using proxy = await startTestProxy({ codec, endpoints: [server.port] })
    const neighbour = new Neighbour(await connectClient({ port: proxy.port, codec }), one)
    const three = Buffer.concat([request(1), request(2), request(3)])
    const jobs = Array.from({ length: three.length }, (_, at) => async () => {
      await using client = await connectClient({ port: proxy.port, codec })
      client.send(three.subarray(0, at))
      await new Promise((resolve) => setImmediate(resolve))
      client.send(three.subarray(at))
      assert.deepEqual((await client.take(3)).map(numberOf).toSorted(), [1, 2, 3])
    })
    await inParallel(jobs)
    await neighbour.leave()
    await nothingLeft(proxy, server)
  })
}

/** Three clients that send ten calls each at once; resolves with what each of them got. */
async function callMany(proxy: TestProxy, one: Calls): Promise<void> {
  const callOnce = async (offset: number) => {
    await using client = await connectClient({ port: proxy.port, codec: one.codec, timeoutMs: 3000 })
    const numbers = Array.from({ length: 10 }, (_, n) => offset + n)
    client.send(Buffer.concat(numbers.map(one.request)))
    const replies = await client.take(numbers.length)
    check(one, numbers, replies)
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(client.received.length, numbers.length, 'a reply came twice')
  }
  await Promise.all([100, 200, 300].map(callOnce))
}

/** One reply for each call: its own, or an error that the proxy made. */
function check({ codec }: Calls, numbers: readonly number[], replies: readonly Metadata[]): void {
  if (codec.correlation === 'id') {
    const ids = replies.map(({ requestId }) => Number(requestId)).toSorted((a, b) => a - b)
    assert.deepEqual(ids, numbers)
    for (const reply of replies) {
      if (reply.status === ResponseStatus.Ok) assert.equal(numberOf(reply), Number(reply.requestId))
    }
    return
  }
  for (const [at, reply] of replies.entries()) {
    if (reply.status === ResponseStatus.Ok) assert.equal(numberOf(reply), numbers[at])
  }
}

function decoded({ codec, request }: Calls, n: number): Metadata {
  return new MessageReader(codec.create('downstream', undefined), 'downstream').push(request(n))[0] as Metadata
}

interface Misdeed {
  readonly name: string
  /** Nothing in an ordered protocol tells such a reply from the right one. */
  readonly needsIds?: boolean
  readonly handler: (one: Calls, random: Random) => Handler
}

const MISDEEDS: readonly Misdeed[] = [
  {
    name: 'garbage',
    handler: (_one, random) => (_request, connection) => connection.send(random.bytes(1 + random.below(100))),
  },
  {
    name: 'what is no message for certain',
    handler: (one) => (_request, connection) => connection.send((HOPELESS[one.codec.name] as Buffer[])[0] as Buffer),
  },
  {
    name: 'garbage behind a right reply',
    handler: (one, random) => (request, connection) => {
      connection.answer(request)
      connection.send(HOPELESS[one.codec.name]?.[random.below(2)] as Buffer)
    },
  },
  {
    name: 'half a reply, then the end',
    handler: (one) => (request, connection) => {
      const reply = one.answer(request) ?? Buffer.alloc(0)
      connection.send(reply.subarray(0, reply.length >> 1))
      connection.end()
    },
  },
  {
    name: 'half a reply, then a reset',
    handler: (one) => (request, connection) => {
      const reply = one.answer(request) ?? Buffer.alloc(0)
      connection.socket.write(reply.subarray(0, reply.length >> 1), () => connection.reset())
    },
  },
  {
    name: 'a reply with a wrong id',
    needsIds: true,
    handler: () => inTurn(wrongId, echo),
  },
  { name: 'every reply twice', needsIds: true, handler: () => doubled },
]

for (const one of calls) {
  const { codec } = one
  for (const multiplexing of [true, false]) {
    const title = `${codec.name}, ${multiplexing ? 'shared' : 'exclusive'} connections`

    test(`${title}: whatever a bad service sends, each call ends once, with its own reply or an error`, async () => {
      for (const { name, needsIds, handler } of MISDEEDS) {
        if (needsIds && codec.correlation === 'order') continue
        const random = new Random(SEED)
        await using server = await startEchoServer({ codec, answer: one.answer, handler: handler(one, random) })
        await using proxy = await startTestProxy({
          codec,
          endpoints: [server.port],
          multiplexing,
          filter: { requestTimeoutMs: 60, partialMessageTimeoutMs: 60 },
        })
        await assert.doesNotReject(callMany(proxy, one), `seed ${SEED}: ${name}`)
        assert.equal(proxy.stat('codec_exception'), 0, name)
        assert.equal(proxy.stat('request_twoway'), 30, name)
        await nothingLeft(proxy, server)
      }
    })

    test(`${title}: a reply before any request is given to nobody`, async () => {
      const early = one.answer(decoded(one, 9999)) ?? Buffer.alloc(0)
      await using server = await startEchoServer({ codec, answer: one.answer, greeting: early })
      await using proxy = await startTestProxy({
        codec,
        endpoints: [server.port],
        multiplexing,
        filter: { requestTimeoutMs: 60 },
      })
      if (codec.correlation === 'id') await callMany(proxy, one)
      await nothingLeft(proxy, server)
    })
  }
}

test('a reply that comes twice never reaches the next client of an exclusive connection, though its id is the same', async () => {
  // the words are changed in the bytes, which a checksum would not allow
  for (const one of calls.filter(({ codec }) => codec.name !== 'meltemi.test.checksummed')) {
    const { codec } = one
    const twice: Handler = (message, connection) => {
      const reply = one.answer(message) ?? Buffer.alloc(0)
      connection.send(Buffer.concat([reply, reply]))
    }
    await using server = await startEchoServer({ codec, answer: one.answer, handler: inTurn(twice, twice, echo) })
    await using proxy = await startTestProxy({
      codec,
      endpoints: [server.port],
      multiplexing: false,
      cluster: { circuitBreaker: { maxConnections: 1, maxPendingRequests: 9, maxRequests: 9, maxRetries: 0 } },
    })
    const clients = await Promise.all([1, 2, 3].map(() => connectClient({ port: proxy.port, codec })))
    const words = ['<once', '<then', '<last']
    for (const [at, client] of clients.entries()) {
      const text = one
        .request(1)
        .toString('latin1')
        .replace('<call', words[at] as string)
      client.send(Buffer.from(text, 'latin1'))
      await proxy.until('request_twoway', at + 1)
    }
    for (const [at, client] of clients.entries()) {
      const reply = await client.next()
      if (reply.status === ResponseStatus.Ok) assert.match(String(reply.message), new RegExp(words[at] as string))
      await client.close()
    }
    await nothingLeft(proxy, server)
  }
})

test('a service without ids that answers once too often loses its connection, before others get wrong replies', async () => {
  const ordered = calls.find(({ codec }) => codec.correlation === 'order') as Calls
  const { codec } = ordered
  const twice: Handler = (message, connection) => {
    const reply = ordered.answer(message) ?? Buffer.alloc(0)
    connection.send(Buffer.concat([reply, reply]))
  }
  for (const multiplexing of [true, false]) {
    await using server = await startEchoServer({ codec, handler: inTurn(twice, echo) })
    await using proxy = await startTestProxy({ codec, endpoints: [server.port], multiplexing })
    await using client = await connectClient({ port: proxy.port, codec })
    for (let n = 1; n <= 5; n++) assert.equal(numberOf(await client.request(ordered.request(n))), n)
    assert.equal(server.connections.length, 2)
    assert.equal(proxy.stat('upstream_rq_unknown_reply'), 1)
  }
})

test('a codec that says Done for nothing, or says nothing, costs its connection and not the thread', async () => {
  const [{ codec, request }] = calls as [Calls]
  for (const [status, reason] of [
    [DecodeStatus.Done, 'decode says that it is done, but has taken no bytes'],
    [undefined, 'decode should return a DecodeStatus, and returned undefined'],
  ] as const) {
    for (const brokenSide of ['downstream', 'upstream']) {
      const broken: CodecDefinition = {
        ...codec,
        create(side, config) {
          const made = codec.create(side, config)
          if (side === brokenSide) made.decode = () => status as DecodeStatus
          return made
        },
      }
      await using server = await startEchoServer({ codec })
      await using proxy = await startTestProxy({ codec: broken, endpoints: [server.port] })
      await using client = await connectClient({ port: proxy.port, codec })
      client.send(request(1))
      if (brokenSide === 'downstream') await client.closed()
      else assert.equal((await client.next()).status, ResponseStatus.Error)
      assert.equal(proxy.stat('server.codec_exception'), 1)
      assert.match(proxy.log.map(({ fields }) => String(fields['error'])).join(), new RegExp(reason))
    }
  }
})

test('each connection to a service that breaks its protocol is counted and logged once, with its address', async () => {
  const [one] = calls as [Calls]
  const { codec } = one
  const garbage = HOPELESS[codec.name]?.[0] as Buffer
  await using server = await startEchoServer({ codec, handler: (_request, connection) => connection.send(garbage) })
  await using proxy = await startTestProxy({ codec, endpoints: [server.port] })
  await using client = await connectClient({ port: proxy.port, codec })
  for (let n = 1; n <= 3; n++) {
    assert.equal((await client.request(one.request(n))).status, ResponseStatus.Error)
    const lines = proxy.log.filter(({ message }) => message === 'bad bytes from a service')
    assert.equal(lines.length, n)
    assert.deepEqual(lines.at(-1)?.fields, {
      endpoint: `127.0.0.1:${server.port}`,
      reason: 'pack_len 0 is below 13',
    })
    assert.equal(proxy.stat('upstream_cx_protocol_error'), n)
  }
})
