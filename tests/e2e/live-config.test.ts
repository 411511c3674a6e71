// Configuration that changes under traffic, in the main thread and in workers.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { ListenerConfig } from '@meltemi/api'
import { ConfigRefused } from '@meltemi/proxy'
import { type Metadata, ResponseStatus } from '@meltemi/sdk'
import { DYING_COMMAND, looping } from '../harness/codecs/looping.ts'
import { freePort } from '../harness/free-port.ts'
import {
  awesomerpcFrame,
  connectClient,
  type EchoServer,
  type Handler,
  holding,
  LIVE_ROUTES_KEY,
  type LiveProxy,
  liveCluster,
  liveEndpoints,
  liveListener,
  liveRoutes,
  type RawClient,
  startEchoServer,
  startLiveProxy,
  testCluster,
} from '../harness/index.ts'

const CLIENTS = 8
const WORKERS = [0, 1, 2]
const HEAD_BYTES = 13
setFlagsFromString('--expose-gc')

/** Answers with its name. */
function startService(name: string, handler?: Handler): Promise<EchoServer> {
  return startEchoServer({
    codec: looping,
    answer: ({ requestId }) => awesomerpcFrame({ id: Number(requestId), body: name }),
    ...(handler === undefined ? {} : { handler }),
  })
}

function connect(proxy: LiveProxy, name = 'main'): Promise<RawClient> {
  return connectClient({ port: proxy.port(name), codec: looping, timeoutMs: 10_000 })
}

/** The name of the service that answered; `error` when the proxy did. */
async function ask(client: RawClient, id = 1): Promise<string> {
  return nameIn(await client.request(awesomerpcFrame({ id })))
}

function nameIn(reply: Metadata): string {
  return reply.status === ResponseStatus.Ok ? reply.message.toString('latin1', HEAD_BYTES) : 'error'
}

/** Clients that ask without a pause, on connections that stay; all must be answered by a service. */
class Load {
  readonly answered = new Map<string, number>()
  readonly #running: Promise<void>[] = []
  #isOver = false

  static async start(proxy: LiveProxy, clients = CLIENTS): Promise<Load> {
    const load = new Load()
    const first: Promise<void>[] = []
    for (let count = 0; count < clients; count++) {
      const { promise, resolve } = Promise.withResolvers<void>()
      first.push(promise)
      load.#running.push(load.#run(await connect(proxy), resolve))
    }
    // each of them, so every worker that has one is connected to the service
    await Promise.race([Promise.all(first), ...load.#running])
    return load
  }

  get total(): number {
    let total = 0
    for (const count of this.answered.values()) total += count
    return total
  }

  /** Resolves when so many more have been answered. */
  async served(more = 20): Promise<void> {
    const enough = this.total + more
    while (this.total < enough) await Promise.race([sleep(1), ...this.#running])
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#running)
  }

  async #run(client: RawClient, onAnswer: () => void): Promise<void> {
    for (let id = 1; !this.#isOver; id++) {
      const reply = await client.request(awesomerpcFrame({ id }))
      client.received.length = 0
      const name = nameIn(reply)
      assert.notEqual(name, 'error')
      this.answered.set(name, (this.answered.get(name) ?? 0) + 1)
      onAnswer()
    }
    await client.close()
  }
}

/** Of many new connections, so of all workers. */
async function answersOf(proxy: LiveProxy): Promise<string> {
  const answers = await Promise.all(
    Array.from({ length: 24 }, async () => {
      await using client = await connect(proxy)
      return await ask(client)
    }),
  )
  return [...new Set(answers)].sort().join()
}

async function until(condition: () => Promise<boolean> | boolean, what: string, withinMs = 5000): Promise<void> {
  const endMs = performance.now() + withinMs
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error(`not within ${withinMs} ms: ${what}`)
    await sleep(10)
  }
}

for (const concurrency of WORKERS) {
  const title = (text: string) => `${text} (concurrency ${concurrency})`

  test(title('routes change under live connections, and no request fails'), async () => {
    await using a = await startService('a')
    await using b = await startService('b')
    const clusters = [testCluster('a', [a.port]), testCluster('b', [b.port])]
    await using proxy = await startLiveProxy({ concurrency, clusters, listeners: [liveListener('main')] })
    await using early = await connect(proxy)
    assert.equal(await ask(early), 'error')
    await proxy.configure({ routes: [liveRoutes('a')] })
    assert.equal(await ask(early, 2), 'a')
    const load = await Load.start(proxy)
    for (let turn = 0; turn < 50; turn++) {
      const name = turn % 2 === 0 ? 'b' : 'a'
      await proxy.configure({ routes: [liveRoutes(name)] })
      // in force everywhere when configure has resolved
      if (turn % 10 === 0) assert.equal(await answersOf(proxy), name)
    }
    await load.stop()
    assert.ok((load.answered.get('a') ?? 0) > 0 && (load.answered.get('b') ?? 0) > 0)
    assert.deepEqual([...load.answered.keys()].sort(), ['a', 'b'])
    await proxy.configure({ routesRemoved: [LIVE_ROUTES_KEY] })
    assert.equal(await ask(early, 3), 'error')
  })

  test(title('clusters are added, replaced and removed under load, and no request fails'), async () => {
    await using a = await startService('a')
    await using b = await startService('b')
    await using proxy = await startLiveProxy({ concurrency, listeners: [liveListener('main')] })
    await proxy.configure({ clusters: [testCluster('first', [a.port])], routes: [liveRoutes('first')] })
    const load = await Load.start(proxy)
    for (let turn = 1; turn <= 10; turn++) {
      await proxy.configure({ clusters: [testCluster('first', [a.port], { statName: `first-${turn}` })] })
      await load.served()
    }
    const opened = a.connections.length
    for (let turn = 1; turn <= 10; turn++) {
      const changes = { connectTimeoutMs: 1000 + turn, statName: 'first-10' }
      await proxy.configure({ clusters: [testCluster('first', [a.port], changes)] })
      await load.served()
    }
    assert.equal(a.connections.length, opened, 'what does not concern connections leaves them alone')
    await proxy.configure({ clusters: [testCluster('second', [b.port])] })
    await proxy.configure({ routes: [liveRoutes('second')], clustersRemoved: ['first'] })
    assert.equal(await answersOf(proxy), 'b')
    await load.served(100)
    await a.open(0)
    await load.stop()
    await until(async () => !(await proxy.get('/stats')).includes('cluster.first'), 'its stats are gone')
    assert.match(await proxy.get('/clusters'), /^second::added_via_api::true$/m)
  })

  test(title('endpoints move under load; what stays keeps its connections, what goes finishes'), async () => {
    await using a = await startService('a')
    await using b = await startService('b')
    await using proxy = await startLiveProxy({ concurrency, listeners: [liveListener('main')] })
    await proxy.configure({ clusters: [liveCluster('live')], routes: [liveRoutes('live')] })
    await using lonely = await connect(proxy)
    assert.equal(await ask(lonely), 'error')
    await proxy.configure({ endpoints: [liveEndpoints('live', [a.port])] })
    const load = await Load.start(proxy)
    const opened = a.connections.length
    for (let turn = 0; turn < 20; turn++) {
      await proxy.configure({ endpoints: [liveEndpoints('live', turn % 2 === 0 ? [b.port, a.port] : [a.port])] })
      await load.served()
    }
    assert.equal(a.connections.length, opened)
    await proxy.configure({ endpoints: [liveEndpoints('live', [b.port])] })
    await a.open(0)
    await proxy.configure({ clusters: [liveCluster('live', { panicThresholdPercent: 0 })] })
    assert.equal(await answersOf(proxy), 'b', 'a cluster that stays eds keeps its endpoints')
    await load.stop()
  })

  test(title('a removed cluster finishes what is under way'), async () => {
    const hold = holding()
    await using a = await startService('a', hold.handler)
    await using proxy = await startLiveProxy({ concurrency, listeners: [liveListener('main')] })
    await proxy.configure({ clusters: [testCluster('a', [a.port])], routes: [liveRoutes('a')] })
    await using client = await connect(proxy)
    const reply = ask(client)
    await a.arrived(1)
    await proxy.configure({ clustersRemoved: ['a'] })
    assert.equal(await ask(client, 2), 'error')
    assert.notEqual(await proxy.stat('cluster.a.upstream_rq_active'), undefined)
    hold.release()
    assert.equal(await reply, 'a')
    await a.open(0)
    await until(async () => (await proxy.stat('cluster.a.upstream_rq_active')) === undefined, 'its stats are gone')
  })

  test(title('listeners are added, changed and removed'), async () => {
    await using a = await startService('a')
    const clusters = [testCluster('a', [a.port])]
    await using proxy = await startLiveProxy({ concurrency, clusters, drainTimeS: 1 })
    await proxy.configure({ listeners: [liveListener('main')], routes: [liveRoutes('a')] }, () => 'v1')
    const port = proxy.port('main')
    assert.notEqual(port, 0)
    assert.equal(await answersOf(proxy), 'a')
    await using old = await connect(proxy)
    assert.equal(await ask(old), 'a')
    const changed = liveListener('main', { bufferLimitBytes: 9999 })
    await proxy.configure({ listeners: [changed] })
    assert.equal(proxy.port('main'), port, 'any port means the one that it has')
    assert.equal(await ask(old, 2), 'a')
    assert.equal(await answersOf(proxy), 'a')
    assert.equal(await proxy.stat(`listener.127.0.0.1_${port}.downstream_cx_old_code`), 1)
    // under another name at the same address the socket stays
    await proxy.configure({
      listeners: [liveListener('other', { address: { host: '127.0.0.1', port } })],
      listenersRemoved: ['main'],
    })
    assert.match(await proxy.get('/listeners'), new RegExp(`^other::127\\.0\\.0\\.1:${port}$`, 'm'))
    assert.equal(await ask(old, 3), 'a')
    await proxy.configure({ listenersRemoved: ['other'] })
    await old.closed()
    await assert.rejects(connectClient({ port, codec: looping }), { code: 'ECONNREFUSED' })
    await until(async () => !(await proxy.get('/stats')).includes(`listener.127.0.0.1_${port}.`), 'its stats are gone')
    assert.ok(!(await proxy.get('/stats')).includes('meta_protocol.test.test.'))
    await proxy.configure({ listeners: [liveListener('main', { address: { host: '127.0.0.1', port } })] })
    assert.equal(await answersOf(proxy), 'a')
  })

  test(title('a listener moves to another port, and its clients have the drain time to follow'), async () => {
    const hold = holding()
    await using a = await startService('a', hold.handler)
    const clusters = [testCluster('a', [a.port])]
    await using proxy = await startLiveProxy({ concurrency, clusters, drainTimeS: 1 })
    await proxy.configure({ listeners: [liveListener('main')], routes: [liveRoutes('a')] })
    const from = proxy.port('main')
    await using patient = await connect(proxy)
    const reply = ask(patient).catch(() => 'lost')
    await a.arrived(1)
    await proxy.configure({
      listeners: [liveListener('main', { address: { host: '127.0.0.1', port: await freePort() } })],
    })
    assert.notEqual(proxy.port('main'), from)
    await assert.rejects(connectClient({ port: from, codec: looping }), { code: 'ECONNREFUSED' })
    await using other = await connect(proxy)
    const second = ask(other)
    await a.arrived(2)
    const startedMs = performance.now()
    await patient.closed()
    const waitedMs = performance.now() - startedMs
    assert.ok(waitedMs > 300 && waitedMs < 3000, `closed after ${waitedMs} ms`)
    assert.equal(await reply, 'lost')
    hold.release()
    assert.equal(await second, 'a')
  })

  test(title('a change that cannot be had is refused whole, with a reason per fault'), async () => {
    await using a = await startService('a')
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as { port: number }
    const clusters = [testCluster('a', [a.port])]
    await using proxy = await startLiveProxy({ concurrency, clusters, listeners: [liveListener('main')] })
    await proxy.configure({ routes: [liveRoutes('a')] })
    const config = JSON.stringify(proxy.running.config)
    const stats = await statNames(proxy)
    const filter = liveListener('x').filter as Extract<ListenerConfig['filter'], { kind: 'meta-protocol' }>
    const unknown = { ...filter, codec: { ...filter.codec, name: 'nobody' } }
    const digest = { ...filter, codec: { ...filter.codec, moduleDigest: 'ab' } }
    const good = {
      clusters: [testCluster('new', [1])],
      routes: [liveRoutes('new')],
      listeners: [liveListener('good')],
    }
    const bad = [
      [{ listeners: [liveListener('x', { address: { host: '127.0.0.1', port } })] }, /'x' cannot listen .* in use/],
      [{ listeners: [liveListener('x', { filter: unknown })] }, /'x': codec 'nobody' is not known/],
      [{ listeners: [liveListener('x', { filter: digest })] }, /digest ab is not here/],
      [{ clustersRemoved: ['a'] }, /'a' came with the bootstrap/],
      [{ endpoints: [liveEndpoints('nowhere', [1])] }, /'nowhere', which is not there/],
    ] as const
    for (const [change, reason] of bad) {
      const both = {
        ...good,
        ...change,
        listeners: [...good.listeners, ...('listeners' in change ? change.listeners : [])],
      }
      const refusal = await proxy.configure(both).catch((error: unknown) => error)
      assert.ok(refusal instanceof ConfigRefused)
      assert.equal(refusal.faults.length, 1, String(refusal.faults))
      assert.match(refusal.faults[0] ?? '', reason)
    }
    const two = { listeners: bad.slice(1, 3).flatMap(([change]) => ('listeners' in change ? change.listeners : [])) }
    const [first, second] = two.listeners as [ListenerConfig, ListenerConfig]
    await assert.rejects(proxy.configure({ listeners: [first, { ...second, name: 'y' }] }), (error: ConfigRefused) => {
      assert.equal(error.faults.length, 2)
      return true
    })
    assert.equal(JSON.stringify(proxy.running.config), config)
    assert.deepEqual(await statNames(proxy), stats)
    assert.equal(await answersOf(proxy), 'a')
    await proxy.configure(good)
    assert.match(await proxy.get('/clusters'), /^new::/m)
    taken.close()
  })

  test(title('thousands of changes leave memory, sockets and timers as they were'), { timeout: 110_000 }, async () => {
    await using a = await startService('a')
    const clusters = [testCluster('a', [a.port])]
    await using proxy = await startLiveProxy({ concurrency, clusters, listeners: [liveListener('main')] })
    await proxy.configure({ routes: [liveRoutes('a')] })
    await using client = await connect(proxy)
    const change = async (count: number) => {
      for (let turn = 0; turn < count; turn++) {
        const name = `c${turn % 7}`
        await proxy.configure({
          clusters: [liveCluster(name)],
          endpoints: [liveEndpoints(name, [a.port])],
          routes: [liveRoutes(name)],
          ...(turn % 10 === 0 ? { listeners: [liveListener('extra')] } : {}),
        })
        if (turn % 10 === 0) {
          await using short = await connect(proxy, 'extra')
          assert.equal(await ask(short), 'a')
        }
        assert.equal(await ask(client, turn), 'a')
        client.received.length = 0
        await proxy.configure({
          routes: [liveRoutes('a')],
          clustersRemoved: [name],
          ...(turn % 10 === 0 ? { listenersRemoved: ['extra'] } : {}),
        })
      }
      a.received.length = 0
      a.connections.length = 0
      await until(async () => !(await proxy.get('/stats')).includes('cluster.c'), 'all that was removed is gone')
    }
    await change(200)
    const before = { ...usage(), stats: await statNames(proxy) }
    await change(500)
    const after = { ...usage(), stats: await statNames(proxy) }
    assert.deepEqual(after.stats, before.stats)
    assert.equal(after.timers, before.timers)
    assert.ok(Math.abs(after.files - before.files) <= 4, `${before.files} files, then ${after.files}`)
    const grown = after.heapBytes - before.heapBytes
    assert.ok(grown < 4 * 2 ** 20, `${grown} bytes more`)
    // of workers nobody else can tell, and they collect when they like
    const resident = after.residentBytes - before.residentBytes
    assert.ok(resident < 128 * 2 ** 20, `${resident} bytes more`)
  })
}

for (const concurrency of [1, 2]) {
  test(`workers that die in the middle of changes end with the same configuration (concurrency ${concurrency})`, async () => {
    await using a = await startService('a')
    await using b = await startService('b')
    const clusters = [testCluster('a', [a.port])]
    await using proxy = await startLiveProxy({ concurrency, clusters, listeners: [liveListener('main')] })
    await proxy.configure({ routes: [liveRoutes('a')], listeners: [liveListener('stays'), liveListener('goes')] })
    let isOver = false
    const killing = (async () => {
      for (let kills = 0; kills < 6 && !isOver; kills++) {
        const victim = await connect(proxy).catch(() => undefined)
        victim?.send(awesomerpcFrame({ id: 1, cmd: DYING_COMMAND }))
        await victim?.closed().catch(() => {})
        await sleep(50)
      }
    })()
    for (let turn = 0; turn < 30; turn++) {
      const name = `c${turn}`
      await proxy.configure({
        clusters: [liveCluster(name)],
        endpoints: [liveEndpoints(name, [turn % 2 === 0 ? a.port : b.port])],
        routes: [liveRoutes(name)],
        ...(turn === 0 ? {} : { clustersRemoved: [`c${turn - 1}`] }),
        ...(turn === 15 ? { listenersRemoved: ['goes'], listeners: [liveListener('late')] } : {}),
      })
      await sleep(10)
    }
    isOver = true
    await killing
    assert.ok(((await proxy.stat('server.worker_restarted')) ?? 0) > 0, 'some have died')
    await until(async () => (await proxy.stat('server.workers')) === concurrency, 'all are here again', 20_000)
    // one that was started before the last change catches up
    await until(async () => (await answersOf(proxy)) === 'b', 'all have the last routes')
    for (const name of ['stays', 'late']) {
      await using client = await connect(proxy, name)
      assert.equal(await ask(client), 'b')
    }
    const names = (await proxy.get('/stats')).split('\n').filter((line) => line.startsWith('cluster.'))
    assert.deepEqual([...new Set(names.map((line) => line.split('.')[1]))].sort(), ['a', 'c29'])
  })
}

async function statNames(proxy: LiveProxy): Promise<readonly string[]> {
  return (await proxy.get('/stats')).split('\n').map((line) => line.replace(/: .*/, ''))
}

/** Of the whole process. */
function usage() {
  const collect = runInNewContext('gc') as () => void
  collect()
  collect()
  return {
    heapBytes: process.memoryUsage().heapUsed,
    files: readdirSync('/proc/self/fd').length,
    timers: process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length,
    residentBytes: process.memoryUsage().rss,
  }
}
