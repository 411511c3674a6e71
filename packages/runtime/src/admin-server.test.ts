import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { request as httpRequest, type IncomingHttpHeaders, type RequestOptions } from 'node:http'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { AdminRoute } from './admin-route.ts'
import { type AdminServerOptions, startAdminServer } from './admin-server.ts'
import { createLogger } from './logger.ts'

interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: string
}

const JSON_TYPE = { 'content-type': 'application/json' }

async function startWith(t: TestContext, options: Partial<AdminServerOptions> = {}) {
  const changes: string[] = []
  const routes: AdminRoute[] = [
    {
      method: 'GET',
      path: '/hello',
      description: 'says hello',
      handle: ({ query }) => ({ body: `hello ${query.get('name')}` }),
    },
    { method: 'GET', path: '/broken', description: 'throws', handle: () => assert.fail('private detail') },
    {
      method: 'POST',
      path: '/change',
      description: 'changes',
      handle: async () => ({ body: 'OK\n', afterwards: () => changes.push('done') }),
    },
  ]
  const lines: string[] = []
  const logger = createLogger({ destination: { write: (line) => lines.push(line) } })
  const server = await startAdminServer({ address: { host: '127.0.0.1', port: 0 }, routes, logger, ...options })
  t.after(() => server.close())
  const call = (method: string, path: string, headers: Record<string, string> = {}, body = '') =>
    send({ host: '127.0.0.1', port: server.port, method, path, headers, agent: false }, body)
  return { server, call, changes, lines }
}

function send(options: RequestOptions, body = ''): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(options, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const { statusCode = 0, headers } = response
        resolve({ status: statusCode, headers, body: Buffer.concat(chunks).toString() })
      })
    })
    request.on('error', reject)
    request.end(body)
  })
}

test('a GET is answered, and a HEAD with the same headers and no body', async (t) => {
  const { call } = await startWith(t)
  const get = await call('GET', '/hello?name=a%20b')
  assert.deepEqual([get.status, get.body], [200, 'hello a b'])
  assert.equal(get.headers['content-type'], 'text/plain; charset=utf-8')
  assert.equal(get.headers['x-content-type-options'], 'nosniff')
  assert.equal(get.headers['access-control-allow-origin'], undefined)
  const head = await call('HEAD', '/hello?name=a%20b')
  assert.deepEqual([head.status, head.body, head.headers['content-length']], [200, '', '9'])
})

test('an unknown path gets the list of endpoints', async (t) => {
  const { call } = await startWith(t)
  for (const path of ['/nothing', '/hello/', '//', '/constructor', '/%00']) {
    const { status, body } = await call('GET', path)
    assert.equal(status, 404, path)
    assert.match(body, /GET {2}\/hello: says hello\n/)
  }
})

test('changes need POST, and reading needs GET', async (t) => {
  const { call, changes } = await startWith(t)
  for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS'])
    assert.equal((await call(method, '/change')).status, 405)
  assert.equal((await call('POST', '/hello', JSON_TYPE)).status, 405)
  assert.deepEqual(changes, [])
  assert.deepEqual((await call('POST', '/change', JSON_TYPE)).body, 'OK\n')
})

test('what is to happen after a change happens after its reply', async (t) => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const route: AdminRoute = {
    method: 'POST',
    path: '/quit',
    description: '',
    handle: () => ({ body: 'OK', afterwards: resolve }),
  }
  const { call } = await startWith(t, { routes: [route] })
  assert.equal((await call('POST', '/quit', JSON_TYPE)).body, 'OK')
  await promise
})

test('a change needs JSON as its content type, or the token', async (t) => {
  const { call, changes } = await startWith(t, { token: 'open sesame'.replace(' ', '-') })
  const refused: Record<string, string>[] = [
    {},
    { 'content-type': 'text/plain' },
    { 'content-type': 'application/x-www-form-urlencoded' },
    { 'content-type': 'text/plain; application/json' },
    { authorization: 'Bearer wrong' },
    { authorization: 'Bearer ' },
  ]
  for (const headers of refused) assert.equal((await call('POST', '/change', headers)).status, 415)
  assert.deepEqual(changes, [])
  assert.equal((await call('POST', '/change', { authorization: 'Bearer open-sesame' })).status, 200)
  assert.equal((await call('POST', '/change', { 'content-type': 'application/json; charset=utf-8' })).status, 200)
})

test('a Host that is a foreign name is refused, addresses and localhost are not', async (t) => {
  const { call } = await startWith(t, { allowedHosts: ['proxy.internal'] })
  for (const host of [
    'evil.example',
    'localhost.evil.example:80',
    '127.0.0.1.nip.io',
    'a b',
    '[::1',
    '[zz]',
    '127.0.0.1@evil',
  ]) {
    assert.equal((await call('GET', '/hello', { host })).status, 403, host)
  }
  for (const host of [
    'localhost',
    'LOCALHOST:15000',
    '127.0.0.1:1',
    '10.1.2.3:15000',
    '[::1]:15000',
    'proxy.internal',
  ]) {
    assert.equal((await call('GET', '/hello', { host })).status, 200, host)
  }
})

test('requests from pages of another origin are refused', async (t) => {
  const { call } = await startWith(t)
  const foreign: Record<string, string>[] = [
    { origin: 'http://evil.example' },
    { origin: 'null' },
    { origin: 'https://localhost:1' },
    { origin: 'http://localhost:2' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
  ]
  for (const headers of foreign) {
    const { status } = await call('POST', '/change', { ...JSON_TYPE, host: 'localhost:1', ...headers })
    assert.equal(status, 403, JSON.stringify(headers))
  }
  const own = { ...JSON_TYPE, host: 'localhost:1', origin: 'http://localhost:1', 'sec-fetch-site': 'same-origin' }
  assert.equal((await call('POST', '/change', own)).status, 200)
})

test('an endpoint that throws gives 500 without details, and a line in the log', async (t) => {
  const { call, lines } = await startWith(t)
  const { status, body } = await call('GET', '/broken')
  assert.equal(status, 500)
  assert.ok(!body.includes('private detail'))
  assert.match(lines.join(''), /private detail/)
})

test('large headers and bodies are refused', async (t) => {
  const { call } = await startWith(t)
  assert.equal((await call('GET', '/hello', { x: 'x'.repeat(20_000) })).status, 431)
  assert.equal((await call('POST', '/change', { ...JSON_TYPE, 'content-length': '999999999' }, 'x')).status, 413)
  assert.equal(
    (await call('POST', '/change', { ...JSON_TYPE, 'transfer-encoding': 'chunked' }, 'x'.repeat(70_000))).status,
    413,
  )
  assert.equal((await call('GET', '/hello')).status, 200)
})

test('bytes that are no HTTP do no harm', async (t) => {
  const { server, call } = await startWith(t)
  for (const bytes of [
    '\0\x01\x02\r\n\r\n',
    'GET http://[ HTTP/1.1\r\nHost: a\r\n\r\n',
    'GET /hello HTTP/9.9\r\n\r\n',
  ]) {
    const socket = connect(server.port, '127.0.0.1')
    socket.on('error', () => undefined).resume()
    socket.end(bytes, 'latin1')
    await once(socket, 'close')
  }
  assert.equal((await call('GET', '/hello')).status, 200)
})

test('connections beyond the limit are dropped, and room comes back', async (t) => {
  const { server, call } = await startWith(t)
  const sockets = await Promise.all(
    Array.from({ length: 64 }, async () => {
      const socket = connect(server.port, '127.0.0.1')
      socket.write('GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n')
      await once(socket, 'data')
      return socket
    }),
  )
  await assert.rejects(call('GET', '/hello'), /ECONNRESET|socket hang up|EPIPE/)
  for (const socket of sockets) {
    socket.destroy()
    await once(socket, 'close')
  }
  // The server hears of it a little later.
  while ((await call('GET', '/hello').catch(() => undefined))?.status !== 200);
})

test('closing lets a reply under way finish and frees the port', async (t) => {
  const gate = Promise.withResolvers<void>()
  const entered = Promise.withResolvers<void>()
  const handle = async () => {
    entered.resolve()
    await gate.promise
    return { body: 'late' }
  }
  const { server, call } = await startWith(t, { routes: [{ method: 'GET', path: '/slow', description: '', handle }] })
  const answer = call('GET', '/slow')
  await entered.promise
  const closed = server.close()
  gate.resolve()
  assert.equal((await answer).body, 'late')
  await closed
  await server.close()
  await assert.rejects(call('GET', '/slow'), /ECONNREFUSED/)
})

test('an address that is taken is an error of the start', async (t) => {
  const { server } = await startWith(t)
  await assert.rejects(startWith(t, { address: { host: '127.0.0.1', port: server.port } }), { code: 'EADDRINUSE' })
})

test('a unix socket belongs to its user, and one left behind by a dead process is replaced', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'admin-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const socketPath = join(folder, 'admin.sock')
  const earlier = createServer().listen(socketPath)
  await once(earlier, 'listening')
  await assert.rejects(startWith(t, { address: { socketPath } }), { code: 'EADDRINUSE' })
  earlier.close()
  await startWith(t, { address: { socketPath } })
  assert.equal(statSync(socketPath).mode & 0o777, 0o600)
  assert.equal((await send({ socketPath, path: '/hello', agent: false })).status, 200)
})
