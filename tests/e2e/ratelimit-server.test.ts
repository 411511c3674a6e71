/** `meltemi ratelimit` with counters in memory, asked over real connections. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { Health, HealthCheckResponse_ServingStatus as ServingStatus } from '@meltemi/api/grpc-health'
import { createGrpcClient, GrpcCode } from '@meltemi/runtime/grpc'
import { MeltemiProcess, RateLimitClient, runCommand } from '../harness/index.ts'

const CERTIFICATES = new URL('../../packages/runtime/src/grpc/testdata/', import.meta.url)
const WAIT_MS = 15_000

class Server implements AsyncDisposable {
  readonly process: MeltemiProcess
  port = 0
  adminPort = 0

  constructor(path: string, args: readonly string[]) {
    const addresses = ['--address', '127.0.0.1:0', '--admin-address', '127.0.0.1:0']
    this.process = new MeltemiProcess(['ratelimit', '-c', path, ...addresses, ...args])
  }

  static async start(path: string, ...args: readonly string[]): Promise<Server> {
    const server = new Server(path, args)
    const [, grpc, admin] = await server.process.said(/ready: gRPC [\d.]+:(\d+), pages http:\/\/127\.0\.0\.1:(\d+)/)
    server.port = Number(grpc)
    server.adminPort = Number(admin)
    return server
  }

  async get(path: string): Promise<string> {
    const reply = await fetch(`http://127.0.0.1:${this.adminPort}${path}`, { headers: { connection: 'close' } })
    return `${reply.status} ${await reply.text()}`
  }

  async stat(name: string): Promise<number> {
    const line = (await this.get('/stats')).split('\n').find((each) => each.startsWith(`${name}: `))
    return Number(line?.slice(name.length + 2))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]()
  }
}

let folder: string

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'meltemi-rules-'))
})

after(() => rmSync(folder, { recursive: true, force: true }))

function rules(requests: number, unit = 'day'): string {
  return `domain: hello\ndescriptors:\n  - key: user\n    rate_limit: {unit: ${unit}, requests_per_unit: ${requests}}\n`
}

async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  for (const endMs = performance.now() + WAIT_MS; !(await holds()); await setTimeout(20)) {
    if (performance.now() > endMs) assert.fail(what)
  }
}

describe('the rate limit service', () => {
  let server: Server
  let client: RateLimitClient
  let path: string

  before(async () => {
    path = join(folder, 'live')
    mkdirSync(path)
    writeFileSync(join(path, 'hello.yaml'), rules(25))
    server = await Server.start(path)
    client = new RateLimitClient(server.port)
  })

  after(async () => {
    client[Symbol.dispose]()
    await server[Symbol.asyncDispose]()
  })

  test('admits exactly the limit of ten times as many requests at once', async () => {
    const asked = Array.from({ length: 250 }, () => client.allows('hello', { user: 'ann' }))
    assert.equal((await Promise.all(asked)).filter((isAllowed) => isAllowed).length, 25)
    assert.equal(await server.stat('ratelimit.service.rate_limit.hello.user.total_hits'), 250)
    assert.equal(await server.stat('ratelimit.service.rate_limit.hello.user.over_limit'), 225)
  })

  test('says what is left, and of what', async () => {
    const outcome = await client.outcome({
      domain: 'hello',
      descriptors: [{ entries: [{ key: 'user', value: 'ben' }] }],
    })
    assert.ok('statuses' in outcome)
    const [status] = outcome.statuses
    assert.deepEqual([status?.code, status?.limit, status?.remaining], ['OK', ' 25/4', 24])
    assert.ok((status?.resetS ?? 0) > 0 && (status?.resetS ?? 0) <= 86_400)
  })

  test('lets through what no rule names, and refuses requests without a domain or descriptors', async () => {
    assert.equal(await client.allows('nobody', { user: 'ann' }), true)
    assert.equal(await client.allows('hello', { other: 'ann' }), true)
    assert.equal(await server.stat('ratelimit.service.rate_limit.nobody.domain_not_found'), 1)
    assert.deepEqual(await client.outcome({ domain: 'hello' }), {
      error: 'rate limit descriptor list must not be empty',
      code: GrpcCode.UNKNOWN,
    })
  })

  test('counts values that are too long to be a key, and refuses requests that are too large', async () => {
    const long = 'x'.repeat(100_000)
    const asked = Array.from({ length: 30 }, () => client.allows('hello', { user: long }))
    assert.equal((await Promise.all(asked)).filter((isAllowed) => isAllowed).length, 25)
    const outcome = await client.outcome({
      domain: 'hello',
      descriptors: [{ entries: [{ key: 'user', value: 'x'.repeat(2_000_000) }] }],
    })
    assert.equal('code' in outcome && outcome.code, GrpcCode.RESOURCE_EXHAUSTED)
  })

  test('outlives whatever comes to its ports', async () => {
    const random = Buffer.from(Array.from({ length: 4_096 }, (_, index) => (index * 7_919) % 251))
    for (const port of [server.port, server.adminPort]) {
      for (const bytes of [
        random,
        Buffer.from('GET / HTTP/1.1\r\n\r\n'),
        Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
      ]) {
        const socket = connect(port, '127.0.0.1')
        socket.on('error', () => {})
        socket.end(Buffer.concat([bytes, random]))
        socket.resume()
        await once(socket, 'close')
      }
    }
    assert.equal(await client.allows('hello', { user: 'after' }), true)
    assert.equal(await server.get('/ready'), '200 OK\n')
  })

  test('has pages for operators and gRPC health for probes', async () => {
    assert.equal(await server.get('/ready'), '200 OK\n')
    assert.equal(await server.get('/healthcheck'), '200 OK\n')
    assert.equal(
      await server.get('/rlconfig'),
      '200 hello.user: unit=DAY requests_per_unit=25, shadow_mode: false, quota_mode: false\n',
    )
    const metrics = await server.get('/metrics')
    assert.match(metrics, /^ratelimit_service_rate_limit_total_hits\{domain="hello",key1="user"\} \d+$/m)
    assert.match(metrics, /^ratelimit_service_total_requests\{grpc_method="ShouldRateLimit"\} \d+$/m)
    assert.match(metrics, /^ratelimit_service_config_load_success 1$/m)
    const health = createGrpcClient({ address: `127.0.0.1:${server.port}` })
    assert.equal((await health.call(Health.method.check, {})).status, ServingStatus.SERVING)
    health.close()
  })

  test('takes new rules as they come, and refuses those with a fault whole', async () => {
    writeFileSync(
      join(path, 'more.yaml'),
      'domain: more\ndescriptors:\n  - key: user\n    rate_limit: {unit: day, requests_per_unit: 0}\n',
    )
    await until(async () => !(await client.allows('more', { user: 'x' })), 'the new file is not seen')
    writeFileSync(join(path, 'hello.yaml'), `${rules(0)}    shadow: true\n`)
    await server.process.said(/the old ones stay: \S*hello\.yaml:5:5: descriptors\[0\]\.shadow: unknown field/)
    assert.equal(await client.allows('hello', { user: 'eve' }), true)
    assert.equal(await client.allows('more', { user: 'x' }), false)
    assert.equal(await server.stat('ratelimit.service.config_load_error'), 1)
    writeFileSync(join(path, 'hello.yaml'), rules(0))
    await until(async () => !(await client.allows('hello', { user: 'eve' })), 'the repaired file is not seen')
    const loads = await server.stat('ratelimit.service.config_load_success')
    assert.ok(loads >= 3, String(loads))
  })

  test('keeps its rules when their folder goes, and takes them up when it comes back', async () => {
    renameSync(path, `${path}-away`)
    await server.process.said(/the old ones stay: \S*live: no such file or folder/)
    assert.equal(await client.allows('hello', { user: 'eve' }), false)
    renameSync(`${path}-away`, path)
    writeFileSync(join(path, 'hello.yaml'), rules(100_000))
    await until(async () => await client.allows('hello', { user: 'back' }), 'the folder is not seen')
  })
})

test('a ConfigMap that is swapped by its link is one change', async () => {
  const path = join(folder, 'mounted')
  const version = (name: string, requests: number) => {
    mkdirSync(join(path, name), { recursive: true })
    writeFileSync(join(path, name, 'a.yaml'), rules(requests))
    symlinkSync(name, join(path, '..data_tmp'))
    renameSync(join(path, '..data_tmp'), join(path, '..data'))
  }
  version('..2026_01', 1_000)
  symlinkSync('..data/a.yaml', join(path, 'a.yaml'))
  await using server = await Server.start(path)
  using client = new RateLimitClient(server.port)
  assert.equal(await client.allows('hello', { user: 'ann' }), true)
  version('..2026_02', 0)
  await until(async () => !(await client.allows('hello', { user: 'ann' })), 'the swap is not seen')
  assert.equal(await server.stat('ratelimit.service.config_load_success'), 2)
})

test('a window ends: exactly the limit in each of three seconds', async () => {
  const path = join(folder, 'second.yaml')
  writeFileSync(path, rules(10, 'second'))
  await using server = await Server.start(path)
  using client = new RateLimitClient(server.port)
  for (let whole = 0, tries = 0; whole < 3; tries++) {
    assert.ok(tries < 30, 'the load never fitted into one second')
    await setTimeout(1000 - (Date.now() % 1000) + 5)
    const second = Math.floor(Date.now() / 1000)
    const all = await Promise.all(Array.from({ length: 100 }, () => client.allows('hello', { user: 'ann' })))
    if (Math.floor(Date.now() / 1000) !== second) continue
    whole++
    assert.equal(all.filter((isAllowed) => isAllowed).length, 10)
  }
})

test('shadow mode counts and refuses nothing; response headers tell of the limit', async () => {
  const path = join(folder, 'shadow.yaml')
  writeFileSync(path, rules(1))
  await using server = await Server.start(path, '--shadow-mode', '--response-headers')
  using client = new RateLimitClient(server.port)
  const descriptors = [{ entries: [{ key: 'user', value: 'ann' }] }]
  await client.ask({ domain: 'hello', descriptors })
  const { responseHeadersToAdd } = await client.ask({ domain: 'hello', descriptors })
  assert.equal(await client.allows('hello', { user: 'ann' }), true)
  assert.equal(await server.stat('ratelimit.service.global_shadow_mode'), 2)
  const [limit, remaining, reset] = responseHeadersToAdd
  assert.deepEqual([limit?.key, limit?.value], ['RateLimit-Limit', '1'])
  assert.deepEqual([remaining?.key, remaining?.value], ['RateLimit-Remaining', '0'])
  assert.equal(reset?.key, 'RateLimit-Reset')
})

test('with TLS it wants certificates of its clients', async () => {
  const file = (name: string) => new URL(name, CERTIFICATES).pathname
  const path = join(folder, 'tls.yaml')
  writeFileSync(path, rules(1))
  const args = [
    '--tls-cert',
    file('server.pem'),
    '--tls-key',
    file('server.key'),
    '--tls-client-ca',
    file('authority.pem'),
  ]
  await using server = await Server.start(path, ...args)
  const authorities = readFileSync(file('authority.pem'))
  using known = new RateLimitClient(server.port, {
    authorities,
    serverName: 'xds.test',
    certificates: readFileSync(file('client.pem')),
    privateKey: readFileSync(file('client.key')),
  })
  assert.equal(await known.allows('hello', { user: 'ann' }), true)
  using unknown = new RateLimitClient(server.port, { authorities, serverName: 'xds.test' })
  await assert.rejects(unknown.allows('hello', { user: 'ann' }))
})

test('it says so when it can be reached from elsewhere without TLS, and not otherwise', async () => {
  const path = join(folder, 'open.yaml')
  writeFileSync(path, rules(1))
  await using open = await Server.start(path, '--address', '0.0.0.0:0')
  await open.process.said(/without TLS everybody who reaches the port/)
  await using local = await Server.start(path)
  assert.doesNotMatch(local.process.errors, /TLS/)
})

test('it ends when it is asked to, and says what is wrong before it begins', async () => {
  const path = join(folder, 'end.yaml')
  writeFileSync(path, rules(1))
  await using server = await Server.start(path)
  server.process.child.kill('SIGTERM')
  assert.equal(await server.process.exited(), 0)
  writeFileSync(path, rules(1).replace('day', 'eon'))
  const refused = await runCommand(['ratelimit', '-c', path])
  assert.equal(refused.code, 1)
  assert.match(
    refused.errors,
    /^error: \S*end\.yaml:4:24: descriptors\[0\]\.rate_limit\.unit: expected one of second, /,
  )
  const secret = await runCommand(['ratelimit', '-c', path, '--redis-url', 'redis://a:s3cret@b:1,c:2'])
  assert.equal(secret.code, 1)
  assert.match(secret.errors, /^error: --redis-url: expected one host:port; several are a cluster\n$/)
  const settings = [
    '--redis-failure-mode',
    'deny',
    '--redis-timeout',
    '250ms',
    '--over-limit-cache',
    '7',
    '--redis-tls',
  ]
  const alone = await runCommand(['ratelimit', '-c', path, ...settings])
  const useless = ['--redis-tls', '--redis-failure-mode', '--over-limit-cache']
  assert.equal(alone.errors, useless.map((name) => `error: ${name} needs --redis-url\n`).join(''))
})
