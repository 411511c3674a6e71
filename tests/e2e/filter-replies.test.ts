import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Filter, FilterStatus, type Metadata, ResponseStatus } from '@meltemi/sdk'
import { mutable, ordered } from '../harness/codecs/index.ts'
import { DENIED, filter, mutableRequest, setUpFiltered, witness } from '../harness/filtered.ts'
import { testRoute } from '../harness/index.ts'

const { Continue, Stop, Pause } = FilterStatus

function textOf(reply: Metadata): string {
  return reply.message.toString('utf8', reply.headerSize)
}

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
    await using setup = await setUpFiltered([changer], { multiplexing })
    const reply = await setup.client.request(mutableRequest(7, { method: 'hi', changed: 'no', removed: 'x' }))
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
  await using setup = await setUpFiltered([changer], { routes })
  await setup.client.request(mutableRequest(1))
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
  await using setup = await setUpFiltered([witness('a', log), broken, witness('z', log)])
  const reply = await setup.client.request(mutableRequest(1))
  assert.deepEqual([reply.status, textOf(reply)], [ResponseStatus.Error, 'meta protocol filter: my fault'])
  assert.equal(setup.proxy.stat('filter_exception'), 1)
  assert.equal(setup.server.received.length, 0)
  assert.equal((await setup.client.request(mutableRequest(2))).status, ResponseStatus.Ok)
  assert.equal(setup.client.received.length, 2)
})

test('an exception in onReply becomes one local reply instead of the reply, and is counted', async () => {
  for (const codec of [mutable, ordered]) {
    const broken = filter('broken', {
      onReply() {
        throw new Error('my fault')
      },
    })
    await using setup = await setUpFiltered([broken], { codec })
    const message = codec === mutable ? mutableRequest(1) : Buffer.from('GET a\r\n')
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
    await using setup = await setUpFiltered([filter('wrong', { onRequest } as Filter)])
    const reply = await setup.client.request(mutableRequest(1))
    assert.equal(reply.status, ResponseStatus.Error)
    assert.match(textOf(reply), expected)
    assert.equal(setup.server.received.length, 0)
    assert.equal(setup.proxy.stat('filter_exception'), 1)
  }
})

test('a reply cannot be paused: trying to is an error of the filter', async () => {
  await using setup = await setUpFiltered([filter('pauser', { onReply: () => Pause })])
  const reply = await setup.client.request(mutableRequest(1))
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
  await using setup = await setUpFiltered([witness('a', log), broken, witness('z', log)])
  assert.equal((await setup.client.request(mutableRequest(1))).status, ResponseStatus.Ok)
  await setup.proxy.until('filter_exception', 1)
  assert.deepEqual(log.slice(-2), ['a.', 'z.'])
})

test('fail in onReply turns a reply into a local one, even where it is always called', async () => {
  for (const codec of [mutable, ordered]) {
    const judge = filter('judge', { onReply: (context) => context.fail(DENIED) })
    await using setup = await setUpFiltered([judge], { codec })
    const messages =
      codec === mutable ? [mutableRequest(1), mutableRequest(2)] : [Buffer.from('GET a\r\n'), Buffer.from('GET b\r\n')]
    setup.client.send(Buffer.concat(messages))
    const replies = await setup.client.take(2)
    for (const reply of replies) assert.match(reply.message.toString(), /no entry/)
    assert.equal(setup.proxy.stat('local_response_business_exception'), 2)
  }
})

test('a filter that fails a reply and says go on has one reply sent, the local one', async () => {
  const judge = filter('judge', {
    onReply(context) {
      context.fail(DENIED)
      return Continue
    },
  })
  await using setup = await setUpFiltered([judge])
  for (const id of [1, 2, 3]) assert.equal(textOf(await setup.client.request(mutableRequest(id))), 'no entry')
  assert.deepEqual(
    setup.client.received.map(({ requestId }) => requestId),
    [1, 2, 3],
  )
})

test('fail on a local reply changes nothing: the client gets its one answer', async () => {
  const judge = filter('judge', { onReply: (context) => context.fail(DENIED) })
  await using setup = await setUpFiltered([judge], { routes: [testRoute('nowhere')] })
  for (const id of [1, 2]) {
    assert.match(textOf(await setup.client.request(mutableRequest(id))), /unknown cluster 'nowhere'/)
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
  await using setup = await setUpFiltered([keeper], { routes: [testRoute('nowhere')] })
  setup.client.send(mutableRequest(1))
  const reply = await setup.client.request(mutableRequest(2))
  assert.match(textOf(reply), /unknown cluster 'nowhere'/)
  assert.deepEqual(seen, ['unknown_cluster', 'unknown_cluster'])
  assert.equal(setup.client.received.length, 1)
})
