import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ResponseStatus } from '@meltemi/sdk'
import { Random, singleBytes } from '@meltemi/sdk/testing'
import { bytewise, connectClient, echo, type Handler, startEchoServer, startTestProxy } from '../harness/index.ts'
import { type Calls, calls, numberOf } from './calls.ts'

const PIPELINED = 10_000
const DAMAGED_CLIENTS = 60
const DAMAGED_REPLIES = 20
const SEED = Number(process.env['FUZZ_SEED'] ?? 1)

/** One of a few bytes wrong, some missing, or some too many. */
function damage(bytes: Buffer, random: Random): Buffer {
  const copy = Buffer.from(bytes)
  for (let n = random.below(3); n >= 0; n--) copy[random.below(copy.length)] = random.below(256)
  const kind = random.below(3)
  if (kind === 0) return copy.subarray(0, 1 + random.below(copy.length))
  return kind === 1 ? Buffer.concat([copy, random.bytes(1 + random.below(20))]) : copy
}

async function withProxy(
  { codec, answer }: Calls,
  handler: Handler,
  run: (port: number, proxy: Awaited<ReturnType<typeof startTestProxy>>) => Promise<void>,
): Promise<void> {
  await using server = await startEchoServer({ codec, answer, handler })
  await using proxy = await startTestProxy({
    codec,
    endpoints: [server.port],
    filter: { requestTimeoutMs: 100, partialMessageTimeoutMs: 100 },
  })
  await run(proxy.port, proxy)
}

for (const one of calls) {
  const { codec, request } = one

  test(`${codec.name}: 10,000 pipelined requests get one reply each, their own`, async () => {
    await using server = await startEchoServer({ codec, answer: one.answer })
    await using proxy = await startTestProxy({ codec, endpoints: [server.port] })
    await using client = await connectClient({ port: proxy.port, codec, timeoutMs: 30_000 })
    client.send(Buffer.concat(Array.from({ length: PIPELINED }, (_, n) => request(n + 1))))
    const numbers: (number | undefined)[] = []
    while (numbers.length < PIPELINED) {
      const reply = await client.next()
      assert.equal(reply.status, ResponseStatus.Ok)
      numbers.push(numberOf(reply))
      if (codec.correlation === 'id') assert.equal(reply.requestId, numbers.at(-1))
      else assert.equal(numbers.at(-1), numbers.length)
    }
    assert.equal(new Set(numbers).size, PIPELINED)
    assert.equal(server.received.length, PIPELINED)
    await client.request(request(1))
    assert.equal(client.received.length, PIPELINED + 1)
  })

  test(`${codec.name}: single bytes from both sides make whole messages`, () =>
    withProxy(one, bytewise, async (port) => {
      await using client = await connectClient({ port, codec })
      for (let n = 1; n <= 3; n++) {
        const reply = client.next()
        for (const byte of singleBytes(request(n))) {
          client.send(byte)
          await new Promise((resolve) => setImmediate(resolve))
        }
        assert.equal(numberOf(await reply), n)
      }
    }))

  test(`${codec.name}: clients that send damaged bytes are closed, and others do not notice`, () =>
    withProxy(one, echo, async (port, proxy) => {
      const random = new Random(SEED)
      await using good = await connectClient({ port, codec })
      for (let n = 1; n <= DAMAGED_CLIENTS; n++) {
        const bytes = damage(request(n), random)
        await using bad = await connectClient({ port, codec, timeoutMs: 2000 })
        bad.send(bytes)
        bad.end()
        await assert.doesNotReject(bad.closed(), `seed ${SEED}, client ${n}: ${bytes.toString('hex')}`)
        if (n % 10 === 0) assert.equal(numberOf(await good.request(request(n))), n)
      }
      await proxy.until('test.downstream_cx_active', 1)
      await proxy.until('request_active', 0)
    }))

  test(`${codec.name}: a service that sends damaged bytes fails its requests, and the proxy recovers`, async () => {
    const random = new Random(SEED)
    let isHonest = false
    await using server = await startEchoServer({
      codec,
      handler(message, connection) {
        const bytes = one.answer(message) ?? Buffer.alloc(0)
        connection.send(isHonest ? bytes : damage(bytes, random))
      },
    })
    await using proxy = await startTestProxy({ codec, endpoints: [server.port], filter: { requestTimeoutMs: 50 } })
    for (let n = 1; n <= DAMAGED_REPLIES; n++) {
      await using client = await connectClient({ port: proxy.port, codec, timeoutMs: 2000 })
      const end = await client.request(request(n)).then(
        () => 'reply',
        (error: Error) => error.message,
      )
      assert.match(end, /^reply|closed/, `seed ${SEED}, reply ${n}`)
    }
    isHonest = true
    for (const connection of server.openConnections) connection.destroy()
    await server.open(0)
    await using client = await connectClient({ port: proxy.port, codec })
    await proxy.until('upstream_cx_active', 0)
    assert.equal(numberOf(await client.request(request(7))), 7)
    await proxy.until('request_active', 0)
  })
}
