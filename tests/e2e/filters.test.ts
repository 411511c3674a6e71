import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  type CodecDefinition,
  ErrorType,
  type Failure,
  type Filter,
  type FilterContext,
  type FilterDefinition,
  type FilterHost,
  FilterStatus,
  MessageType,
  type Metadata,
  ResponseStatus,
} from '@meltemi/sdk'
import { mutable, mutableFrame, ordered, streaming, streamingFrame } from '../harness/codecs/index.ts'
import {
  connectClient,
  type EchoServer,
  type Handler,
  holding,
  type RawClient,
  startEchoServer,
  startProxyProcess,
  startTestProxy,
  type TestProxy,
  type TestProxyOptions,
  testRoute,
} from '../harness/index.ts'

const { Continue, Stop, Pause } = FilterStatus
const HEADER_MODULE = fileURLToPath(new URL('../harness/filters/stamp.ts', import.meta.url))

const DENIED: Failure = {
  code: 'denied',
  type: ErrorType.Denied,
  message: 'no entry',
  source: 'proxy',
  retriable: 'no',
}

/** A filter of these handlers. */
function filter(name: string, make: Filter | ((host: FilterHost) => Filter)): FilterDefinition {
  return {
    name,
    typeUrl: `type.googleapis.com/test.${name}`,
    parse: () => undefined,
    create: (_config, host) => (typeof make === 'function' ? make(host) : make),
  }
}

interface Setup extends AsyncDisposable {
  readonly server: EchoServer
  readonly proxy: TestProxy
  readonly client: RawClient
}

/** Client, proxy with these filters, and service. */
async function setUp(
  filters: readonly FilterDefinition[],
  options: Partial<TestProxyOptions> & { handler?: Handler } = {},
): Promise<Setup> {
  const { codec = mutable, handler, ...rest } = options
  const server = await startEchoServer({ codec, ...(handler === undefined ? {} : { handler }) })
  const entries = filters.map(({ name, typeUrl }) => ({ name, typeUrl, config: undefined }))
  const proxy = await startTestProxy({
    codec,
    endpoints: [server.port],
    ...rest,
    filters,
    filter: { filters: entries, ...rest.filter },
  })
  const client = await connectClient({ port: proxy.port, codec })
  return {
    server,
    proxy,
    client,
    async [Symbol.asyncDispose]() {
      await client.close()
      await proxy.until('request_active', 0)
      assert.equal(proxy.proxy.timerCount, 0)
      await proxy[Symbol.asyncDispose]()
      await server.close()
    },
  }
}

function request(id: number, pairs: Record<string, string> = {}): Buffer {
  return mutableFrame({ id, pairs, body: 'body' })
}

function textOf(reply: Metadata): string {
  return reply.message.toString('utf8', reply.headerSize)
}

/** A filter that writes down when it is called. */
function witness(name: string, log: string[], status: FilterStatus = Continue): FilterDefinition {
  return filter(name, {
    onRequest() {
      log.push(`${name}>`)
      return status
    },
    onReply() {
      log.push(`<${name}`)
      return Continue
    },
    onDone() {
      log.push(`${name}.`)
    },
  })
}

test('filters run in configured order, for requests and for replies, and each hears of the end once', async () => {
  const log: string[] = []
  await using setup = await setUp(['a', 'b', 'c'].map((name) => witness(name, log)))
  await setup.client.request(request(1))
  await setup.proxy.until('request_active', 0)
  assert.deepEqual(log, ['a>', 'b>', 'c>', '<a', '<b', '<c', 'a.', 'b.', 'c.'])
})

test('fail in onRequest answers the client in its protocol; what follows is not asked, nor is the service', async () => {
  const log: string[] = []
  const guard = filter('guard', {
    onRequest: (context) => (context.request.get('who') === 'me' ? Continue : context.fail(DENIED)),
  })
  await using setup = await setUp([witness('a', log), guard, witness('z', log)])
  const refused = await setup.client.request(request(1))
  assert.deepEqual([refused.status, textOf(refused)], [ResponseStatus.Error, 'no entry'])
  assert.deepEqual(
    log.filter((entry) => entry === 'z>' || entry === 'z.'),
    [],
  )
  assert.equal(log.filter((entry) => entry === 'a.').length, 1)
  assert.equal(setup.server.received.length, 0)
  assert.equal((await setup.client.request(request(2, { who: 'me' }))).status, ResponseStatus.Ok)
  assert.equal(setup.proxy.stat('local_response_business_exception'), 1)
})

test('Stop without fail ends the exchange without an answer; the connection goes on', async () => {
  const log: string[] = []
  const silencer = filter('silencer', { onRequest: ({ request }) => (request.requestId === 1 ? Stop : Continue) })
  await using setup = await setUp([witness('a', log), silencer, witness('z', log)])
  setup.client.send(request(1))
  assert.equal((await setup.client.request(request(2))).requestId, 2)
  assert.equal(setup.client.received.length, 1)
  assert.deepEqual(log.slice(0, 2), ['a>', 'a.'])
})

test('a reply that a filter stops does not hold up those behind it where replies keep their order', async () => {
  const held = holding()
  const silencer = filter('silencer', {
    onReply: ({ request }) => (request.get('key') === 'first' ? Stop : Continue),
  })
  await using setup = await setUp([silencer], { codec: ordered, handler: held.handler })
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
  await using setup = await setUp([witness('a', log), pauser, witness('z', log)])
  const reply = setup.client.request(request(1))
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
  await using setup = await setUp([hasty])
  await setup.client.request(request(1))
  assert.equal(setup.proxy.stat('filter_resume_ignored'), 0)
  await setup.client.request(request(2))
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
    await using setup = await setUp([pauser], { codec, handler: held.handler })
    const [first, second] =
      codec === mutable ? [request(1), request(2)] : [Buffer.from('GET first\r\n'), Buffer.from('GET second\r\n')]
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
  await using setup = await setUp([witness('a', log), pauser], { filter: { requestTimeoutMs: 50 } })
  const reply = await setup.client.request(request(1))
  assert.equal(reply.status, ResponseStatus.Error)
  assert.match(textOf(reply), /^meta protocol router: request timeout/)
  contexts[0]?.resume()
  assert.deepEqual([setup.proxy.stat('request_timeout'), setup.proxy.stat('filter_resume_ignored')], [1, 1])
  assert.equal(setup.server.received.length, 0)
  assert.equal(log.filter((entry) => entry === 'a.').length, 1)
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
  await using setup = await setUp([witness('a', log), pauser, witness('z', log)])
  setup.client.send(request(1))
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
  await using setup = await setUp([witness('a', log)], { handler: held.handler })
  setup.client.send(request(1))
  await setup.server.arrived(1)
  setup.client.socket.resetAndDestroy()
  await setup.proxy.until('request_active', 0)
  held.release()
  assert.deepEqual(log, ['a>', 'a.'])
})

test('changes of requests and replies reach the service and the client', async () => {
  const changer = filter('changer', {
    onRequest(context) {
      context.mutateRequest('added', 'new')
      context.mutateRequest('changed', 'by filter')
      context.mutateRequest('removed', undefined)
      return Continue
    },
    onReply(context) {
      context.mutateReply('reply', `to ${context.request.get('method')}`)
      context.mutateReply('added', undefined)
      return Continue
    },
  })
  for (const multiplexing of [true, false]) {
    await using setup = await setUp([changer], { multiplexing })
    const reply = await setup.client.request(request(7, { method: 'hi', changed: 'no', removed: 'x' }))
    const [received] = setup.server.received
    const pairs = ['method', 'added', 'changed', 'removed'].map((key) => received?.get(key))
    assert.deepEqual(pairs, ['hi', 'new', 'by filter', undefined])
    assert.deepEqual([reply.get('reply'), reply.get('added'), reply.requestId], ['to hi', undefined, 7])
    assert.equal(textOf(reply), 'body')
  }
})

test('where a filter and the route change the same property the route wins', async () => {
  const changer = filter('changer', {
    onRequest(context) {
      context.mutateRequest('both', 'filter')
      return Continue
    },
  })
  const routes = [testRoute('service', { requestMutation: [{ key: 'both', value: 'route' }] })]
  await using setup = await setUp([changer], { routes })
  await setup.client.request(request(1))
  assert.equal(setup.server.received[0]?.get('both'), 'route')
})

test('an exception in onRequest becomes one local reply and is counted', async () => {
  const log: string[] = []
  const broken = filter('broken', {
    onRequest({ request }) {
      if (request.requestId === 1) throw new Error('my fault')
      return Continue
    },
  })
  await using setup = await setUp([witness('a', log), broken, witness('z', log)])
  const reply = await setup.client.request(request(1))
  assert.deepEqual([reply.status, textOf(reply)], [ResponseStatus.Error, 'meta protocol filter: my fault'])
  assert.equal(setup.proxy.stat('filter_exception'), 1)
  assert.equal(setup.server.received.length, 0)
  assert.equal((await setup.client.request(request(2))).status, ResponseStatus.Ok)
  assert.equal(setup.client.received.length, 2)
})

test('an exception in onReply becomes one local reply instead of the reply, and is counted', async () => {
  for (const codec of [mutable, ordered]) {
    const broken = filter('broken', {
      onReply() {
        throw new Error('my fault')
      },
    })
    await using setup = await setUp([broken], { codec })
    const message = codec === mutable ? request(1) : Buffer.from('GET a\r\n')
    const reply = await setup.client.request(message)
    assert.equal(reply.status, ResponseStatus.Error)
    assert.match(reply.message.toString(), /meta protocol filter: my fault/)
    assert.equal(setup.proxy.stat('filter_exception'), 1)
    assert.equal((await setup.client.request(message)).status, ResponseStatus.Error)
    assert.equal(setup.client.received.length, 2)
  }
})

test('a filter that is async by mistake, or forgets its status, fails the request instead of letting it pass', async () => {
  const wrong: readonly [unknown, RegExp][] = [
    [async () => Continue, /^meta protocol filter: onRequest should return a FilterStatus, and returned a promise$/],
    [() => Promise.reject(new Error('later')), /returned a promise$/],
    [() => {}, /^meta protocol filter: onRequest should return a FilterStatus, and returned undefined$/],
  ]
  for (const [onRequest, expected] of wrong) {
    await using setup = await setUp([filter('wrong', { onRequest } as Filter)])
    const reply = await setup.client.request(request(1))
    assert.equal(reply.status, ResponseStatus.Error)
    assert.match(textOf(reply), expected)
    assert.equal(setup.server.received.length, 0)
    assert.equal(setup.proxy.stat('filter_exception'), 1)
  }
})

test('a reply cannot be paused: trying to is an error of the filter', async () => {
  await using setup = await setUp([filter('pauser', { onReply: () => Pause })])
  const reply = await setup.client.request(request(1))
  assert.equal(textOf(reply), 'meta protocol filter: onReply cannot pause')
  assert.equal(setup.proxy.stat('filter_exception'), 1)
})

test('an exception in onDone is counted and keeps nobody else from hearing of the end', async () => {
  const log: string[] = []
  const broken = filter('broken', {
    onDone() {
      throw new Error('my fault')
    },
  })
  await using setup = await setUp([witness('a', log), broken, witness('z', log)])
  assert.equal((await setup.client.request(request(1))).status, ResponseStatus.Ok)
  await setup.proxy.until('filter_exception', 1)
  assert.deepEqual(log.slice(-2), ['a.', 'z.'])
})

test('fail in onReply turns a reply into a local one, even where it is always called', async () => {
  for (const codec of [mutable, ordered]) {
    const judge = filter('judge', { onReply: (context) => context.fail(DENIED) })
    await using setup = await setUp([judge], { codec })
    const messages = codec === mutable ? [request(1), request(2)] : [Buffer.from('GET a\r\n'), Buffer.from('GET b\r\n')]
    setup.client.send(Buffer.concat(messages))
    const replies = await setup.client.take(2)
    for (const reply of replies) assert.match(reply.message.toString(), /no entry/)
    assert.equal(setup.proxy.stat('local_response_business_exception'), 2)
  }
})

test('fail on a local reply changes nothing: the client gets its one answer', async () => {
  const judge = filter('judge', { onReply: (context) => context.fail(DENIED) })
  await using setup = await setUp([judge], { routes: [testRoute('nowhere')] })
  for (const id of [1, 2]) {
    assert.match(textOf(await setup.client.request(request(id))), /unknown cluster 'nowhere'/)
  }
  assert.equal(setup.client.received.length, 2)
})

test('filters see local replies too, and may keep them from the client', async () => {
  const seen: (string | undefined)[] = []
  const keeper = filter('keeper', {
    onReply({ failure, request }) {
      seen.push(failure?.code)
      return request.requestId === 1 ? Stop : Continue
    },
  })
  await using setup = await setUp([keeper], { routes: [testRoute('nowhere')] })
  setup.client.send(request(1))
  const reply = await setup.client.request(request(2))
  assert.match(textOf(reply), /unknown cluster 'nowhere'/)
  assert.deepEqual(seen, ['unknown_cluster', 'unknown_cluster'])
  assert.equal(setup.client.received.length, 1)
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
  await using setup = await setUp([keeper('a'), keeper('b')], { handler: held.handler })
  setup.client.send(Buffer.concat([request(1), request(2)]))
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
  await using setup = await setUp([observer], { routes, multiplexing: false })
  await setup.client.request(request(3))
  assert.deepEqual(seen, ['the way', 'service', '127.0.0.1', setup.proxy.port, 3, true, true])
  assert.equal(setup.proxy.stat('meta_protocol.test.test.observer.seen'), 2)
})

function streamMessage(type: MessageType, stream: number, body = ''): Buffer {
  return streamingFrame({ type, id: 1, stream, body })
}

const { StreamInit, StreamData, StreamCloseOneWay } = MessageType

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
  await using setup = await setUp([pauser], { codec })
  setup.client.send(Buffer.concat([request(1), request(2)]))
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

test('the frames of a stream wait, in order, while a filter has paused what opens it', async () => {
  const paused = Promise.withResolvers<FilterContext>()
  const pauser = filter('pauser', {
    onRequest(context) {
      if (context.request.type !== StreamInit) return Continue
      paused.resolve(context)
      return Pause
    },
  })
  await using setup = await setUp([pauser], { codec: streaming })
  setup.client.send(Buffer.concat([streamMessage(StreamInit, 5), streamMessage(StreamData, 5, 'a')]))
  const context = await paused.promise
  setup.client.send(Buffer.concat([streamMessage(StreamData, 5, 'b'), streamMessage(StreamCloseOneWay, 5)]))
  assert.equal(setup.server.received.length, 0)
  context.resume()
  assert.deepEqual((await setup.client.take(3)).map(textOf), ['a', 'b', ''])
  await setup.proxy.until('stream_active', 0)
})

test('a stream that a filter fails or stops is over, and its client goes on', async () => {
  for (const isStopped of [false, true]) {
    const guard = filter('guard', {
      onRequest(context) {
        if (context.request.type !== StreamInit) return Continue
        return isStopped ? Stop : context.fail(DENIED)
      },
    })
    await using setup = await setUp([guard], { codec: streaming })
    setup.client.send(Buffer.concat([streamMessage(StreamInit, 5), streamMessage(StreamData, 5, 'a')]))
    const reply = await setup.client.request(streamingFrame({ type: MessageType.Request, id: 2, body: 'on' }))
    assert.equal(textOf(reply), 'on')
    assert.equal(setup.client.received.length, isStopped ? 1 : 2)
    assert.equal(setup.proxy.stat('stream_active'), 0)
    assert.equal(setup.proxy.stat('request_unexpected'), 1)
  }
})

test('a stream whose refusal a filter keeps to itself is over all the same', async () => {
  const keeper = filter('keeper', { onReply: () => Stop })
  await using setup = await setUp([keeper], { codec: streaming, routes: [testRoute('nowhere')] })
  setup.client.send(Buffer.concat([streamMessage(StreamInit, 5), streamMessage(StreamData, 5, 'a')]))
  setup.client.send(streamingFrame({ type: MessageType.Heartbeat, id: 3 }))
  assert.equal((await setup.client.next()).type, MessageType.Heartbeat)
  assert.equal(setup.proxy.stat('stream_active'), 0)
})

test('a filter of a module works in a worker, with its configuration from the bootstrap file', async () => {
  await using server = await startEchoServer({ codec: mutable })
  const config = { '@type': 'type.googleapis.com/test.Stamp', key: 'stamp', value: 'sealed' }
  await using proxy = await startProxyProcess({
    codec: mutable.name,
    endpoints: [server.port],
    filter: { meta_protocol_filters: [{ name: 'test.stamp', config }] },
    arguments: ['--module', HEADER_MODULE, '--log-level', 'error'],
  })
  await using client = await connectClient({ port: proxy.port, codec: mutable })
  const reply = await client.request(request(1))
  assert.equal(server.received[0]?.get('stamp'), 'sealed')
  assert.equal(reply.get('stamp'), 'sealed, 1')
  assert.equal(await proxy.stat('meta_protocol.test.test.stamped'), 1)
})
