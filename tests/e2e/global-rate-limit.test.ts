import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { DescriptorConfig, DescriptorEntryConfig } from '@meltemi/api'
import type { RateLimitRequest, RateLimitResponseInit } from '@meltemi/api/rate-limit'
import { GrpcCode, GrpcError } from '@meltemi/runtime/grpc'
import { MessageType, type Metadata } from '@meltemi/sdk'
import { mutableFrame, streaming, streamingFrame } from '../harness/codecs/index.ts'
import { FOUR_PROTOCOLS, IN_ORDER, THIRD_PARTY } from '../harness/four-protocols.ts'
import { LIMIT_OK, OVER_LIMIT } from '../harness/grpc-peer.ts'
import { connectClient } from '../harness/index.ts'
import {
  askedFor,
  isError,
  type Limited,
  type LimitedOptions,
  type LimitedProtocol,
  setUpLimited,
  textOf,
} from '../harness/limited.ts'

for (const protocol of FOUR_PROTOCOLS) {
  const { name, request, property } = protocol

  test(`the service decides who passes, in the client's own protocol: ${name}`, async () => {
    let count = 0
    await using setup = await setUpLimited({ protocol, handler: () => (++count > 2 ? OVER_LIMIT : LIMIT_OK) })
    const replies: Metadata[] = []
    for (const id of [1, 2, 3]) replies.push(await setup.client.request(request(id)))
    assert.deepEqual(replies.map(isError), [false, false, true])
    assert.equal(setup.service.received.length, 2)
    assert.equal(setup.proxy.stat('ratelimit.ok'), 2)
    assert.equal(setup.proxy.stat('ratelimit.over_limit'), 1)
    assert.deepEqual(askedFor(setup.limits.requests[0]), [`what=${property[1]}`])
    assert.equal(setup.limits.requests[0]?.domain, 'test')
  })
}

const { request } = THIRD_PARTY
const LIMITED = (id: number) => `meta protocol global ratelimit: request '${id}' has been rate limited`
const never = () => new Promise<never>(() => {})

interface Trouble {
  readonly what: string
  readonly text: (id: number) => string
  readonly isTimeout?: boolean
  readonly options: LimitedOptions
  readonly before?: (setup: Limited) => Promise<void>
}

const TROUBLES: readonly Trouble[] = [
  {
    what: 'is slow',
    text: LIMITED,
    isTimeout: true,
    options: {
      handler: never,
      filter: { grpcService: { cluster: 'limits', authority: '', headers: [], timeoutMs: 30 } },
    },
  },
  { what: 'is down', text: LIMITED, options: {}, before: ({ limits }) => limits.down() },
  {
    what: 'answers with an error',
    text: LIMITED,
    options: {
      handler: () => {
        throw new GrpcError(GrpcCode.UNAVAILABLE, 'later')
      },
    },
  },
  { what: 'answers with bytes that are no message', text: LIMITED, options: { handler: () => Buffer.of(0x0a, 0xff) } },
  {
    what: 'is not among the clusters',
    text: (id) => `meta protocol global ratelimit: rate limit server cluster not found '${id}'`,
    options: { filter: { grpcService: { cluster: 'nowhere', authority: '', headers: [], timeoutMs: 0 } } },
  },
  {
    what: 'has no endpoint',
    text: (id) => `meta protocol global ratelimit: rate limit server host not found for request '${id}'`,
    options: { filter: { grpcService: { cluster: 'empty', authority: '', headers: [], timeoutMs: 0 } } },
  },
  {
    what: 'has as many calls under way as its cluster allows',
    text: LIMITED,
    options: { filter: { grpcService: { cluster: 'full', authority: '', headers: [], timeoutMs: 0 } } },
  },
]

for (const { what, text, options, before, isTimeout = false } of TROUBLES) {
  for (const failureModeDeny of [false, true]) {
    test(`a service that ${what}: requests ${failureModeDeny ? 'fail' : 'pass'}`, async () => {
      await using setup = await setUpLimited({ ...options, filter: { ...options.filter, failureModeDeny } })
      await before?.(setup)
      const reply = await setup.client.request(request(7))
      assert.equal(isError(reply), failureModeDeny)
      if (failureModeDeny) assert.equal(textOf(reply), text(7))
      assert.equal(setup.service.received.length, failureModeDeny ? 0 : 1)
      assert.equal(setup.proxy.stat('ratelimit.error'), 1)
      assert.equal(setup.proxy.stat('ratelimit.timeout'), isTimeout ? 1 : 0)
      assert.equal(setup.proxy.stat('ratelimit.failure_mode_allowed'), failureModeDeny ? 0 : 1)
    })
  }
}

test('a service that is back is asked again, without anybody doing anything', async () => {
  await using setup = await setUpLimited({ handler: () => OVER_LIMIT })
  assert.ok(isError(await setup.client.request(request(1))))
  await setup.limits.down()
  assert.ok(!isError(await setup.client.request(request(2))))
  await setup.limits.restart()
  let id = 3
  while (!isError(await setup.client.request(request(id++)))) {
    assert.ok(id < 1_000, 'the service is not asked again')
    await sleep(20)
  }
})

test('a client that leaves takes its call along', async () => {
  await using setup = await setUpLimited({ handler: never })
  setup.client.send(request(1))
  await setup.limits.arrived(1)
  assert.equal(setup.proxy.stat('cluster.limits.upstream_rq_active'), 1)
  setup.client.socket.resetAndDestroy()
  await setup.proxy.until('request_active', 0)
  assert.equal(setup.proxy.stat('cluster.limits.upstream_rq_active'), 0)
  assert.equal(setup.proxy.stat('cluster.limits.upstream_rq_cancelled'), 1)
  assert.equal(setup.proxy.stat('ratelimit.error'), 0)
})

test('waiting for the service is part of the time of a request', async () => {
  await using setup = await setUpLimited({ handler: never, proxy: { filter: { requestTimeoutMs: 60 } } })
  const reply = await setup.client.request(request(1))
  assert.match(textOf(reply), /request timeout/)
  assert.equal(setup.proxy.stat('request_timeout'), 1)
  assert.equal(setup.proxy.stat('cluster.limits.upstream_rq_cancelled'), 1)
  assert.equal(setup.service.received.length, 0)
})

test('a client without ids gets its replies in the order of its requests, whatever order the answers come in', async () => {
  const held: (() => void)[] = []
  const handler = (asked: RateLimitRequest) =>
    new Promise<RateLimitResponseInit>((resolve) => {
      const isSecond = asked.descriptors[0]?.entries[0]?.value === '2'
      held.push(() => resolve(isSecond ? OVER_LIMIT : LIMIT_OK))
    })
  await using setup = await setUpLimited({ protocol: IN_ORDER, handler })
  setup.client.send(Buffer.concat(['1', '2', '3'].map((key) => IN_ORDER.request(0, key))))
  await setup.limits.arrived(3)
  for (const answer of held.reverse()) answer()
  const replies = await setup.client.take(3)
  assert.deepEqual(replies.map(isError), [false, true, false])
  assert.deepEqual(setup.service.received.map((message) => message.get('key')).toSorted(), ['1', '3'])
})

const STREAMING: LimitedProtocol = {
  codec: streaming,
  property: ['', ''],
  request: (id) => streamingFrame({ type: MessageType.Request, id }),
}
const CONSTANT: DescriptorConfig = { entries: [{ kind: 'constant', key: 'generic_key', value: 'all' }] }

test('one-way messages and openings of streams are limited like requests', async () => {
  let isOver = false
  const handler = () => (isOver ? OVER_LIMIT : LIMIT_OK)
  await using setup = await setUpLimited({ protocol: STREAMING, handler, filter: { descriptors: [CONSTANT] } })
  const { StreamInit, StreamData, StreamCloseTwoWay, Oneway } = MessageType
  const send = (id: number) => {
    setup.client.send(streamingFrame({ type: Oneway, id }))
    setup.client.send(streamingFrame({ type: StreamInit, id: id + 1, stream: id }))
    setup.client.send(streamingFrame({ type: StreamData, id, stream: id, body: 'x' }))
    setup.client.send(streamingFrame({ type: StreamCloseTwoWay, id, stream: id }))
  }
  send(1)
  await setup.service.arrived(4)
  await setup.proxy.until('stream_active', 0)
  isOver = true
  send(11)
  await setup.proxy.until('ratelimit.over_limit', 2)
  await setup.proxy.until('request_active', 0)
  assert.equal(setup.proxy.stat('ratelimit.ok'), 2)
  assert.equal(setup.service.received.length, 4)
})

test('only what matches is counted, and an empty match is for everything', async () => {
  const kind = { name: 'kind', invert: false, treatMissingAsEmpty: false }
  const metadata = [{ ...kind, test: { kind: 'exact', text: 'dear', ignoreCase: false } as const }]
  const handler = () => OVER_LIMIT
  await using setup = await setUpLimited({ handler, filter: { match: { metadata }, descriptors: [CONSTANT] } })
  assert.ok(!isError(await setup.client.request(request(1))))
  assert.equal(setup.limits.requests.length, 0)
  assert.ok(isError(await setup.client.request(mutableFrame({ id: 2, pairs: { kind: 'dear' } }))))
  await using whole = await setUpLimited({ handler, filter: { match: { metadata: [] }, descriptors: [CONSTANT] } })
  assert.ok(isError(await whole.client.request(request(1))))
})

function property(name: string, changes: Partial<DescriptorEntryConfig> = {}): DescriptorEntryConfig {
  return { kind: 'property', key: name, property: name, ignoreCase: false, isOptional: false, ...changes } as never
}

test('descriptors are what the request and its client say; one that lacks a value is left out', async () => {
  const isUser = {
    name: 'user',
    test: { kind: 'present', present: true } as const,
    invert: false,
    treatMissingAsEmpty: false,
  }
  const match = { kind: 'match', key: 'header_match', match: { metadata: [isUser] } } as const
  const descriptors: DescriptorConfig[] = [
    { entries: [property('user')] },
    { entries: [property('missing')] },
    { entries: [property('User')] },
    { entries: [property('USER', { ignoreCase: true }), property('missing', { isOptional: true })] },
    { entries: [property('missing', { isOptional: true })] },
    {
      entries: [
        { kind: 'constant', key: 'k', value: 'v' },
        { kind: 'remote-address', key: 'remote_address' },
        property('user'),
      ],
      limit: { requestsPerUnit: 7, unit: 2 },
      hitsAddend: 3n,
    },
    { entries: [{ ...match, value: 'is', expects: true }] },
    { entries: [{ ...match, value: 'is not', expects: false }] },
  ]
  await using setup = await setUpLimited({ filter: { descriptors, hitsAddend: 5 } })
  await setup.client.request(mutableFrame({ id: 1, pairs: { user: 'x'.repeat(2_000) } }))
  const user = 'x'.repeat(1_024)
  const [asked] = setup.limits.requests
  assert.deepEqual(askedFor(asked), [
    `user=${user}`,
    `USER=${user}`,
    `k=v;remote_address=127.0.0.1;user=${user}`,
    'header_match=is',
  ])
  assert.equal(asked?.hitsAddend, 5)
  assert.deepEqual([asked?.descriptors[2]?.limit?.requestsPerUnit, asked?.descriptors[2]?.limit?.unit], [7, 2])
  assert.equal(asked?.descriptors[2]?.hitsAddend, 3n)
  assert.equal(asked?.descriptors[0]?.hitsAddend, undefined)
})

test('a request about which there is nothing to say passes, and nobody is asked', async () => {
  await using setup = await setUpLimited({
    handler: () => OVER_LIMIT,
    filter: { descriptors: [{ entries: [property('missing')] }] },
  })
  assert.ok(!isError(await setup.client.request(request(1))))
  assert.equal(setup.limits.requests.length, 0)
})

test('a client that waits for an answer does not hold up others', async () => {
  const handler = (asked: RateLimitRequest) => (askedFor(asked)[0] === 'user=slow' ? never() : LIMIT_OK)
  await using setup = await setUpLimited({ handler, filter: { descriptors: [{ entries: [property('user')] }] } })
  setup.client.send(mutableFrame({ id: 1, pairs: { user: 'slow' } }))
  await setup.limits.arrived(1)
  assert.ok(!isError(await setup.client.request(mutableFrame({ id: 2, pairs: { user: 'quick' } }))))
  await using other = await connectClient({ port: setup.proxy.port, codec: THIRD_PARTY.codec })
  assert.ok(!isError(await other.request(mutableFrame({ id: 1, pairs: { user: 'quick' } }))))
  setup.client.socket.resetAndDestroy()
})
