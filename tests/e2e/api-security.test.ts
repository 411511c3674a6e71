import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, statSync } from 'node:fs'
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort, greeterRouter, MeltemiProcess, MeshFolder, runCommand } from '../harness/index.ts'

const ROUTERS = '/apis/metaprotocol.aeraki.io/v1alpha1/namespaces/default/metarouters'
const ROUTER = {
  apiVersion: 'metaprotocol.aeraki.io/v1alpha1',
  kind: 'MetaRouter',
  metadata: { name: 'foreign' },
  spec: { hosts: ['a.example.com'], routes: [{ route: [{ destination: { host: 'a.example.com' } }] }] },
}

let folder: MeshFolder
let controlPlane: MeltemiProcess
let port: number
let tokenFile: string
before(async () => {
  folder = new MeshFolder({ port: await freePort(), versions: { v1: 1 } })
  const listen = ['--xds-address', '127.0.0.1:0', '--api-address', '127.0.0.1:0']
  controlPlane = new MeltemiProcess(['control-plane', folder.path, ...listen, '--log-level', 'debug'], {
    env: { XDG_RUNTIME_DIR: join(folder.path, 'run') },
  })
  const [, found, file = ''] = await controlPlane.said(
    /^ready: page and API http:\/\/127\.0\.0\.1:(\d+)\/ \(token in (\S+)\)/m,
  )
  port = Number(found)
  tokenFile = file
})
after(async () => {
  await controlPlane[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

/** As a browser, or anyone, would send it. */
function send(method: string, path: string, headers: Readonly<Record<string, string>>, body = ''): Promise<number> {
  return new Promise((resolve, reject) => {
    const length = body === '' ? {} : { 'content-length': String(Buffer.byteLength(body)) }
    const call = request({ host: '127.0.0.1', port, method, path, headers: { ...headers, ...length } }, (reply) => {
      reply.resume()
      reply.on('end', () => resolve(reply.statusCode ?? 0))
    })
    call.on('error', reject)
    call.end(body)
  })
}

async function isThere(name: string): Promise<boolean> {
  return (await send('GET', `${ROUTERS}/${name}`, {})) === 200
}

test('the API listens on the loopback address only, unless told otherwise', () => {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0')
  const LISTENING = '0A'
  const sockets = ['tcp', 'tcp6'].flatMap((table) => readFileSync(`/proc/net/${table}`, 'utf8').split('\n').slice(1))
  const listening = sockets.map((line) => line.trim().split(/\s+/)).filter((columns) => columns[3] === LISTENING)
  const own = listening.filter((columns) => columns[1]?.endsWith(`:${hexPort}`)).map((columns) => columns[1])
  assert.deepEqual(own, [`0100007F:${hexPort}`])
})

test('the token is for its user alone, and shows nowhere', async () => {
  assert.equal(statSync(tokenFile).mode & 0o777, 0o600)
  assert.equal(statSync(dirname(tokenFile)).mode & 0o777, 0o700)
  const token = readFileSync(tokenFile, 'utf8').trim()
  assert.ok(token.length >= 43)
  const router = greeterRouter({ v1: 100 }, 'own')
  const { code } = await runCommand(['apply', '-f', '-', '--control-plane', `127.0.0.1:${port}`], {
    input: router,
    env: { XDG_RUNTIME_DIR: join(folder.path, 'run') },
  })
  assert.equal(code, 0)
  await send('POST', ROUTERS, { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, '{"a":')
  assert.ok(!controlPlane.out.includes(token) && !controlPlane.errors.includes(token), 'the token was printed')
  assert.ok(!readFileSync(`/proc/${controlPlane.child.pid}/cmdline`, 'utf8').includes(token))
  for (const page of ['/live', '/stats/prometheus', '/', '/proxies', '/version']) {
    const text = await (await fetch(`http://127.0.0.1:${port}${page}`)).text()
    assert.ok(!text.includes(token), page)
  }
})

test('a web page that an operator has open cannot change anything, whatever it sends, nor read', async () => {
  const token = readFileSync(tokenFile, 'utf8').trim()
  const body = JSON.stringify(ROUTER)
  const json = { 'content-type': 'application/json' }
  const authorized = { ...json, authorization: `Bearer ${token}` }
  const pages: readonly (readonly [what: string, headers: Readonly<Record<string, string>>, expected: number])[] = [
    [
      'a form',
      { 'content-type': 'text/plain', 'sec-fetch-site': 'cross-site', origin: 'https://evil.example.com' },
      403,
    ],
    ['a script', { ...json, origin: 'https://evil.example.com' }, 403],
    ['a script of a sandbox', { ...json, origin: 'null' }, 403],
    ['a name that resolves to this machine', { ...authorized, host: 'evil.example.com' }, 403],
    [
      'that name with our port',
      { ...authorized, host: `evil.example.com:${port}`, origin: `http://evil.example.com:${port}` },
      403,
    ],
    ['another port of this machine', { ...authorized, origin: 'http://127.0.0.1:8000' }, 403],
    ['even with the token', { ...authorized, 'sec-fetch-site': 'cross-site' }, 403],
    ['nobody', json, 401],
    ['somebody with another token', { ...json, authorization: 'Bearer x' }, 401],
    ['the user, but no JSON', { authorization: `Bearer ${token}`, 'content-type': 'text/plain' }, 415],
  ]
  for (const [what, headers, expected] of pages) {
    assert.equal(await send('POST', ROUTERS, headers, body), expected, what)
    // without a body there is nothing to be JSON
    if (expected !== 415) assert.equal(await send('DELETE', `${ROUTERS}/own`, headers), expected, what)
    if (expected === 403) assert.equal(await send('GET', ROUTERS, headers), 403, what)
  }
  assert.deepEqual([await isThere('foreign'), await isThere('own')], [false, true])
})

test('garbage, floods and clients that never finish leave it at work', async () => {
  const sockets: Socket[] = []
  const open = async (bytes: string): Promise<void> => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {}) // it may be turned away
    sockets.push(socket)
    await once(socket, 'connect')
    socket.write(bytes)
  }
  const garbage = [
    '\0'.repeat(1_000),
    'GET',
    `GET /${'a'.repeat(100_000)} HTTP/1.1\r\n`,
    '\x16\x03\x01\x00\xa5\x01',
    `POST ${ROUTERS} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n`,
  ]
  for (const bytes of garbage) await open(bytes)
  for (let n = 0; n < 200; n++) await open(`GET ${ROUTERS}?watch=true HTTP/1.1\r\nhost: localhost\r\n\r\n`)
  await sleep(100)
  assert.ok(controlPlane.child.exitCode === null)
  for (const socket of sockets) socket.destroy()
  const endMs = performance.now() + 10_000
  while ((await send('GET', '/ready', {}).catch(() => 0)) !== 200) {
    assert.ok(performance.now() < endMs, 'the API does not answer any more')
    await sleep(20)
  }
  assert.equal(await isThere('own'), true)
})
