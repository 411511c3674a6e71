import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RouteConfig } from '@meltemi/api'
import { type FilterDefinition, FilterStatus } from '@meltemi/sdk'
import { mutable, mutableFrame } from '../harness/codecs/index.ts'
import {
  closing,
  connectClient,
  type EchoServer,
  echo,
  failing,
  type Handler,
  inTurn,
  Observed,
  startEchoServer,
  startTestProxy,
  THIRD_PARTY,
  testCluster,
  testRetry,
  testRoute,
  textLog,
  zipkinTracing,
} from '../harness/index.ts'

const LOG =
  '%RESPONSE_FLAGS% %RESPONSE_FLAGS_LONG% %RESPONSE_CODE_DETAILS% %UPSTREAM_REQUEST_ATTEMPT_COUNT% %UPSTREAM_HOST%\n'

interface Seen {
  readonly line: string
  readonly observed: Observed
  /** What each service got. */
  readonly servers: readonly EchoServer[]
}

/** One request, to two services that have one handler between them. */
async function runOne(handler: Handler, route: Partial<RouteConfig>): Promise<Seen> {
  const servers = [
    await startEchoServer({ codec: mutable, handler }),
    await startEchoServer({ codec: mutable, handler }),
  ]
  const observed = new Observed()
  {
    await using proxy = await startTestProxy({
      codec: mutable,
      endpoints: servers.map(({ port }) => port),
      routes: [testRoute('service', route)],
      filter: { accessLogs: [textLog(LOG)], tracing: zipkinTracing() },
      outlet: observed,
    })
    await using client = await connectClient({ port: proxy.port, codec: mutable })
    await client.request(mutableFrame({ id: 1, body: 'x' }))
  }
  for (const server of servers) await server.close()
  return { line: observed.text.trimEnd(), observed, servers }
}

test('a log says how many tries there were, where the last one went, and nothing of what went wrong before', async () => {
  const { line, servers } = await runOne(inTurn(closing, closing, echo), { retry: testRetry({ numRetries: 2 }) })
  const last = servers.find(({ received }) => received.length === 2) ?? servers[0]
  assert.match(line, /^- - /)
  assert.ok(line.endsWith(`3 127.0.0.1:${last?.port}`), line)
})

test('a log says that no retry was left, beside how the last try ended', async () => {
  const { line } = await runOne(closing, { retry: testRetry() })
  assert.match(
    line,
    /^UC,URX UpstreamConnectionTermination,UpstreamRetryLimitExceeded upstream_response_incomplete 2 127/,
  )
})

test('a log says so also where the last reply is an error of the service', async () => {
  const { line } = await runOne(failing(THIRD_PARTY), { retry: testRetry() })
  assert.match(line, /^URX UpstreamRetryLimitExceeded .*2 127/)
})

test('a request that is not tried again has no such flag', async () => {
  const { line } = await runOne(closing, { retry: testRetry({ retryOn: ['connect-failure'] }) })
  assert.match(line, /^UC UpstreamConnectionTermination upstream_response_incomplete 1 127/)
})

test('each try has a span, of which the services are told', async () => {
  const { observed, servers } = await runOne(inTurn(closing, echo), { retry: testRetry() })
  const exchange = observed.spans.find(({ parentId }) => parentId === undefined)
  const tries = observed.spans.filter(({ parentId }) => parentId !== undefined)
  assert.equal(tries.length, 2)
  for (const one of tries) assert.equal(one.parentId, exchange?.id)
  assert.deepEqual(
    tries.map(({ tags }) => tags.response_flags),
    ['UC', undefined],
  )
  const told = servers.flatMap(({ received }) => received.map((message) => message.get('x-b3-spanid')))
  assert.deepEqual(new Set(told), new Set(tries.map(({ id }) => id)))
  assert.equal(exchange?.tags.response_flags, undefined)
})

test('filters see one reply, and mirrors get one copy, however often a request is tried', async () => {
  const seen: string[] = []
  const witness: FilterDefinition = {
    name: 'witness',
    typeUrl: 'test/witness',
    parse: () => undefined,
    create: () => ({
      onRequest: () => {
        seen.push('request')
        return FilterStatus.Continue
      },
      onReply: ({ failure }) => {
        seen.push(failure === null ? 'reply' : 'failure')
        return FilterStatus.Continue
      },
      onDone: () => void seen.push('done'),
    }),
  }
  await using server = await startEchoServer({ codec: mutable, handler: inTurn(closing, failing(THIRD_PARTY), echo) })
  await using shadow = await startEchoServer({ codec: mutable })
  const mirrors = [{ cluster: 'shadow', numerator: 100, denominator: 100 } as const]
  await using proxy = await startTestProxy({
    codec: mutable,
    clusters: [testCluster('service', [server.port]), testCluster('shadow', [shadow.port])],
    routes: [testRoute('service', { retry: testRetry({ numRetries: 2 }), mirrors })],
    filter: { filters: [{ name: 'witness', typeUrl: 'test/witness', config: undefined }] },
    filters: [witness],
  })
  await using client = await connectClient({ port: proxy.port, codec: mutable })
  await client.request(mutableFrame({ id: 1, body: 'x' }))
  await proxy.until('mirror_completed', 1)
  assert.equal(server.received.length, 3)
  assert.equal(shadow.received.length, 1)
  assert.deepEqual(seen, ['request', 'reply', 'done'])
})
