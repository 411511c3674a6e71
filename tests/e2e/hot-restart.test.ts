import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Metadata, MessageType as T } from '@meltemi/sdk'
import { streaming, streamingFrame } from '../harness/codecs/index.ts'
import { connectClient, type ProxyProcess, type RawClient, startProxyProcess } from '../harness/index.ts'

const MODULE = fileURLToPath(new URL('../harness/codecs/index.ts', import.meta.url))
const RESTARTS = 10
const REQUESTS_PER_SECOND = 5000
const CONNECTIONS = 20
/** As pools do: a connection is used for a while, and then another one. */
const CONNECTION_MS = 700
const TICK_MS = 20
/** On a machine that stands still for a second they all come at once. */
const ROOM = { max_pending_requests: 20_000, max_requests: 20_000 }
const LONG_CALL_MS = 3000
const TIMEOUT_MS = 20_000

const SAY = { type: T.Request, id: 1, body: 'now' } as const
const LONG = { type: T.Request, id: 1, body: 'later' } as const

/** Answers at once, or after a while; cheap, for it shares a core with its clients. */
class Service implements AsyncDisposable {
  oneways = 0
  readonly #server = createServer({ noDelay: true }, (socket) => this.#serve(socket))
  readonly #sockets = new Set<Socket>()

  static async start(): Promise<Service> {
    const service = new Service()
    service.#server.listen(0, '127.0.0.1')
    await once(service.#server, 'listening')
    return service
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket)
    let rest: Buffer = Buffer.alloc(0)
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      rest = takeFrames(Buffer.concat([rest, chunk]), (frame) => this.#answer(Buffer.from(frame), socket))
    })
  }

  #answer(frame: Buffer, socket: Socket): void {
    const type = frame[1] as number
    if (type === T.Oneway) this.oneways++
    if (type === T.Request) frame[1] = T.Response
    if (type === T.Oneway || type === T.StreamInit) return
    if (frame.toString('latin1', 20) !== LONG.body) socket.write(frame)
    else setTimeout(() => socket.write(frame), LONG_CALL_MS)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

/** Returns what is no whole frame yet. */
function takeFrames(bytes: Buffer, take: (frame: Buffer) => void): Buffer {
  let at = 0
  for (let end = endOf(bytes, at); end <= bytes.length; end = endOf(bytes, at)) {
    take(bytes.subarray(at, end))
    at = end
  }
  return bytes.subarray(at)
}

/** Where the frame that begins at `at` ends; beyond all bytes while its length is not here. */
function endOf(bytes: Buffer, at: number): number {
  return bytes.length - at < 8 ? Number.POSITIVE_INFINITY : at + bytes.readUInt32BE(at + 4)
}

async function ask(client: RawClient, what: typeof SAY | typeof LONG): Promise<void> {
  const reply = await client.request(streamingFrame(what))
  assert.equal(reply.type, T.Response, reply.get('body'))
}

/** The processes of one proxy, the one that serves last. */
class Generations {
  readonly #first: ProxyProcess

  constructor(first: ProxyProcess) {
    this.#first = first
  }

  get pids(): readonly number[] {
    const lines = this.#first.stderr.split('\n').filter((line) => line.includes('hot restart: another process serves'))
    return [this.#first.child.pid as number, ...lines.map((line) => (JSON.parse(line) as { pid: number }).pid)]
  }

  get last(): number {
    return this.pids.at(-1) as number
  }

  /** Resolves when another process serves. */
  async restart(): Promise<void> {
    const before = this.pids.length
    process.kill(this.last, 'SIGUSR2')
    await until(
      () => this.pids.length > before,
      () => `no process took over:\n${this.#first.stderr}`,
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pid of this.pids) kill(pid)
    await until(
      () => !this.pids.some(isAlive),
      () => 'a process does not end',
    )
  }
}

/** Its process has asked it to go as well, which it does not. */
async function nextOf(stream: RawClient): Promise<Metadata> {
  const message = await stream.next()
  return message.type === T.Heartbeat ? nextOf(stream) : message
}

async function until(isMet: () => boolean, what: () => string): Promise<void> {
  const endMs = performance.now() + TIMEOUT_MS
  while (!isMet()) {
    if (performance.now() > endMs) throw new Error(what())
    await sleep(20)
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

function kill(pid: number): void {
  if (isAlive(pid)) process.kill(pid, 'SIGKILL')
}

/** How many replies have come; one that is an error fails it. What asks the client to go does not count. */
class ReplyCount {
  #count = 0
  #rest: Buffer = Buffer.alloc(0)
  #failure: Error | undefined

  constructor(socket: Socket) {
    socket.on('data', (chunk: Buffer) => {
      this.#rest = takeFrames(Buffer.concat([this.#rest, chunk]), (frame) => this.#take(frame))
    })
    socket.on('error', (error) => {
      this.#failure = error
    })
    socket.on('end', () => {
      this.#failure ??= new Error('the connection was closed by the service')
    })
  }

  #take(frame: Buffer): void {
    if (frame[1] === T.Response) this.#count++
    else if (frame[1] !== T.Heartbeat) this.#failure ??= new Error(frame.toString('latin1', 20))
  }

  async reached(count: number): Promise<void> {
    await until(
      () => this.#failure !== undefined || this.#count >= count,
      () => `${this.#count} of ${count} replies have come`,
    )
    if (this.#failure !== undefined) throw this.#failure
  }
}

/** Clients of all kinds, until told to stop; what goes wrong rejects `done`. */
class Traffic {
  requests = 0
  connections = 0
  longCalls = 0
  oneways = 0
  readonly #port: number
  #isOver = false

  constructor(port: number) {
    this.#port = port
  }

  stop(): void {
    this.#isOver = true
  }

  [Symbol.dispose](): void {
    this.stop()
  }

  async run(): Promise<void> {
    const pooled = Array.from({ length: CONNECTIONS }, () => this.#pooled())
    await Promise.all([...pooled, this.#brief(), this.#long(), this.#oneway()])
  }

  /** Sends what is due in one write, and counts what comes by its length: all replies have the same. */
  async #pooled(): Promise<void> {
    while (!this.#isOver) {
      this.connections++
      const socket = connect({ port: this.#port, host: '127.0.0.1', noDelay: true })
      const counted = new ReplyCount(socket)
      const startedMs = performance.now()
      let sent = 0
      for (let elapsedMs = 0; elapsedMs < CONNECTION_MS; elapsedMs = performance.now() - startedMs) {
        const due = Math.floor((elapsedMs * REQUESTS_PER_SECOND) / CONNECTIONS / 1000) + 1 - sent
        const frames = Array.from({ length: due }, (_, n) => streamingFrame({ ...SAY, id: sent + n + 1 }))
        sent += due
        socket.write(Buffer.concat(frames))
        await sleep(TICK_MS)
      }
      await counted.reached(sent)
      this.requests += sent
      socket.destroy()
    }
  }

  /** A connection for each request: it may be accepted by either process, at any moment. */
  async #brief(): Promise<void> {
    while (!this.#isOver) {
      await using client = await this.#connect()
      await ask(client, SAY)
      this.requests++
    }
  }

  async #long(): Promise<void> {
    while (!this.#isOver) {
      await using client = await this.#connect()
      await ask(client, LONG)
      this.longCalls++
    }
  }

  async #oneway(): Promise<void> {
    while (!this.#isOver) {
      await using client = await this.#connect()
      for (let n = 0; n < 10; n++, this.oneways++) client.send(streamingFrame({ type: T.Oneway, id: n, body: 'by' }))
      // everything before it has arrived
      await ask(client, SAY)
      await sleep(TICK_MS)
    }
  }

  #connect() {
    this.connections++
    return connectClient({ port: this.#port, codec: streaming, timeoutMs: TIMEOUT_MS })
  }
}

for (const concurrency of [0, 2]) {
  test(`ten hot restarts under load: no client sees an error (--concurrency ${concurrency})`, async (t) => {
    await using service = await Service.start()
    const args = ['--module', MODULE, '--concurrency', String(concurrency), '--drain-time-s', '5']
    const cluster = { circuit_breakers: { thresholds: [ROOM] } }
    const endpoints = [service.port]
    await using proxy = await startProxyProcess({ codec: streaming.name, endpoints, cluster, arguments: args })
    await using generations = new Generations(proxy)
    await using stream = await connectClient({ port: proxy.port, codec: streaming, timeoutMs: TIMEOUT_MS })
    stream.send(streamingFrame({ type: T.StreamInit, id: 1, stream: 7 }))
    using traffic = new Traffic(proxy.port)
    const done = traffic.run()
    done.catch(() => {})
    const startedMs = performance.now()
    for (let n = 1; n <= RESTARTS; n++) {
      await Promise.race([generations.restart(), done])
      stream.send(streamingFrame({ type: T.StreamData, id: n, stream: 7, body: String(n) }))
      assert.equal((await nextOf(stream)).get('body'), String(n), 'the stream goes on with the process that it is in')
      assert.equal((await proxy.get('/ready')).status, 200)
    }
    const elapsedS = (performance.now() - startedMs) / 1000
    const rate = Math.round(traffic.requests / elapsedS)
    traffic.stop()
    await done
    t.diagnostic(
      `${RESTARTS} restarts in ${elapsedS.toFixed(1)} s: ${traffic.requests} requests (${rate}/s), ` +
        `${traffic.connections} connections, ${traffic.longCalls} long calls, ${traffic.oneways} one-ways, 0 errors`,
    )
    await until(
      () => service.oneways === traffic.oneways,
      () => `${service.oneways} one-ways of ${traffic.oneways} arrived`,
    )
    assert.ok(traffic.longCalls > 0)
    await stream.close()
    await until(
      () => generations.pids.filter(isAlive).length === 1,
      () => 'a process does not end with its last client',
    )
    assert.equal(isAlive(generations.last), true)
    assert.equal(await proxy.exited(), 0)
  })
}

test('a process that cannot take over changes nothing, and is named in the log', async () => {
  await using service = await Service.start()
  const folder = mkdtempSync(join(tmpdir(), 'meltemi-restart-'))
  const [pidFile, module] = [join(folder, 'pid'), join(folder, 'codec.mjs')]
  writeFileSync(module, 'export const codecs = []\n')
  const args = ['--module', MODULE, '--module', module, '--pid-file', pidFile]
  await using proxy = await startProxyProcess({ codec: streaming.name, endpoints: [service.port], arguments: args })
  await using generations = new Generations(proxy)
  await using client = await connectClient({ port: proxy.port, codec: streaming, timeoutMs: TIMEOUT_MS })
  await ask(client, SAY)
  writeFileSync(module, 'export const nothing = []\n')
  process.kill(generations.last, 'SIGUSR2')
  await until(
    () => proxy.stderr.includes('hot restart failed'),
    () => proxy.stderr,
  )
  assert.match(proxy.stderr, /codec\.mjs: module exports neither/)
  await ask(client, SAY)
  assert.equal(readFileSync(pidFile, 'utf8'), `${proxy.child.pid}\n`)
  writeFileSync(module, 'export const codecs = []\n')
  await generations.restart()
  await until(
    () => readFileSync(pidFile, 'utf8') === `${generations.last}\n`,
    () => 'the file has the old process',
  )
  await ask(client, SAY)
  await client.close()
  assert.equal(await proxy.exited(), 0)
  process.kill(generations.last, 'SIGTERM')
  await until(
    () => !isAlive(generations.last),
    () => 'it does not end',
  )
  assert.equal(existsSync(pidFile), false)
  rmSync(folder, { recursive: true })
})

test('a process that fails just before it takes over leaves the pid file and the admin pages to the one that goes on', async () => {
  await using service = await Service.start()
  const folder = mkdtempSync(join(tmpdir(), 'meltemi-restart-'))
  const [pidFile, logs] = [join(folder, 'pid'), join(folder, 'logs')]
  mkdirSync(logs)
  const args = ['--module', MODULE, '--pid-file', pidFile]
  const bootstrap = { admin: { access_log_path: join(logs, 'admin.log') } }
  const endpoints = [service.port]
  await using proxy = await startProxyProcess({ codec: streaming.name, endpoints, bootstrap, arguments: args })
  await using generations = new Generations(proxy)
  await using client = await connectClient({ port: proxy.port, codec: streaming, timeoutMs: TIMEOUT_MS })
  await ask(client, SAY)
  // it opens its log when it is about to answer admin requests, which is last
  rmSync(logs, { recursive: true })
  process.kill(generations.last, 'SIGUSR2')
  await until(
    () => proxy.stderr.includes('hot restart failed'),
    () => proxy.stderr,
  )
  assert.match(proxy.stderr, /the log of the admin pages cannot be written/)
  await ask(client, SAY)
  assert.equal(readFileSync(pidFile, 'utf8'), `${proxy.child.pid}\n`)
  assert.equal((await proxy.get('/ready')).status, 200)
  await client.close()
  process.kill(generations.last, 'SIGTERM')
  assert.equal(await proxy.exited(), 0)
  assert.equal(existsSync(pidFile), false)
  rmSync(folder, { recursive: true })
})
