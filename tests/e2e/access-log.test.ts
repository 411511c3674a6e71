import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { AccessLogConfig } from '@meltemi/api'
import { type CodecDefinition, ErrorType, type FilterDefinition, MessageType } from '@meltemi/sdk'
import { mutable, mutableFrame, streaming, streamingFrame } from '../harness/codecs/index.ts'
import { looping } from '../harness/codecs/looping.ts'
import {
  closing,
  connectClient,
  type Handler,
  holding,
  jsonLog,
  Observed,
  type RawClient,
  silent,
  startEchoServer,
  startLiveProxy,
  startProxyProcess,
  startTestProxy,
  type TestProxy,
  type TestProxyOptions,
  testCluster,
  testListener,
  testMetaProtocol,
  testRoute,
  textLog,
} from '../harness/index.ts'

const FORMAT = {
  protocol: '%REQ(X-META-PROTOCOL-APPLICATION-PROTOCOL)%',
  method: '%REQ(Method)%',
  answer: '%RESP(method)%',
  server: '%RESP(x-meta-protocol-real-server-address)%',
  code: '%RESPONSE_CODE%',
  details: '%RESPONSE_CODE_DETAILS%',
  flags: '%RESPONSE_FLAGS%',
  status: '%RESPONSE_STATUS%',
  received: '%BYTES_RECEIVED%',
  sent: '%BYTES_SENT%',
  duration: '%DURATION%',
  cluster: '%UPSTREAM_CLUSTER%',
  host: '%UPSTREAM_HOST%',
  local: '%UPSTREAM_LOCAL_ADDRESS%',
  route: '%ROUTE_NAME%',
  downstream: '%DOWNSTREAM_LOCAL_ADDRESS%',
  client: '%DOWNSTREAM_REMOTE_ADDRESS%',
  tries: '%UPSTREAM_REQUEST_ATTEMPT_COUNT%',
  start: '%START_TIME%',
}
/** Nobody listens there. */
const CLOSED_PORT = 1
const folder = mkdtempSync(join(tmpdir(), 'meltemi-access-log-'))
after(() => rmSync(folder, { recursive: true, force: true }))

interface Run {
  readonly codec?: CodecDefinition
  readonly handler?: Handler
  readonly log?: AccessLogConfig
  readonly options?: (port: number) => Partial<TestProxyOptions>
  act(client: RawClient, proxy: TestProxy): Promise<unknown>
}

/** The lines that are written while a client acts. */
async function linesOf({ codec = mutable, handler, log = jsonLog(FORMAT), options = () => ({}), act }: Run) {
  const observed = new Observed()
  await using server = await startEchoServer({ codec, ...(handler === undefined ? {} : { handler }) })
  const more = options(server.port)
  const proxy = await startTestProxy({
    codec,
    endpoints: [server.port],
    outlet: observed,
    ...more,
    filter: { accessLogs: [log], ...more.filter },
  })
  try {
    await using client = await connectClient({ port: proxy.port, codec })
    await act(client, proxy)
  } finally {
    await proxy.proxy.stop()
  }
  const { service, port } = { service: server.port, port: proxy.port }
  return {
    get lines() {
      return observed.lines
    },
    text: observed.text,
    service,
    proxy: port,
  }
}

const one = (client: RawClient) => client.request(mutableFrame({ id: 1, pairs: { method: 'hello' }, body: 'body' }))

describe('an exchange that is answered', () => {
  test('has one line with all that is known of it', async () => {
    const before = Date.now()
    let address = ''
    const { lines, service, proxy } = await linesOf({
      act: async (client) => {
        address = `127.0.0.1:${client.socket.localPort}`
        await one(client)
      },
    })
    assert.equal(lines.length, 1)
    const { start, local, duration, ...line } = lines[0] as Record<string, unknown>
    const size = mutableFrame({ id: 1, pairs: { method: 'hello' }, body: 'body' }).length
    assert.deepEqual(line, {
      protocol: 'test',
      method: 'hello',
      answer: 'hello',
      server: `127.0.0.1:${service}`,
      code: 0,
      details: '',
      flags: null,
      status: 'ok',
      received: size,
      sent: size,
      cluster: 'service',
      host: `127.0.0.1:${service}`,
      route: 'service',
      downstream: `127.0.0.1:${proxy}`,
      client: address,
      tries: 1,
    })
    assert.match(String(local), /^127\.0\.0\.1:\d+$/)
    assert.ok(Math.abs(Date.parse(String(start)) - before) < 5000)
    assert.ok(Number(duration) >= 0 && Number(duration) < 5000)
  })

  test('has the bytes that went to the client, whatever was changed in them', async () => {
    const responseMutation = [{ key: 'more', value: 'x'.repeat(100) }]
    let received = 0
    const { lines } = await linesOf({
      options: () => ({ routes: [testRoute('service', { responseMutation })] }),
      act: async (client) => {
        received = (await one(client)).message.length
      },
    })
    assert.equal(lines[0]?.['sent'], received)
    assert.ok(received > 100)
  })

  test('has code 0 also where the service says failure', async () => {
    const { lines } = await linesOf({
      handler: (request, connection) => connection.send(mutableFrame({ id: Number(request.requestId), status: 1 })),
      act: one,
    })
    assert.deepEqual([lines[0]?.['code'], lines[0]?.['status'], lines[0]?.['flags']], [0, 'error', null])
  })

  test('has the duration that it took', async () => {
    const { lines } = await linesOf({
      handler: async (request, connection) => {
        await sleep(60)
        connection.answer(request)
      },
      act: one,
    })
    assert.ok(Number(lines[0]?.['duration']) >= 50, String(lines[0]?.['duration']))
  })

  test('has an id where the log asks for one, and the service gets the same', async () => {
    const ids: (string | undefined)[] = []
    const { lines } = await linesOf({
      log: jsonLog({ id: '%REQ(X-REQUEST-ID)%' }),
      handler: (request, connection) => {
        ids.push(request.get('x-request-id'))
        connection.answer(request)
      },
      act: one,
    })
    assert.match(String(lines[0]?.['id']), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    assert.deepEqual(ids, [lines[0]?.['id']])
  })

  test('has an id where the filter of a log asks for one, so that all logs draw the same', async () => {
    const ids: (string | undefined)[] = []
    await linesOf({
      log: jsonLog(FORMAT, { filter: { kind: 'fraction', numerator: 1, denominator: 2, isIndependent: false } }),
      handler: (request, connection) => {
        ids.push(request.get('x-request-id'))
        connection.answer(request)
      },
      act: one,
    })
    assert.match(String(ids[0]), /^[0-9a-f]{8}-/)
  })

  test('and nothing is changed in it where no log asks', async () => {
    const pairs: number[] = []
    await linesOf({
      handler: (request, connection) => {
        pairs.push(request.size)
        connection.answer(request)
      },
      act: one,
    })
    assert.deepEqual(pairs, [1])
  })
})

describe('an exchange that fails has a line too:', () => {
  const limited: FilterDefinition = {
    name: 'limit',
    typeUrl: 'example.Limit',
    parse: () => undefined,
    create: () => ({
      onRequest: (context) =>
        context.fail({
          code: 'rate_limited',
          type: ErrorType.OverLimit,
          message: 'no',
          source: 'proxy',
          retriable: 'no',
        }),
    }),
  }
  const rows: readonly (Omit<Run, 'act'> & { what: string; details: string; flags: string; cluster: string | null })[] =
    [
      {
        what: 'no route matches',
        options: () => ({ routes: [] }),
        details: 'no_matched_route',
        flags: 'NR',
        cluster: null,
      },
      {
        what: 'the cluster is unknown',
        options: () => ({ routes: [testRoute('nowhere')] }),
        details: 'unknown_cluster',
        flags: 'NC',
        cluster: 'nowhere',
      },
      {
        what: 'there is no endpoint',
        options: () => ({ clusters: [testCluster('service', [])] }),
        details: 'no_healthy_upstream',
        flags: 'UH',
        cluster: 'service',
      },
      {
        what: 'the connection is refused',
        options: () => ({ clusters: [testCluster('service', [CLOSED_PORT])] }),
        details: 'remote_connection_failure',
        flags: 'UF',
        cluster: 'service',
      },
      {
        what: 'the service closes instead of answering',
        handler: closing,
        details: 'upstream_response_incomplete',
        flags: 'UC',
        cluster: 'service',
      },
      {
        what: 'there is no answer in time',
        handler: silent,
        options: () => ({ filter: { requestTimeoutMs: 50 } }),
        details: 'request_timeout',
        flags: 'UT',
        cluster: 'service',
      },
      {
        what: 'the answer is not the protocol',
        handler: (_request, connection) => connection.send(Buffer.alloc(20)),
        details: 'upstream_reset',
        flags: 'UPE',
        cluster: 'service',
      },
      {
        what: 'a filter refuses it',
        options: () => ({
          filters: [limited],
          filter: { filters: [{ name: 'limit', typeUrl: 'example.Limit', config: undefined }] },
        }),
        details: 'rate_limited',
        flags: 'RL',
        cluster: null,
      },
    ]
  for (const { what, details, flags, cluster, ...run } of rows) {
    test(what, async () => {
      let received = 0
      const { lines } = await linesOf({
        ...run,
        act: async (client) => {
          received = (await one(client)).message.length
        },
      })
      assert.equal(lines.length, 1)
      const { code, status, answer, sent, ...line } = lines[0] as Record<string, unknown>
      assert.deepEqual(
        [code, status, answer, line['details'], line['flags'], line['cluster']],
        [1, 'local', null, details, flags, cluster],
      )
      assert.equal(sent, received)
    })
  }

  test('the client leaves, whose address is still known', async () => {
    const hold = holding()
    const { lines, proxy } = await linesOf({
      handler: hold.handler,
      act: async (client) => {
        client.send(mutableFrame({ id: 1, pairs: { method: 'hello' } }))
        while (hold.held === 0) await sleep(5)
        client.socket.resetAndDestroy()
        await sleep(50)
      },
    })
    hold.release()
    const { code, details, flags, status, client, host, downstream } = lines[0] as Record<string, unknown>
    assert.deepEqual([code, details, flags, status], [1, 'downstream_remote_disconnect', 'DC', 'none'])
    assert.match(String(client), /^127\.0\.0\.1:\d+$/)
    assert.match(String(host), /^127\.0\.0\.1:\d+$/)
    assert.equal(downstream, `127.0.0.1:${proxy}`)
  })
})

describe('an exchange whose client the proxy itself lets go is not one whose client has left:', () => {
  const request = mutableFrame({ id: 1, pairs: { method: 'hello' } })
  const rows: readonly (Run & { what: string; details: string; flags: string })[] = [
    {
      what: 'what comes is not the protocol',
      act: async (client) => {
        client.send(Buffer.concat([request, Buffer.alloc(50, 0xff)]))
        await client.closed()
      },
      details: 'downstream_protocol_error',
      flags: 'DPE',
    },
    {
      what: 'a message is begun and not finished',
      options: () => ({ filter: { partialMessageTimeoutMs: 50 } }),
      act: async (client) => {
        client.send(Buffer.concat([request, request.subarray(0, 8)]))
        await client.closed()
      },
      details: 'downstream_local_disconnect',
      flags: 'DC',
    },
    {
      what: 'it holds the most memory when memory runs out',
      act: async (client, proxy) => {
        client.send(request)
        await proxy.until('request_active', 1)
        const largest = proxy.proxy.listeners[0]?.largest(0)
        assert.ok(largest !== undefined)
        largest.close()
      },
      details: 'overload_disconnect',
      flags: 'OM',
    },
    {
      what: 'the proxy ends',
      act: async (client, proxy) => {
        client.send(request)
        await proxy.until('request_active', 1)
      },
      details: 'downstream_local_disconnect',
      flags: 'DC',
    },
  ]
  for (const { what, details, flags, ...run } of rows) {
    test(what, async () => {
      const { lines } = await linesOf({ handler: silent, ...run })
      assert.deepEqual(
        lines.map((line) => [line['code'], line['details'], line['flags'], line['sent']]),
        [[1, details, flags, 0]],
      )
    })
  }

  test('a stream too', async () => {
    const { lines } = await linesOf({
      codec: streaming,
      act: async (client) => {
        client.send(streamingFrame({ type: MessageType.StreamInit, id: 1, stream: 5 }))
        client.send(streamingFrame({ type: MessageType.StreamData, id: 1, stream: 5 }))
        await client.next()
        client.send(Buffer.alloc(50))
        await client.closed()
      },
    })
    assert.deepEqual(
      lines.map((line) => [line['code'], line['details'], line['flags']]),
      [[1, 'downstream_protocol_error', 'DPE']],
    )
  })
})

describe('what is no request with one reply', () => {
  test('a one-way message has a line when it is sent', async () => {
    const { lines } = await linesOf({
      codec: streaming,
      act: async (client) => {
        client.send(streamingFrame({ type: MessageType.Oneway, id: 1, body: 'x' }))
        await client.request(streamingFrame({ type: MessageType.Request, id: 2 }))
      },
    })
    assert.deepEqual(
      lines.map(({ status, code, sent }) => [status, code, Number(sent) > 0]),
      [
        ['none', 0, false],
        ['ok', 0, true],
      ],
    )
  })

  test('a stream has one at its end, with the bytes of all its frames', async () => {
    const frame = (type: MessageType, body = '') => streamingFrame({ type, id: 1, stream: 5, body })
    const frames = [
      frame(MessageType.StreamInit),
      frame(MessageType.StreamData, 'abc'),
      frame(MessageType.StreamCloseOneWay),
    ]
    const { lines } = await linesOf({
      codec: streaming,
      act: async (client) => {
        for (const each of frames) client.send(each)
        await client.take(2)
        await sleep(50)
      },
    })
    assert.equal(lines.length, 1)
    const received = Buffer.concat(frames).length
    const sent = received - (frames[0] as Buffer).length
    assert.deepEqual([lines[0]?.['code'], lines[0]?.['received'], lines[0]?.['sent']], [0, received, sent])
  })

  test('a stream that its service ends badly has what went wrong', async () => {
    let told = 0
    const { lines } = await linesOf({
      codec: streaming,
      handler: (request, connection) => {
        if (request.type === MessageType.StreamData) connection.destroy()
      },
      act: async (client) => {
        client.send(streamingFrame({ type: MessageType.StreamInit, id: 1, stream: 5 }))
        client.send(streamingFrame({ type: MessageType.StreamData, id: 1, stream: 5 }))
        told = (await client.next()).message.length
      },
    })
    assert.deepEqual(
      lines.map(({ code, details, flags, sent }) => [code, details, flags, sent]),
      [[1, 'upstream_response_incomplete', 'UC', told]],
    )
  })

  const opening = streamingFrame({ type: MessageType.StreamInit, id: 1, stream: 5 })
  const data = streamingFrame({ type: MessageType.StreamData, id: 1, stream: 5, body: 'abc' })
  const end = (stream: number, status: number) =>
    streamingFrame({ type: MessageType.StreamCloseTwoWay, id: 1, stream, status })

  test('a stream in which its service says failure has that as its status', async () => {
    for (const [status, expected] of [
      [0, 'ok'],
      [1, 'error'],
    ] as const) {
      const { lines } = await linesOf({
        codec: streaming,
        handler: (request, connection) => {
          if (request.type === MessageType.StreamData) connection.send(end(request.streamId, status))
        },
        act: async (client) => {
          client.send(Buffer.concat([opening, data]))
          await client.next()
        },
      })
      assert.deepEqual(
        lines.map((line) => [line['code'], line['status'], line['flags']]),
        [[0, expected, null]],
      )
    }
  })

  test('a stream that is over before it is open has all its bytes', async () => {
    const frames = Buffer.concat([
      opening,
      data,
      streamingFrame({ type: MessageType.StreamCloseTwoWay, id: 1, stream: 5 }),
    ])
    const { lines } = await linesOf({
      codec: streaming,
      handler: silent,
      act: async (client, proxy) => {
        client.send(frames)
        await proxy.until('request_active', 1)
        await proxy.until('request_active', 0)
      },
    })
    assert.deepEqual(
      lines.map((line) => [line['received'], line['code'], line['status']]),
      [[frames.length, 0, 'ok']],
    )
  })

  /** It cannot write frames for this side. */
  const unable = (broken: 'downstream' | 'upstream'): CodecDefinition => ({
    ...streaming,
    create: (side, config) => {
      const codec = streaming.create(side, config)
      return {
        decode: (buffer, metadata) => codec.decode(buffer, metadata),
        encode: (metadata, mutation, out) => {
          if (side === broken && metadata.type === MessageType.StreamData) throw new Error('cannot')
          codec.encode(metadata, mutation, out)
        },
        onError: (request, failure, out) => codec.onError(request, failure, out),
      }
    },
  })

  test('a stream whose first frames cannot be sent has failed, and its client has not left', async () => {
    let told = 0
    const { lines } = await linesOf({
      codec: unable('upstream'),
      act: async (client) => {
        client.send(Buffer.concat([opening, data]))
        told = (await client.next()).message.length
        await sleep(20)
      },
    })
    assert.deepEqual(
      lines.map((line) => [line['details'], line['flags'], line['status'], line['sent']]),
      [['request_encode_failed', 'DPE', 'local', told]],
    )
  })

  test('a stream whose frames the client cannot be sent has what the client is told instead', async () => {
    let told = 0
    const { lines } = await linesOf({
      codec: unable('downstream'),
      act: async (client) => {
        client.send(opening)
        client.send(data)
        told = (await client.next()).message.length
        await sleep(20)
      },
    })
    assert.deepEqual(
      lines.map((line) => [line['details'], line['flags'], line['sent']]),
      [['upstream_reset', 'UPE', told]],
    )
  })

  test('a heartbeat has none', async () => {
    const { lines } = await linesOf({
      codec: streaming,
      act: (client) => client.request(streamingFrame({ type: MessageType.Heartbeat, id: 1 })),
    })
    assert.deepEqual(lines, [])
  })
})

test('the counters of bytes change places where they are told to', async () => {
  const { text } = await linesOf({
    log: textLog('%BYTES_RECEIVED% %BYTES_SENT%\n'),
    handler: (request, connection) =>
      connection.send(mutableFrame({ id: Number(request.requestId), body: 'longer than asked' })),
    options: () => ({ config: { referenceByteCounters: true } }),
    act: one,
  })
  const [reply, request] = [
    mutableFrame({ id: 1, body: 'longer than asked' }),
    mutableFrame({ id: 1, pairs: { method: 'hello' }, body: 'body' }),
  ]
  assert.equal(text, `${reply.length} ${request.length}\n`)
})

test('a filter decides what is logged', async () => {
  const { lines } = await linesOf({
    log: jsonLog(FORMAT, { filter: { kind: 'flags', flags: [] } }),
    options: (port) => ({
      clusters: [testCluster('service', [port]), testCluster('refused', [CLOSED_PORT])],
      routes: [
        testRoute('refused', {
          match: {
            metadata: [
              { name: 'bad', test: { kind: 'present', present: true }, invert: false, treatMissingAsEmpty: false },
            ],
          },
        }),
        testRoute('service'),
      ],
    }),
    act: async (client) => {
      await one(client)
      await client.request(mutableFrame({ id: 2, pairs: { bad: '1' } }))
    },
  })
  assert.deepEqual(
    lines.map(({ flags }) => flags),
    ['UF'],
  )
})

test('routes can ask for the name of the protocol, as in the reference', async () => {
  const metadata = [
    {
      name: 'x-meta-protocol-application-protocol',
      test: { kind: 'exact' as const, text: 'test', ignoreCase: false },
      invert: false,
      treatMissingAsEmpty: false,
    },
  ]
  await using server = await startEchoServer({ codec: mutable })
  await using proxy = await startTestProxy({
    codec: mutable,
    endpoints: [server.port],
    routes: [testRoute('service', { match: { metadata } })],
  })
  await using client = await connectClient({ port: proxy.port, codec: mutable })
  assert.equal((await one(client)).status, 0)
})

const MODULE = fileURLToPath(new URL('../harness/codecs/index.ts', import.meta.url))

function fileLog(path: string, inline_string: string): object {
  const typed_config = {
    '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
    path,
    log_format: { text_format_source: { inline_string } },
  }
  return { name: 'log', typed_config }
}

for (const concurrency of ['0', '2']) {
  describe(`a proxy with --concurrency ${concurrency}`, () => {
    test('has written everything when it has drained, and begins new files when it is told to', async () => {
      const path = join(folder, `log-${concurrency}`)
      await using server = await startEchoServer({ codec: mutable })
      await using proxy = await startProxyProcess({
        codec: mutable.name,
        endpoints: [server.port],
        filter: { access_log: [fileLog(path, '%REQ(method)% %RESPONSE_CODE%\n')] },
        arguments: ['--concurrency', concurrency, '--module', MODULE, '--drain-time-s', '5'],
      })
      const ask = async (method: string, count: number) => {
        await using client = await connectClient({ port: proxy.port, codec: mutable })
        for (let id = 1; id <= count; id++) await client.request(mutableFrame({ id, pairs: { method } }))
      }
      const linesIn = (file: string) => readFileSync(file, 'utf8').split('\n').slice(0, -1)
      const until = async (file: string, count: number) => {
        const endMs = performance.now() + 10_000
        for (;;) {
          const lines = (() => {
            try {
              return linesIn(file)
            } catch {
              return []
            }
          })()
          if (lines.length >= count) return lines
          assert.ok(performance.now() < endMs, `${lines.length} of ${count} lines in ${file}`)
          await sleep(20)
        }
      }

      await ask('one', 50)
      await until(path, 50)
      renameSync(path, `${path}.1`)
      proxy.child.kill('SIGUSR1')
      await sleep(200)
      await ask('two', 30)
      assert.deepEqual([...new Set(await until(path, 30))], ['two 0'])
      assert.deepEqual([...new Set(linesIn(`${path}.1`))], ['one 0'])

      renameSync(path, `${path}.2`)
      assert.equal(await proxy.post('/reopen_logs'), 200)
      await sleep(200)
      await ask('three', 20)
      proxy.child.kill('SIGTERM')
      assert.equal(await proxy.exited(), 0)
      assert.deepEqual(linesIn(path), new Array(20).fill('three 0'))
      assert.equal(linesIn(`${path}.2`).length, 30)
    })
  })
}

test('a log that nobody reads holds up no traffic, and what is lost is counted', async () => {
  const path = join(folder, 'pipe')
  execFileSync('mkfifo', [path])
  const reader = spawn('sh', ['-c', `exec 3<"${path}"; read go`], { stdio: ['pipe', 'ignore', 'ignore'] })
  await sleep(200)
  await using server = await startEchoServer({ codec: mutable })
  await using proxy = await startProxyProcess({
    codec: mutable.name,
    endpoints: [server.port],
    filter: { access_log: [fileLog(path, `%REQ(text)%\n`)] },
    arguments: ['--concurrency', '1', '--module', MODULE],
  })
  await using client = await connectClient({ port: proxy.port, codec: mutable })
  const text = 'x'.repeat(50_000)
  for (let id = 1; id <= 600; id++) await client.request(mutableFrame({ id, pairs: { text } }))
  const endMs = performance.now() + 10_000
  while ((await proxy.stat('filesystem.write_dropped')) < 300) {
    assert.ok(performance.now() < endMs, 'nothing is counted')
    await sleep(50)
  }
  assert.equal((await client.request(mutableFrame({ id: 1 }))).status, 0)
  proxy.child.kill('SIGTERM')
  await client.close()
  assert.equal(await proxy.exited(), 0)
  reader.stdin.end()
})

test('a listener that comes later has a log from the start, and one whose log cannot be written is refused', async () => {
  const path = join(folder, 'live')
  const withLog = (to: string) => {
    const accessLogs = [textLog('x\n', { sink: { kind: 'file', path: to } })]
    return testListener('live', testMetaProtocol(looping.name, { accessLogs }))
  }
  await using proxy = await startLiveProxy({ concurrency: 1 })
  await proxy.configure({ listeners: [withLog(path)] })
  assert.equal(readFileSync(path, 'utf8'), '')
  await assert.rejects(
    proxy.configure({ listeners: [withLog(join(folder, 'none', 'log'))] }),
    /listener 'live' cannot write its access log .*none\/log: ENOENT/,
  )
})
