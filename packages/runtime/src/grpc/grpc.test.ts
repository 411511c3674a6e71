import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { afterEach, describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { create, createFileRegistry, type DescMethod, type DescService, fromBinary, toBinary } from '@bufbuild/protobuf'
import type { GenService } from '@bufbuild/protobuf/codegenv2'
import {
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  file_google_protobuf_wrappers,
  type StringValue,
  StringValueSchema,
} from '@bufbuild/protobuf/wkt'
import { Client, credentials, Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js'
import {
  type ClientStreamListener,
  createGrpcClient,
  type GrpcClientTls,
  GrpcCode,
  GrpcError,
  type GrpcServer,
  type GrpcServerOptions,
  type GrpcStatus,
  grpcService,
  type ServerStream,
  type ServiceHandlers,
  startGrpcServer,
} from './index.ts'

type Text = typeof StringValueSchema
type Echo = GenService<{
  talk: { methodKind: 'bidi_streaming'; input: Text; output: Text }
  ask: { methodKind: 'unary'; input: Text; output: Text }
}>

/** As generated for: service test.Echo { rpc Talk(stream StringValue) returns (stream StringValue); rpc Ask(…) … } */
const Echo = describeService() as unknown as Echo

const echo: ServiceHandlers<Echo> = {
  talk: (stream) => ({
    onMessage: ({ value }) => void stream.write({ value: `${value}!` }),
    onClose: () => {},
  }),
  ask: ({ value }) => ({ value: `${value}?` }),
}

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

async function start(
  handlers: ServiceHandlers<Echo> = echo,
  options: Partial<GrpcServerOptions> = {},
): Promise<GrpcServer> {
  const services = [grpcService(Echo, handlers)]
  const server = await startGrpcServer({ host: '127.0.0.1', port: 0, services, ...options })
  closing.push(() => server.close(0))
  return server
}

function dial(port: number) {
  const client = createGrpcClient({ address: `127.0.0.1:${port}` })
  closing.push(() => client.close())
  return client
}

/** Keeps what a stream brings. */
class Recorder implements ClientStreamListener<Text> {
  readonly heard: string[] = []
  drains = 0
  readonly status: Promise<GrpcStatus>
  #settle: (status: GrpcStatus) => void = () => {}
  #wake: () => void = () => {}

  constructor() {
    this.status = new Promise((resolve) => {
      this.#settle = resolve
    })
  }

  onMessage({ value }: StringValue): void {
    this.heard.push(value)
    this.#wake()
  }

  onDrain(): void {
    this.drains++
    this.#wake()
  }

  onClose(status: GrpcStatus): void {
    this.#settle(status)
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}

describe('a stream', () => {
  test('carries messages both ways and ends with OK when the client has said all', async () => {
    const { port } = await start()
    const recorder = new Recorder()
    const stream = dial(port).open(Echo.method.talk, recorder)
    stream.write({ value: 'one' })
    stream.write(toBinary(StringValueSchema, create(StringValueSchema, { value: 'encoded' })))
    await recorder.until(() => recorder.heard.length === 2)
    stream.end()
    assert.deepEqual(await recorder.status, { code: GrpcCode.OK, message: 'OK' })
    assert.deepEqual(recorder.heard, ['one!', 'encoded!'])
    assert.equal(stream.write({ value: 'late' }), true, 'what is written to a call that is over is dropped')
    assert.equal(stream.unsent, 0)
  })

  test('brings the code and the message with which the server fails, after what it has written', async () => {
    const { port } = await start({
      talk: (stream) => {
        stream.write({ value: 'last words' })
        stream.fail({ code: GrpcCode.RESOURCE_EXHAUSTED, message: 'no more: 100 % is enough' })
        return { onMessage: () => assert.fail('is over'), onClose: () => {} }
      },
    })
    const recorder = new Recorder()
    dial(port).open(Echo.method.talk, recorder)
    assert.deepEqual(await recorder.status, {
      code: GrpcCode.RESOURCE_EXHAUSTED,
      message: 'no more: 100 % is enough',
    })
    assert.deepEqual(recorder.heard, ['last words'])
  })

  test('tells the server once that it is over, whoever ends it', async () => {
    const closed: string[] = []
    const { port } = await start({
      talk: (stream) => ({
        onMessage: ({ value }) => (value === 'end' ? stream.end() : void stream.write({ value })),
        onClose: () => void closed.push('closed'),
      }),
    })
    const client = dial(port)
    for (const [first, code] of [
      ['end', GrpcCode.OK],
      ['cancel', GrpcCode.CANCELLED],
    ] as const) {
      const recorder = new Recorder()
      const stream = client.open(Echo.method.talk, recorder)
      stream.write({ value: first })
      if (first === 'cancel') await recorder.until(() => recorder.heard.length === 1)
      if (first === 'cancel') stream.cancel()
      assert.equal((await recorder.status).code, code)
    }
    await waitUntil(() => closed.length === 2)
    assert.deepEqual(closed, ['closed', 'closed'])
  })

  test('tells its client when the server cannot be reached, and not before `open` has returned', async () => {
    const { port, close } = await start()
    await close()
    const recorder = new Recorder()
    let isOpen = false
    const onClose = (status: GrpcStatus) => {
      assert.ok(isOpen)
      recorder.onClose(status)
    }
    dial(port).open(Echo.method.talk, { onMessage: () => {}, onClose })
    isOpen = true
    const { code, message } = await recorder.status
    assert.equal(code, GrpcCode.UNAVAILABLE)
    assert.match(message, /ECONNREFUSED/)
  })

  test('ends at its deadline', async () => {
    const { port } = await start()
    const recorder = new Recorder()
    dial(port).open(Echo.method.talk, recorder, { deadlineMs: 20 })
    assert.equal((await recorder.status).code, GrpcCode.DEADLINE_EXCEEDED)
  })

  test('does not end the process when a listener throws: the call ends, on both sides', async () => {
    const faults: unknown[] = []
    const fault = new Error('a bug')
    const handlers: ServiceHandlers<Echo> = {
      talk: () => ({
        onMessage: () => {
          throw fault
        },
        onClose: () => {},
      }),
    }
    const { port } = await start(handlers, { onError: (error) => faults.push(error) })
    const recorder = new Recorder()
    dial(port).open(Echo.method.talk, recorder).write({ value: 'x' })
    assert.equal((await recorder.status).code, GrpcCode.INTERNAL)
    assert.deepEqual(faults, [fault])

    const good = await start()
    const status = await new Promise<GrpcStatus>((resolve) => {
      const onMessage = () => {
        throw fault
      }
      dial(good.port).open(Echo.method.talk, { onMessage, onClose: resolve }).write({ value: 'x' })
    })
    assert.deepEqual(status, { code: GrpcCode.INTERNAL, message: 'the client failed: Error: a bug' })
  })

  test('says how much waits for a client that does not read, and when nothing does any more', async () => {
    let server: ServerStream<Text> | undefined
    let drains = 0
    const { port } = await start({
      talk: (stream) => {
        server = stream
        return { onMessage: () => {}, onDrain: () => void drains++, onClose: () => {} }
      },
    })
    const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure())
    closing.push(() => client.close())
    const identity = (bytes: Buffer) => bytes
    const call = client.makeBidiStreamRequest('/test.Echo/Talk', identity, identity)
    call.on('error', () => {})
    call.write(Buffer.alloc(0))
    await waitUntil(() => server !== undefined)
    const large = { value: 'x'.repeat(1024 * 1024) }
    let accepted = 0
    while (server?.write(large)) accepted++
    assert.ok(accepted < 16)
    await setTimeout(50)
    assert.ok((server?.unsent ?? 0) > 0, 'the client does not read')
    assert.equal(drains, 0)
    call.resume()
    await waitUntil(() => drains === 1)
    assert.equal(server?.unsent, 0)
  })
})

describe('a unary call', () => {
  test('brings the reply', async () => {
    const { port } = await start()
    assert.equal((await dial(port).call(Echo.method.ask, { value: 'who' })).value, 'who?')
  })

  test('rejects with the code of the failure', async () => {
    const faults: unknown[] = []
    const handlers: ServiceHandlers<Echo> = {
      ask: ({ value }) => {
        throw value === 'known' ? new GrpcError(GrpcCode.NOT_FOUND, 'there is none') : new Error('a secret')
      },
    }
    const { port } = await start(handlers, { onError: (error) => faults.push(error) })
    const client = dial(port)
    await assert.rejects(client.call(Echo.method.ask, { value: 'known' }), { code: 5, message: 'there is none' })
    assert.deepEqual(faults, [])
    await assert.rejects(client.call(Echo.method.ask, { value: 'bug' }), { code: 13, message: /see the log/ })
    assert.equal(faults.length, 1)
  })

  test('ends by its deadline, by its signal, or with its client', async () => {
    const handlers: ServiceHandlers<Echo> = { ask: () => new Promise(() => {}) }
    const { port } = await start(handlers)
    const client = dial(port)
    await assert.rejects(client.call(Echo.method.ask, {}, { deadlineMs: 10 }), { code: GrpcCode.DEADLINE_EXCEEDED })
    const controller = new AbortController()
    const aborted = client.call(Echo.method.ask, {}, { signal: controller.signal })
    controller.abort()
    await assert.rejects(aborted, { code: GrpcCode.CANCELLED })
    const orphan = client.call(Echo.method.ask, {})
    client.close()
    await assert.rejects(orphan, { code: GrpcCode.CANCELLED })
  })

  test('of a method that nobody serves is UNIMPLEMENTED', async () => {
    const { port } = await start({ talk: () => assert.fail('is not called') })
    await assert.rejects(dial(port).call(Echo.method.ask, {}), { code: GrpcCode.UNIMPLEMENTED })
  })
})

describe('a server', () => {
  test('speaks with a client that nobody here wrote, and refuses its garbage', async () => {
    const { port } = await start()
    const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure())
    closing.push(() => client.close())
    const identity = (bytes: Buffer) => bytes
    const call = client.makeBidiStreamRequest('/test.Echo/Talk', identity, identity)
    const failed = once(call, 'error')
    call.write(Buffer.from(toBinary(StringValueSchema, create(StringValueSchema, { value: 'plain' }))))
    const [bytes] = (await once(call, 'data')) as [Buffer]
    assert.equal(fromBinary(StringValueSchema, bytes).value, 'plain!')
    call.write(Buffer.from([0x0a, 0xff]))
    const [error] = await failed
    assert.equal(error.code, GrpcCode.INTERNAL)
  })

  test('ends a call that sends more than it may', async () => {
    const { port } = await start(echo, { limits: { maxReceiveBytes: 100 } })
    const recorder = new Recorder()
    dial(port)
      .open(Echo.method.talk, recorder)
      .write({ value: 'x'.repeat(101) })
    assert.equal((await recorder.status).code, GrpcCode.RESOURCE_EXHAUSTED)
  })

  test('refuses connections beyond its limit', async () => {
    const { port } = await start(echo, { limits: { maxConnections: 1 } })
    const first = dial(port)
    await first.call(Echo.method.ask, {})
    const second = connect(port, '127.0.0.1')
    closing.push(() => second.destroy())
    second.on('error', () => {})
    await once(second, 'close')
    assert.equal((await first.call(Echo.method.ask, { value: 'still' })).value, 'still?')
  })

  test('outlives connections that speak something else, or nothing', async () => {
    const { port } = await start()
    for (const bytes of [
      'GET / HTTP/1.1\r\nhost: x\r\n\r\n',
      randomBytes(1000),
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      '',
    ]) {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      await once(socket, 'connect')
      socket.write(bytes)
      await setTimeout(5)
      socket.resetAndDestroy()
    }
    assert.equal((await dial(port).call(Echo.method.ask, { value: 'still' })).value, 'still?')
  })

  test('says at once when its port is taken', async () => {
    const { port } = await start()
    await assert.rejects(start(echo, { port }), { code: 'EADDRINUSE' })
  })

  test('lets calls end while it closes, and closes those that do not', async () => {
    const waiting: (() => void)[] = []
    const { port, close } = await start({
      ask: async ({ value }) => {
        await new Promise<void>((resolve) => waiting.push(resolve))
        return { value }
      },
    })
    const reply = dial(port).call(Echo.method.ask, { value: 'slow' })
    await waitUntil(() => waiting.length === 1)
    const closed = close(5_000)
    waiting[0]?.()
    assert.equal((await reply).value, 'slow')
    await closed

    const other = await start()
    const recorder = new Recorder()
    const stream = dial(other.port).open(Echo.method.talk, recorder)
    stream.write({ value: 'x' })
    await recorder.until(() => recorder.heard.length === 1)
    await other.close(10)
    assert.notEqual((await recorder.status).code, GrpcCode.OK)
    await other.close()
  })
})

describe('over TLS', () => {
  const read = (name: string) => readFileSync(new URL(`./testdata/${name}`, import.meta.url))
  const authorities = read('authority.pem')
  const server = { certificates: read('server.pem'), privateKey: read('server.key') }
  const proof = { certificates: read('client.pem'), privateKey: read('client.key') }
  const ask = (port: number, tls: GrpcClientTls | undefined) => {
    const client = createGrpcClient({ address: `127.0.0.1:${port}`, ...(tls === undefined ? {} : { tls }) })
    closing.push(() => client.close())
    return client.call(Echo.method.ask, { value: 'who' }, { deadlineMs: 5_000 })
  }
  const refused = { name: 'GrpcError', code: GrpcCode.UNAVAILABLE }

  test('a client that knows the authority and the name is served', async () => {
    const { port } = await start(echo, { tls: server })
    assert.equal((await ask(port, { authorities, serverName: 'xds.test' })).value, 'who?')
    await assert.rejects(ask(port, { authorities, serverName: 'other.test' }), refused)
    await assert.rejects(ask(port, { serverName: 'xds.test' }), refused)
    await assert.rejects(ask(port, undefined), refused)
  })

  test('a client must show a certificate where it is wanted', async () => {
    const { port } = await start(echo, { tls: { ...server, clientAuthorities: authorities } })
    assert.equal((await ask(port, { authorities, serverName: 'xds.test', ...proof })).value, 'who?')
    await assert.rejects(ask(port, { authorities, serverName: 'xds.test' }), refused)
  })

  test('a certificate that comes later is that of later connections, unless it is none', async () => {
    // nobody's certificate is signed by that of the client
    const { port, setTls } = await start(echo, { tls: { ...server, clientAuthorities: proof.certificates } })
    const known = { authorities, serverName: 'xds.test', ...proof }
    await assert.rejects(ask(port, known), refused)
    setTls({ ...server, clientAuthorities: authorities })
    assert.equal((await ask(port, known)).value, 'who?')
    assert.throws(() => setTls({ ...server, privateKey: proof.privateKey, clientAuthorities: authorities }), /key/)
    assert.equal((await ask(port, known)).value, 'who?')
  })
})

test('a client speaks with a server that nobody here wrote', async () => {
  const server = new Server()
  const definition = {
    path: '/test.Echo/Talk',
    requestStream: true,
    responseStream: true,
    requestSerialize: (bytes: Buffer) => bytes,
    requestDeserialize: (bytes: Buffer) => bytes,
    responseSerialize: (bytes: Buffer) => bytes,
    responseDeserialize: (bytes: Buffer) => bytes,
  }
  const talk = (call: ServerDuplexStream<Buffer, Buffer>) => {
    call.on('data', (bytes: Buffer) => call.write(bytes))
    call.on('end', () => call.end())
  }
  server.addService({ talk: definition }, { talk })
  const port = await new Promise<number>((resolve, reject) => {
    const done = (error: Error | null, bound: number) => (error === null ? resolve(bound) : reject(error))
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), done)
  })
  closing.push(() => server.forceShutdown())
  const recorder = new Recorder()
  const stream = dial(port).open(Echo.method.talk, recorder)
  stream.write({ value: 'abroad' })
  stream.end()
  assert.equal((await recorder.status).code, GrpcCode.OK)
  assert.deepEqual(recorder.heard, ['abroad'])
})

async function waitUntil(condition: () => boolean): Promise<void> {
  while (!condition()) await setTimeout(1)
}

function describeService(): DescService {
  const type = '.google.protobuf.StringValue'
  const ask = { name: 'Ask', inputType: type, outputType: type }
  const talk = { name: 'Talk', inputType: type, outputType: type, clientStreaming: true, serverStreaming: true }
  const file = create(FileDescriptorProtoSchema, {
    name: 'test/echo.proto',
    package: 'test',
    syntax: 'proto3',
    dependency: ['google/protobuf/wrappers.proto'],
    service: [{ name: 'Echo', method: [ask, talk] }],
  })
  const set = create(FileDescriptorSetSchema, { file: [file_google_protobuf_wrappers.proto, file] })
  const service = createFileRegistry(set).getService('test.Echo')
  assert.ok(service !== undefined)
  const methods: readonly DescMethod[] = service.methods
  assert.equal(methods.length, 2)
  return service
}
