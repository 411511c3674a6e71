import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type CodecDefinition, type FilterContext, FilterStatus, type Metadata, ResponseStatus } from '@meltemi/sdk'
import { mutable, ordered } from '../harness/codecs/index.ts'
import { DENIED, filter, mutableRequest, setUpFiltered, witness } from '../harness/filtered.ts'
import { connectClient, holding, silent, startEchoServer, startProxyProcess, testRoute } from '../harness/index.ts'

const { Continue, Stop, Pause } = FilterStatus
const STAMP_MODULE = fileURLToPath(new URL('../harness/filters/stamp.ts', import.meta.url))

function textOf(reply: Metadata): string {
  return reply.message.toString('utf8', reply.headerSize)
}

test('filters run in configured order, for requests and for replies, and each hears of the end once', async () => {
  const log: string[] = []
  await using setup = await setUpFiltered(['a', 'b', 'c'].map((name) => witness(name, log)))
  await setup.client.request(mutableRequest(1))
  await setup.proxy.until('request_active', 0)
  assert.deepEqual(log, ['a>', 'b>', 'c>', '<a', '<b', '<c', 'a.', 'b.', 'c.'])
})

test('fail in onRequest answers the client in its protocol; what follows is not asked, nor is the service', async () => {
  const log: string[] = []
  const guard = filter('guard', {
    onRequest: (context) => (context.request.get('who') === 'me' ? Continue : context.fail(DENIED)),
  })
  await using setup = await setUpFiltered([witness('a', log), guard, witness('z', log)])
  const refused = await setup.client.request(mutableRequest(1))
  assert.deepEqual([refused.status, textOf(refused)], [ResponseStatus.Error, 'no entry'])
  assert.deepEqual(
    log.filter((entry) => entry === 'z>' || entry === 'z.'),
    [],
  )
  assert.equal(log.filter((entry) => entry === 'a.').length, 1)
  assert.equal(setup.server.received.length, 0)
  assert.equal((await setup.client.request(mutableRequest(2, { who: 'me' }))).status, ResponseStatus.Ok)
  assert.equal(setup.proxy.stat('local_response_business_exception'), 1)
})

test('Stop without fail ends the exchange without an answer; the connection goes on', async () => {
  const log: string[] = []
  const silencer = filter('silencer', { onRequest: ({ request }) => (request.requestId === 1 ? Stop : Continue) })
  await using setup = await setUpFiltered([witness('a', log), silencer, witness('z', log)])
  setup.client.send(mutableRequest(1))
  assert.equal((await setup.client.request(mutableRequest(2))).requestId, 2)
  assert.equal(setup.client.received.length, 1)
  assert.deepEqual(log.slice(0, 2), ['a>', 'a.'])
})

test('a reply that a filter stops does not hold up those behind it where replies keep their order', async () => {
  const held = holding()
  const silencer = filter('silencer', {
    onReply: ({ request }) => (request.get('key') === 'first' ? Stop : Continue),
  })
  await using setup = await setUpFiltered([silencer], { codec: ordered, handler: held.handler })
  setup.client.send(Buffer.from('GET first\r\nGET second\r\nGET third\r\n'))
  await setup.server.arrived(3)
  held.release()
  const replies = await setup.client.take(2)
  assert.deepEqual(replies.map(textOf), ['second\r\n', 'third\r\n'])
})

test('a paused request goes on when it is resumed, with the filters behind', async () => {
  const log: string[] = []
  const paused = Promise.withResolvers<FilterContext>()
  const pauser = filter('pauser', {
    onRequest(context) {
      paused.resolve(context)
      return Pause
    },
  })
  await using setup = await setUpFiltered([witness('a', log), pauser, witness('z', log)])
  const reply = setup.client.request(mutableRequest(1))
  const context = await paused.promise
  assert.deepEqual(log, ['a>'])
  assert.equal(setup.server.received.length, 0)
  context.resume()
  assert.equal((await reply).status, ResponseStatus.Ok)
  assert.deepEqual(log.slice(0, 2), ['a>', 'z>'])
  assert.equal(setup.proxy.stat('filter_resume_ignored'), 0)
})

test('resume inside onRequest means Continue; a second one and one after the end are ignored and counted', async () => {
  const contexts: FilterContext[] = []
  const hasty = filter('hasty', {
    onRequest(context) {
      contexts.push(context)
      context.resume()
      if (context.request.requestId === 2) context.resume()
      return Pause
    },
  })
  await using setup = await setUpFiltered([hasty])
  await setup.client.request(mutableRequest(1))
  assert.equal(setup.proxy.stat('filter_resume_ignored'), 0)
  await setup.client.request(mutableRequest(2))
  assert.equal(setup.proxy.stat('filter_resume_ignored'), 1)
  contexts[0]?.resume()
  assert.equal(setup.proxy.stat('filter_resume_ignored'), 2)
  assert.equal(setup.server.received.length, 2)
  assert.equal(setup.client.received.length, 2)
})

test('a paused request can fail later, once; what is called after that changes nothing', async () => {
  for (const codec of [mutable, ordered]) {
    const paused = Promise.withResolvers<FilterContext>()
    const pauser = filter('pauser', {
      onRequest(context) {
        const isSecond = context.request.requestId === 2 || context.request.get('key') === 'second'
        if (isSecond) paused.resolve(context)
        return isSecond ? Pause : Continue
      },
    })
    const held = holding()
    await using setup = await setUpFiltered([pauser], { codec, handler: held.handler })
    const [first, second] =
      codec === mutable
        ? [mutableRequest(1), mutableRequest(2)]
        : [Buffer.from('GET first\r\n'), Buffer.from('GET second\r\n')]
    setup.client.send(Buffer.concat([first, second]))
    const context = await paused.promise
    context.fail(DENIED)
    context.fail({ ...DENIED, message: 'again' })
    context.resume()
    await setup.server.arrived(1)
    held.release()
    const replies = (await setup.client.take(2)).toSorted((a, b) => a.status - b.status)
    assert.match(textOf(replies[1] as Metadata) || String(replies[1]?.message), /no entry/)
    assert.deepEqual([setup.server.received.length, setup.client.received.length], [1, 2])
    assert.equal(setup.proxy.stat('filter_resume_ignored'), 1)
  }
})

test('a paused request times out like any other, and its late resume is counted', async () => {
  const log: string[] = []
  const contexts: FilterContext[] = []
  const pauser = filter('pauser', {
    onRequest(context) {
      contexts.push(context)
      return Pause
    },
  })
  await using setup = await setUpFiltered([witness('a', log), pauser], { filter: { requestTimeoutMs: 50 } })
  const reply = await setup.client.request(mutableRequest(1))
  assert.equal(reply.status, ResponseStatus.Error)
  assert.match(textOf(reply), /^meta protocol router: request timeout/)
  contexts[0]?.resume()
  assert.deepEqual([setup.proxy.stat('request_timeout'), setup.proxy.stat('filter_resume_ignored')], [1, 1])
  assert.equal(setup.server.received.length, 0)
  assert.equal(log.filter((entry) => entry === 'a.').length, 1)
})

test('the time that a filter takes counts against the request’s timeout', async () => {
  const pausing = filter('pausing', {
    onRequest(context) {
      setTimeout(() => context.resume(), 1_000)
      return Pause
    },
  })
  const routes = [testRoute('service', { timeoutMs: 1_200 })]
  await using setup = await setUpFiltered([pausing], { handler: silent, routes })
  const startedMs = performance.now()
  assert.match(textOf(await setup.client.request(mutableRequest(1))), /request timeout/)
  const elapsedMs = performance.now() - startedMs
  assert.ok(elapsedMs >= 1_199 && elapsedMs < 2_000, `the local reply came after ${elapsedMs} ms`)
  assert.equal(setup.server.received.length, 1)
})

test('onDone is called once for each filter that ran when the client leaves a paused request', async () => {
  const log: string[] = []
  const contexts: FilterContext[] = []
  const pauser = filter('pauser', {
    onRequest(context) {
      contexts.push(context)
      return Pause
    },
    onDone: () => log.push('pauser.'),
  })
  await using setup = await setUpFiltered([witness('a', log), pauser, witness('z', log)])
  setup.client.send(mutableRequest(1))
  await setup.proxy.until('request_active', 1)
  setup.client.socket.resetAndDestroy()
  await setup.proxy.until('request_active', 0)
  assert.deepEqual(log, ['a>', 'a.', 'pauser.'])
  contexts[0]?.resume()
  contexts[0]?.fail(DENIED)
  assert.equal(setup.proxy.stat('filter_resume_ignored'), 1)
  assert.equal(setup.proxy.stat('cx_destroy_remote_with_active_rq'), 1)
  assert.deepEqual(log, ['a>', 'a.', 'pauser.'])
})

test('onDone is called once when the client leaves before the service has answered', async () => {
  const log: string[] = []
  const held = holding()
  await using setup = await setUpFiltered([witness('a', log)], { handler: held.handler })
  setup.client.send(mutableRequest(1))
  await setup.server.arrived(1)
  setup.client.socket.resetAndDestroy()
  await setup.proxy.until('request_active', 0)
  held.release()
  assert.deepEqual(log, ['a>', 'a.'])
})

test('each filter has a slot of its own in each exchange', async () => {
  const seen: unknown[] = []
  const keeper = (name: string) =>
    filter(name, (host) => ({
      onRequest(context) {
        assert.equal(context.slots[host.slot], undefined)
        context.slots[host.slot] = `${name}${context.request.requestId}`
        return Continue
      },
      onDone: (context) => seen.push(context.slots[host.slot]),
    }))
  const held = holding()
  await using setup = await setUpFiltered([keeper('a'), keeper('b')], { handler: held.handler })
  setup.client.send(Buffer.concat([mutableRequest(1), mutableRequest(2)]))
  await setup.server.arrived(2)
  held.release()
  await setup.client.take(2)
  assert.deepEqual(seen.toSorted(), ['a1', 'a2', 'b1', 'b2'])
})

test('a filter sees route, connection, time and chance, and its counters are in the stats', async () => {
  const seen: unknown[] = []
  const observer = filter('observer', (host) => {
    const counter = host.counter('observer.seen')
    const random = host.random()
    const startMs = host.now()
    return {
      onReply({ route, connection, reply }) {
        counter.add(2)
        seen.push(route?.name, route?.cluster, connection.remoteAddress, connection.localPort, reply?.requestId)
        seen.push(random >= 0 && random < 1, host.now() >= startMs)
        return Continue
      },
    }
  })
  const routes = [testRoute('service', { name: 'the way' })]
  await using setup = await setUpFiltered([observer], { routes, multiplexing: false })
  await setup.client.request(mutableRequest(3))
  assert.deepEqual(seen, ['the way', 'service', '127.0.0.1', setup.proxy.port, 3, true, true])
  assert.equal(setup.proxy.stat('meta_protocol.test.test.observer.seen'), 2)
})

test('a codec that throws when a paused request is resumed costs that request only', async () => {
  const paused: FilterContext[] = []
  const pauser = filter('pauser', {
    onRequest(context) {
      paused.push(context)
      return Pause
    },
  })
  const codec: CodecDefinition = {
    ...mutable,
    dialect(metadata) {
      if (metadata.requestId === 1) throw new Error('no dialect')
      return ''
    },
  }
  await using setup = await setUpFiltered([pauser], { codec })
  setup.client.send(Buffer.concat([mutableRequest(1), mutableRequest(2)]))
  await setup.proxy.until('request_active', 2)
  for (const context of paused) context.resume()
  const replies = await setup.client.take(2)
  assert.deepEqual(
    replies.map(({ requestId, status }) => [requestId, status]),
    [
      [1, ResponseStatus.Error],
      [2, ResponseStatus.Ok],
    ],
  )
  assert.equal(setup.proxy.stat('test.codec_exception'), 1)
})

test('a filter of a module works in a worker, with its configuration from the bootstrap file', async () => {
  await using server = await startEchoServer({ codec: mutable })
  const config = { '@type': 'type.googleapis.com/test.Stamp', key: 'stamp', value: 'sealed' }
  await using proxy = await startProxyProcess({
    codec: mutable.name,
    endpoints: [server.port],
    filter: { meta_protocol_filters: [{ name: 'test.stamp', config }] },
    arguments: ['--module', STAMP_MODULE, '--log-level', 'error'],
  })
  await using client = await connectClient({ port: proxy.port, codec: mutable })
  const reply = await client.request(mutableRequest(1))
  assert.equal(server.received[0]?.get('stamp'), 'sealed')
  assert.equal(reply.get('stamp'), 'sealed, 1')
  assert.equal(await proxy.stat('meta_protocol.test.test.stamped'), 1)
})

test('a filter gets what the contract says, and nothing else of the proxy', async () => {
  const seen: string[][] = []
  const curious = filter('curious', (host) => {
    seen.push(Object.keys(host).sort())
    return {}
  })
  await using _setup = await setUpFiltered([curious])
  assert.deepEqual(seen, [['counter', 'now', 'random', 'slot']])
})
