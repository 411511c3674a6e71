import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createLogger, MergedRegistry, readTokenFile } from '@meltemi/runtime'
import { RunningCodecs } from '../telemetry/running-codecs.ts'
import { TrafficStore } from '../telemetry/traffic-store.ts'
import { startApi } from './api.ts'
import { ApiHarness, TOKEN, temporaryFolder } from './testing/api-harness.ts'
import { MemoryBackend, metaRouter } from './testing/memory-backend.ts'

const ROUTERS = '/apis/metaprotocol.aeraki.io/v1alpha1/namespaces/default/metarouters'
const NEW = {
  apiVersion: 'metaprotocol.aeraki.io/v1alpha1',
  kind: 'MetaRouter',
  metadata: { name: 'new' },
  spec: { hosts: ['a.b'], routes: [{ route: [{ destination: { host: 'a.b' } }] }] },
}

let harness: ApiHarness
before(async () => {
  harness = await ApiHarness.start(new MemoryBackend([metaRouter('a')]))
})
after(() => harness.close())

const folder = temporaryFolder()
after(() => folder.remove())

describe('the API refuses', () => {
  test('a name that was made to resolve to this machine', async () => {
    for (const host of ['evil.example.com', 'localhost.evil.example.com:80', '127.0.0.1.evil.com', 'a b']) {
      const { status, json } = await harness.call(ROUTERS, { headers: { host } })
      assert.deepEqual([status, json.reason], [403, 'Forbidden'], host)
    }
    for (const host of ['localhost', 'LOCALHOST:1', '127.0.0.1:15080', '[::1]:15080', '192.0.2.1']) {
      assert.equal((await harness.call(ROUTERS, { headers: { host } })).status, 200, host)
    }
  })

  test('other web pages', async () => {
    const port = harness.api.address.port
    const cases: readonly Readonly<Record<string, string>>[] = [
      { origin: 'https://evil.example.com' },
      { origin: 'null' },
      { origin: `http://127.0.0.1:${port + 1}` },
      { origin: `https://127.0.0.1:${port}` },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ]
    for (const headers of cases)
      assert.equal((await harness.call(ROUTERS, { headers })).status, 403, JSON.stringify(headers))
    const own = { origin: `http://127.0.0.1:${port}`, 'sec-fetch-site': 'same-origin' }
    assert.equal((await harness.call(ROUTERS, { headers: own })).status, 200)
  })

  test('changes without the token', async () => {
    for (const authorization of [
      '',
      'Bearer',
      'Bearer wrong',
      `Basic ${TOKEN}`,
      `Bearer ${TOKEN}x`,
      `Bearer ${TOKEN} x`,
    ]) {
      for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
        const { status, json } = await harness.call(ROUTERS, { method, headers: { authorization }, body: NEW })
        assert.deepEqual([status, json.reason], [401, 'Unauthorized'], `${method} ${authorization}`)
      }
    }
    assert.equal((await harness.call(`${ROUTERS}/new`)).status, 404)
    assert.equal((await harness.call(ROUTERS, { headers: { authorization: '' } })).status, 200)
  })

  test('changes that are no JSON, as forms of web pages are', async () => {
    for (const type of [
      '',
      'text/plain',
      'application/x-www-form-urlencoded',
      'application/jsonx',
      'multipart/form-data',
    ]) {
      const { status, json } = await harness.call(ROUTERS, {
        method: 'POST',
        headers: { 'content-type': type },
        body: NEW,
      })
      assert.deepEqual([status, json.reason], [415, 'UnsupportedMediaType'], type)
    }
    const typed = await harness.call(`${ROUTERS}?dryRun=All`, {
      method: 'POST',
      headers: { 'content-type': 'application/json; charset=utf-8' },
      body: NEW,
    })
    assert.equal(typed.status, 201)
  })

  test('bodies that are too large, said or not, or no text', async () => {
    const said = await harness.call(ROUTERS, { method: 'POST', body: ' '.repeat(1024 * 1024 + 1) })
    assert.deepEqual([said.status, said.json.reason], [413, 'RequestEntityTooLarge'])
    const chunked = await fetch(`${harness.url}${ROUTERS}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      body: new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(65_536).fill(32)),
      }),
      duplex: 'half',
    }).then(
      ({ status }) => status,
      () => 413, // the connection may end while the rest is still being sent
    )
    assert.equal(chunked, 413)
    const length = { 'content-length': '2' }
    const socket = connect(harness.api.address.port, '127.0.0.1')
    const head = Object.entries({
      host: 'localhost',
      authorization: `Bearer ${TOKEN}`,
      'content-type': 'application/json',
      ...length,
    })
    socket.write(`POST ${ROUTERS} HTTP/1.1\r\n${head.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`)
    socket.write(Uint8Array.of(0xff, 0xfe))
    const [answer] = (await once(socket, 'data')) as [Buffer]
    assert.match(answer.toString(), /^HTTP\/1\.1 400 [\s\S]*the body is not UTF-8 text/)
    socket.destroy()
  })

  test('what is no HTTP, and heads that never end', async () => {
    for (const [bytes, expected] of [
      ['\x16\x03\x01\x02\x00', /^HTTP\/1\.1 400 /],
      [`GET /${'a'.repeat(20_000)} HTTP/1.1\r\n\r\n`, /^HTTP\/1\.1 431 /],
    ] as const) {
      const socket = connect(harness.api.address.port, '127.0.0.1')
      socket.write(bytes)
      const [answer] = (await once(socket, 'data')) as [Buffer]
      assert.match(answer.toString(), expected)
      await once(socket, 'close')
    }
    assert.equal((await harness.call(ROUTERS)).status, 200)
  })

  test('and hands out nothing that a browser would run or keep', async () => {
    const { headers } = await harness.call(ROUTERS)
    assert.equal(headers['x-content-type-options'], 'nosniff')
    assert.match(String(headers['cache-control']), /no-cache/)
    assert.match(String(headers['content-security-policy']), /default-src 'none'/)
  })
})

test('an API that others can reach says so in the log', async () => {
  for (const [host, expected] of [
    ['0.0.0.0', 1],
    ['127.0.0.1', 0],
    ['::1', 0],
  ] as const) {
    const lines: string[] = []
    const api = await startApi({
      address: { host, port: 0 },
      backend: new MemoryBackend(),
      traffic: new TrafficStore(new MergedRegistry()),
      codecs: new RunningCodecs(),
      metrics: new MergedRegistry(),
      logger: createLogger({ destination: { write: (line) => lines.push(line) } }),
      version: '0.0.0',
      token: TOKEN,
    })
    await api.close()
    assert.equal(lines.filter((line) => line.includes('listens beyond this machine')).length, expected, host)
  }
})

describe('the token', () => {
  const options = (token: { readonly token?: string; readonly tokenFile?: string; readonly port?: number }) => ({
    address: { host: '127.0.0.1', port: token.port ?? 0 },
    backend: new MemoryBackend(),
    traffic: new TrafficStore(new MergedRegistry()),
    codecs: new RunningCodecs(),
    metrics: new MergedRegistry(),
    logger: createLogger({ level: 'off' }),
    version: '0.0.0',
    ...token,
  })

  test('is left in a file for its user alone, new each time, and goes with the API', async () => {
    const tokenFile = join(folder.path, 'sub', 'api.token')
    const api = await startApi(options({ tokenFile }))
    assert.equal(api.tokenFile, tokenFile)
    assert.equal(statSync(tokenFile).mode & 0o777, 0o600)
    const token = readTokenFile(tokenFile)
    const call = (authorization: string) =>
      fetch(`http://127.0.0.1:${api.address.port}${ROUTERS}?dryRun=All`, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json' },
        body: JSON.stringify(NEW),
      })
    assert.equal((await call(`Bearer ${token}`)).status, 201)
    assert.equal((await call('Bearer other')).status, 401)
    await api.close()
    assert.equal(existsSync(tokenFile), false)
  })

  test('that is given is left nowhere', async () => {
    const api = await startApi(options({ token: TOKEN }))
    assert.equal(api.tokenFile, undefined)
    await api.close()
  })

  test('that cannot be written, and a port in use, are said with a way out, and nothing stays behind', async () => {
    const tokenFile = join(folder.path, 'is-a-folder')
    mkdirSync(tokenFile)
    const backend = new MemoryBackend()
    await assert.rejects(
      startApi({ ...options({ tokenFile }), backend }),
      /cannot be written: .*; name another file by --token-file$/,
    )
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const taken = startApi({ ...options({ token: TOKEN, port }), backend })
    await assert.rejects(
      taken,
      /^Error: the API cannot listen on 127\.0\.0\.1:\d+: the port is in use, choose another by --api-address$/,
    )
    assert.equal(backend.listenerCount, 0)
    other.close()
  })
})
