import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { EndpointConfig } from '@meltemi/api'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import {
  awesomerpcFrame,
  connectClient,
  delayed,
  type EchoServer,
  echo,
  type Handler,
  liveCluster,
  liveListener,
  liveRoutes,
  type RawClient,
  startEchoServer,
  startLiveProxy,
} from '../harness/index.ts'

const isOk = (reply: { message: Buffer }) => reply.message.readInt16BE(11) === 0

function at({ port }: EchoServer, more: Partial<EndpointConfig> = {}): EndpointConfig {
  return { address: { host: '127.0.0.1', port }, hostname: '', weight: 1, healthy: true, ...more }
}

/** A proxy whose one cluster gets its endpoints from the test, and a client of it. */
async function startService(cluster: Parameters<typeof liveCluster>[1] = {}) {
  const proxy = await startLiveProxy({ concurrency: 1 })
  await proxy.configure({
    clusters: [liveCluster('service', cluster)],
    routes: [liveRoutes('service')],
    listeners: [liveListener('front')],
  })
  const client = await connectClient({ port: proxy.port('front'), codec: awesomerpc })
  const assign = (endpoints: readonly EndpointConfig[]) =>
    proxy.configure({ endpoints: [{ cluster: 'service', endpoints }] })
  const close = async () => {
    await client[Symbol.asyncDispose]()
    await proxy[Symbol.asyncDispose]()
  }
  return { proxy, client, assign, close }
}

/** Sends without a pause until it is told to stop; what failed is counted. */
class Traffic {
  sent = 0
  failed = 0
  readonly #client: RawClient
  #isOver = false
  readonly #loops: readonly Promise<void>[]

  constructor(client: RawClient, concurrency = 4) {
    this.#client = client
    this.#loops = Array.from({ length: concurrency }, () => this.#loop())
  }

  async more(count: number): Promise<void> {
    const enough = this.sent + count
    while (this.sent < enough) await new Promise((resolve) => setImmediate(resolve))
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#loops)
  }

  async #loop(): Promise<void> {
    while (!this.#isOver) {
      const reply = await this.#client.request(awesomerpcFrame({ id: ++this.sent }))
      if (!isOk(reply)) this.failed++
    }
  }
}

describe('priorities, while traffic flows', () => {
  const servers: EchoServer[] = []
  let service: Awaited<ReturnType<typeof startService>>
  let traffic: Traffic

  before(async () => {
    for (let n = 0; n < 4; n++) servers.push(await startEchoServer({ codec: awesomerpc }))
    service = await startService()
    await assign(true, true)
    traffic = new Traffic(service.client)
  })
  after(async () => {
    await traffic.stop()
    await service.close()
    for (const server of servers) await server.close()
  })

  /** The two of P0 are healthy or not; those of P1 always are. */
  const assign = (...healthy: readonly [boolean, boolean]) =>
    service.assign(servers.map((server, n) => at(server, { priority: n < 2 ? 0 : 1, healthy: healthy[n] ?? true })))
  /** What each gets of so many requests. */
  const sharesOf = async (count: number) => {
    await traffic.more(50)
    const before = servers.map(({ received }) => received.length)
    await traffic.more(count)
    const got = servers.map(({ received }, n) => received.length - before[n]!)
    const all = got.reduce((sum, each) => sum + each, 0)
    return got.map((each) => each / all)
  }
  const near = (shares: readonly number[], expected: readonly number[]) => {
    for (const [n, share] of shares.entries()) {
      assert.ok(Math.abs(share - expected[n]!) < 0.05, `${shares.map((each) => each.toFixed(3))}`)
    }
  }

  test('the first takes everything while it can', async () => near(await sharesOf(500), [0.5, 0.5, 0, 0]))

  test('with half of it healthy it gets 70 %, and the second the rest', async () => {
    await assign(false, true)
    near(await sharesOf(2_000), [0, 0.7, 0.15, 0.15])
  })

  test('with none of it the second gets everything', async () => {
    await assign(false, false)
    near(await sharesOf(500), [0, 0, 0.5, 0.5])
  })

  test('when it is back it has everything again, and nothing failed in all that', async () => {
    await assign(true, true)
    near(await sharesOf(500), [0.5, 0.5, 0, 0])
    for (let change = 0; change < 20; change++) {
      await assign(change % 2 === 0, change % 3 === 0)
      await traffic.more(20)
    }
    assert.equal(traffic.failed, 0)
    assert.equal(await service.proxy.stat('cluster.service.lb_healthy_panic'), 0)
  })
})

test('a locality’s weight is its part of the requests, and shrinks with its health', async () => {
  const servers: EchoServer[] = []
  for (let n = 0; n < 4; n++) servers.push(await startEchoServer({ codec: awesomerpc }))
  const service = await startService({ localityLb: { kind: 'weighted' } })
  const place = (n: number): Partial<EndpointConfig> =>
    n < 2
      ? { locality: { region: 'r', zone: 'near', subZone: '' }, localityWeight: 3 }
      : { locality: { region: 'r', zone: 'far', subZone: '' }, localityWeight: 1 }
  const ask = async (count: number) => {
    const before = servers.map(({ received }) => received.length)
    for (let id = 1; id <= count; id++) assert.ok(isOk(await service.client.request(awesomerpcFrame({ id }))))
    return servers.map(({ received }, n) => received.length - before[n]!)
  }
  await service.assign(servers.map((server, n) => at(server, place(n))))
  const [a = 0, b = 0, c = 0, d = 0] = await ask(400)
  assert.ok(Math.abs(a + b - 300) <= 2 && Math.abs(a - b) <= 1 && Math.abs(c - d) <= 1, `${[a, b, c, d]}`)
  await service.assign(servers.map((server, n) => at(server, { ...place(n), healthy: n !== 0 })))
  const [sick, alone = 0] = await ask(400)
  // 3 × 1.4 × ½ against 1
  assert.equal(sick, 0)
  assert.ok(Math.abs(alone - (400 * 2.1) / 3.1) <= 2, `${alone}`)
  await service.close()
  for (const server of servers) await server.close()
})

test('a new endpoint that starts slowly gets little at first, and its share in the end', async () => {
  const old = await startEchoServer({ codec: awesomerpc })
  const young = await startEchoServer({ codec: awesomerpc })
  const windowMs = 1_000
  const slowStart = { windowMs, aggression: 1, minWeightPercent: 5 }
  const service = await startService({ loadBalancer: { kind: 'round-robin', slowStart } })
  await service.assign([at(old)])
  await new Promise((resolve) => setTimeout(resolve, windowMs))
  const traffic = new Traffic(service.client)
  await traffic.more(10)
  await service.assign([at(old), at(young)])
  const startMs = performance.now()
  const shareUntil = async (endMs: number) => {
    const before = [old.received.length, young.received.length]
    while (performance.now() - startMs < endMs) await traffic.more(1)
    const [older, younger] = [old.received.length - before[0]!, young.received.length - before[1]!]
    return younger / (older + younger)
  }
  const early = await shareUntil(0.15 * windowMs)
  const middle = await shareUntil(0.9 * windowMs)
  await shareUntil(1.2 * windowMs)
  const late = await shareUntil(1.6 * windowMs)
  // a weight of 5-15 % beside 100 %, then of 15-90 %, then of all
  assert.ok(early < 0.2, `${early}`)
  assert.ok(middle > early && middle < 0.48, `${middle} after ${early}`)
  assert.ok(Math.abs(late - 0.5) < 0.03, `${late}`)
  await traffic.stop()
  assert.equal(traffic.failed, 0)
  await service.close()
  await old.close()
  await young.close()
})

test('peak ewma sends next to nothing to who replies slowly, and comes back when that is over', async () => {
  let isSlow = true
  const slowly = delayed(40)
  const handler: Handler = (request, connection) => (isSlow ? slowly(request, connection) : echo(request, connection))
  const moody = await startEchoServer({ codec: awesomerpc, handler })
  const steady = await startEchoServer({ codec: awesomerpc })
  const service = await startService({
    loadBalancer: { kind: 'peak-ewma', decayMs: 100, defaultReplyMs: 10, penalty: 1_000_000 },
  })
  await service.assign([at(moody), at(steady)])
  const traffic = new Traffic(service.client, 2)
  await traffic.more(200)
  const before = [moody.received.length, steady.received.length]
  await traffic.more(2_000)
  const [few, many] = [moody.received.length - before[0]!, steady.received.length - before[1]!]
  assert.ok(few < many / 10, `${few} beside ${many}`)
  isSlow = false
  const endMs = performance.now() + 5_000
  let share = 0
  while (share < 0.3) {
    assert.ok(performance.now() < endMs, `it gets ${share}`)
    const [a, b] = [moody.received.length, steady.received.length]
    await traffic.more(400)
    share = (moody.received.length - a) / (moody.received.length - a + steady.received.length - b)
  }
  await traffic.stop()
  await service.close()
  await moody.close()
  await steady.close()
})

test('peak ewma does not take who refuses connections for quick, and comes back when that is over', async () => {
  const gone = await startEchoServer({ codec: awesomerpc })
  await using steady = await startEchoServer({ codec: awesomerpc, handler: delayed(30) })
  const service = await startService({
    loadBalancer: { kind: 'peak-ewma', decayMs: 100, defaultReplyMs: 10, penalty: 1_000_000 },
  })
  await using _closing = { [Symbol.asyncDispose]: service.close }
  await service.assign([at(gone), at(steady)])
  await gone.close()
  let refused = 0
  for (let id = 1; id <= 40; id++) if (!isOk(await service.client.request(awesomerpcFrame({ id })))) refused++
  assert.ok(refused > 0 && refused < 14, `${refused} of 40`)
  await using back = await startEchoServer({ codec: awesomerpc, port: gone.port })
  const endMs = performance.now() + 5_000
  for (let id = 100; back.received.length < 5; id++) {
    assert.ok(performance.now() < endMs, `it gets ${back.received.length}`)
    await service.client.request(awesomerpcFrame({ id }))
  }
})
