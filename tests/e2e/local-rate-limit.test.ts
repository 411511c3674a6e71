import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SharedLimits } from '@meltemi/proxy'
import { MessageType, type Metadata } from '@meltemi/sdk'
import { mutable, mutableFrame, streaming, streamingFrame } from '../harness/codecs/index.ts'
import { connectClient, FOUR_PROTOCOLS, isFailed, THIRD_PARTY, textLog } from '../harness/index.ts'
import { Observed } from '../harness/observed.ts'
import { askAll, bucketOf, limitFilter, type RateLimited, startRateLimited } from '../harness/rate-limited.ts'

const TWO = { token_bucket: bucketOf(2) }

function asks(pairs: Record<string, string>, count: number): readonly Buffer[] {
  return Array.from({ length: count }, (_, at) => mutableFrame({ id: at + 1, pairs }))
}

function match(name: string, exact: string): object {
  return { metadata: [{ name, exact_match: exact }] }
}

function counts(limited: RateLimited, names = ['ok', 'rate_limited', 'enforced']): readonly number[] {
  return names.map((name) => limited.stat(name))
}

for (const protocol of FOUR_PROTOCOLS) {
  const { name, codec, request, hasText } = protocol
  const three = [1, 2, 3].map((id) => request(id))

  test(`what is over the limit gets the protocol's own reply, until the bucket is filled again: ${name}`, async () => {
    await using limited = await startRateLimited(TWO, protocol)
    const { client, server, clock } = limited
    const four = [...three, request(4)]
    assert.equal(await askAll(client, four), '++--')
    const refused = client.received.at(-1) as Metadata
    assert.equal(refused.requestId, 4)
    const text = "meta protocol local rate limit: request '4' has been rate limited"
    assert.equal(refused.message.includes(text), hasText)
    assert.equal(server.received.length, 2)
    clock.jump()
    assert.equal(await askAll(client, four), '++--')
    assert.deepEqual(counts(limited), [4, 4, 4])
  })

  test(`each connection has its own bucket where that is wanted: ${name}`, async () => {
    const scope = { token_bucket_scope: { per_downstream_connection: true } }
    await using limited = await startRateLimited({ ...TWO, ...scope }, protocol)
    const { client, proxy, clock } = limited
    await using other = await connectClient({ port: proxy.port, codec })
    for (const _ of [1, 2]) {
      for (const each of [client, other]) assert.equal(await askAll(each, three), '++-')
      clock.jump()
    }
    // no more than the bucket holds, however long nobody asked
    clock.jump(5)
    assert.equal(await askAll(client, three), '++-')
  })
}

test('the first condition that matches decides alone; the others have the common bucket, or no limit', async () => {
  const conditions = [
    { match: match('method', 'one'), token_bucket: bucketOf(1) },
    { match: match('method', 'one'), token_bucket: bucketOf(9) },
    { match: match('method', 'three'), token_bucket: bucketOf(3) },
  ]
  for (const [settings, others] of [
    [{ ...TWO, conditions }, '++--'],
    [{ conditions }, '++++'],
  ] as const) {
    await using limited = await startRateLimited(settings, THIRD_PARTY)
    assert.equal(await askAll(limited.client, asks({ method: 'one' }, 4)), '+---')
    assert.equal(await askAll(limited.client, asks({ method: 'three' }, 4)), '+++-')
    assert.equal(await askAll(limited.client, asks({ method: 'four' }, 4)), others)
  }
})

test('a condition without matchers is for every request', async () => {
  await using limited = await startRateLimited(
    { ...TWO, conditions: [{ match: {}, token_bucket: bucketOf(1) }] },
    THIRD_PARTY,
  )
  assert.equal(await askAll(limited.client, asks({}, 3)), '+--')
})

test('one-way messages and streams are limited too: those are dropped and counted, these get an answer', async () => {
  await using limited = await startRateLimited(TWO, { ...THIRD_PARTY, codec: streaming })
  const { client, server } = limited
  const oneway = (id: number) => streamingFrame({ type: MessageType.Oneway, id })
  client.send(Buffer.concat([1, 2, 3, 4].map(oneway)))
  const opened = await client.request(streamingFrame({ type: MessageType.StreamInit, id: 5, stream: 1 }))
  assert.ok(isFailed(opened))
  assert.deepEqual(counts(limited), [2, 3, 3])
  await server.arrived(2)
  assert.equal(await askAll(client, [streamingFrame({ type: MessageType.Request, id: 6 })]), '-')
  assert.equal(server.received.length, 2)
})

test('in shadow mode what is over the limit is counted, and goes on', async () => {
  await using limited = await startRateLimited({ ...TWO, shadow_mode: true }, THIRD_PARTY)
  assert.equal(await askAll(limited.client, asks({}, 5)), '+++++')
  assert.deepEqual(counts(limited), [2, 3, 0])
})

test('each combination of values has its own bucket; to leave a property out is a value too', async () => {
  const settings = { ...TWO, token_bucket_scope: { metadata_keys: ['user', 'method'] } }
  await using limited = await startRateLimited(settings, THIRD_PARTY)
  const { client, clock } = limited
  for (const _ of [1, 2]) {
    for (const user of ['ann', 'bob', '']) {
      for (const method of ['get', 'set']) assert.equal(await askAll(client, asks({ user, method }, 3)), '++-')
    }
    assert.equal(await askAll(client, asks({ method: 'get' }, 1)), '-', 'as an empty one')
    assert.equal(await askAll(client, asks({}, 3)), '++-')
    clock.jump()
  }
  assert.deepEqual(counts(limited, ['bucket_evicted', 'bucket_overflow']), [0, 0])
})

test('each combination of a connection and a value has its own bucket', async () => {
  const scope = { per_downstream_connection: true, metadata_keys: ['user'] }
  await using limited = await startRateLimited({ ...TWO, token_bucket_scope: scope }, THIRD_PARTY)
  await using other = await connectClient({ port: limited.proxy.port, codec: mutable })
  for (const client of [limited.client, other]) {
    for (const user of ['ann', 'bob']) assert.equal(await askAll(client, asks({ user }, 3)), '++-')
  }
})

test('values beyond max_buckets share one bucket, until one of the others is full again and makes room: the oldest', async () => {
  const settings = { ...TWO, token_bucket_scope: { metadata_keys: ['user'], max_buckets: 3 } }
  await using limited = await startRateLimited(settings, THIRD_PARTY)
  const { client, clock } = limited
  const of = (user: string, count = 3) => askAll(client, asks({ user }, count))
  for (const user of ['a', 'b', 'c']) assert.equal(await of(user), '++-')
  assert.equal(await of('d', 1), '+')
  assert.equal(await of('e'), '+--', 'd has had the other one')
  for (const user of ['a', 'b', 'c']) assert.equal(await of(user, 1), '-', 'what they owe is not forgotten')
  assert.deepEqual(counts(limited, ['bucket_evicted', 'bucket_overflow']), [0, 4])
  clock.jump()
  for (const user of ['a', 'c']) assert.equal(await of(user, 1), '+')
  assert.equal(await of('d'), '++-')
  assert.deepEqual(counts(limited, ['bucket_evicted', 'bucket_overflow']), [1, 4])
  assert.equal(await of('b', 1), '+', 'out of the one that is shared')
  assert.deepEqual(counts(limited, ['bucket_evicted', 'bucket_overflow']), [1, 5])
  for (const user of ['a', 'c']) assert.equal(await of(user, 2), '+-')
})

test('workers share the buckets, common ones and those of values', async () => {
  for (const scope of [{}, { token_bucket_scope: { metadata_keys: ['user'] } }]) {
    const limits = new SharedLimits(2)
    const start = (worker: number) =>
      startRateLimited({ token_bucket: bucketOf(5), ...scope }, THIRD_PARTY, { share: { limits, worker } })
    await using first = await start(0)
    await using second = await start(1)
    const [one, other] = [first, second].map(
      ({ client }) =>
        (count: number) =>
          askAll(client, asks({ user: 'a' }, count)),
    )
    assert.equal(await one?.(2), '++')
    assert.equal(await other?.(4), '+++-')
    assert.equal(await one?.(1), '-')
  }
})

test('two of the same limit in one listener each have their own buckets', async () => {
  const filters = [limitFilter(TWO), limitFilter(TWO)]
  await using limited = await startRateLimited({}, THIRD_PARTY, { filter: { filters } })
  assert.equal(await askAll(limited.client, asks({}, 3)), '++-')
})

test('the access log says RL and why', async () => {
  const observed = new Observed()
  const accessLogs = [textLog('%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n')]
  const filter = { filters: [limitFilter({ token_bucket: bucketOf(1) })], accessLogs }
  {
    await using limited = await startRateLimited({}, THIRD_PARTY, { filter, outlet: observed })
    assert.equal(await askAll(limited.client, asks({}, 2)), '+-')
  }
  assert.match(observed.text, /^RL local_rate_limited$/m)
})
