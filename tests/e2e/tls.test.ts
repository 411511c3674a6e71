import assert from 'node:assert/strict'
import { createHash, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls'
import { awesomerpc } from '@meltemi/codecs/awesomerpc'
import { FilterStatus, ResponseStatus } from '@meltemi/sdk'
import { type Identity, TestAuthority } from '../harness/certificates.ts'
import { mutable, mutableFrame } from '../harness/codecs/index.ts'
import { filter } from '../harness/filtered.ts'
import {
  awesomerpcFrame,
  connectClient,
  type EchoServerOptions,
  FOUR_PROTOCOLS,
  startEchoServer,
  startTestProxy,
  type TestProxy,
  type TestProxyOptions,
} from '../harness/index.ts'
import { clientTls, exactly, inline, secretsFor, serverTls, validationBy } from '../harness/secrets.ts'

const CLIENT_NAME = 'spiffe://cluster.local/ns/default/sa/client'
const SERVICE_NAME = 'spiffe://cluster.local/ns/default/sa/service'

const authority = await TestAuthority.create()
const stranger = await TestAuthority.create('Another CA')
const [client, proxyServer, proxyClient, service] = await Promise.all([
  authority.issue({ commonName: 'client', uris: [CLIENT_NAME], hosts: ['client.test', 'other.test'] }),
  authority.issue({ commonName: 'proxy', hosts: ['proxy.test'] }),
  authority.issue({ commonName: 'proxy', uris: ['spiffe://cluster.local/ns/default/sa/proxy'] }),
  authority.issue({ commonName: 'service', uris: [SERVICE_NAME], hosts: ['service.test'] }),
])
const AS_CLIENT = { ...shown(client), servername: 'proxy.test' }
const AS_SERVICE = { ...shown(service), requestCert: true, rejectUnauthorized: true }

function shown({ chain, privateKey }: Identity) {
  return { ca: authority.pem, cert: chain, key: privateKey }
}

const REQUEST = awesomerpcFrame({ id: 1, body: 'hello' })

type Changes = Partial<TestProxyOptions>
type Server = ReturnType<typeof serverTls>
type Upstream = ReturnType<typeof clientTls>

/** A proxy that listens with TLS, and calls with it where `calling` says so. */
async function startTls(
  endpoint: number,
  listening: Server | undefined,
  calling: Upstream | undefined,
  more: Changes = {},
) {
  const sides = [listening, calling].flatMap((side) => side ?? [])
  return startTestProxy({
    codec: awesomerpc,
    endpoints: [endpoint],
    ...more,
    secrets: await secretsFor(sides),
    listener: { ...(listening === undefined ? {} : { tls: listening }), ...more.listener },
    cluster: { ...(calling === undefined ? {} : { tls: calling }), ...more.cluster },
  })
}

function startService(options: Partial<EchoServerOptions> = {}) {
  return startEchoServer({ codec: awesomerpc, ...options })
}

/** One request of one connection. */
async function ask(proxy: TestProxy, tls: ConnectionOptions = AS_CLIENT): Promise<void> {
  await using peer = await connectClient({ port: proxy.port, codec: awesomerpc, tls })
  assert.equal((await peer.request(REQUEST)).status, ResponseStatus.Ok)
}

/** However it ends. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()))
}

/** Tries to be let in; resolves when the proxy has closed the connection. */
async function refused(proxy: TestProxy, tls: ConnectionOptions): Promise<void> {
  const socket = connectTls({ ...tls, port: proxy.port, host: '127.0.0.1' })
  socket.on('error', () => {})
  socket.on('secureConnect', () => socket.write(REQUEST))
  let hasAnswer = false
  socket.on('data', () => {
    hasAnswer = true
  })
  await closed(socket)
  assert.equal(hasAnswer, false)
  await proxy.until('downstream_cx_active', 0)
}

for (const { name, codec, request, answer } of FOUR_PROTOCOLS) {
  for (const multiplexing of [true, false]) {
    test(`mTLS on both sides: ${name}, ${multiplexing ? 'shared' : 'own'} connections`, async () => {
      await using server = await startEchoServer({ codec, tls: AS_SERVICE, answer })
      const listening = serverTls(proxyServer, authority, {
        validation: validationBy(authority, [exactly('uri', CLIENT_NAME)]),
      })
      const calling = clientTls(proxyClient, authority, {
        validation: validationBy(authority, [exactly('uri', SERVICE_NAME)]),
      })
      await using proxy = await startTls(server.port, listening, calling, { codec, multiplexing })
      await using peer = await connectClient({ port: proxy.port, codec, tls: AS_CLIENT })
      for (const id of [1, 2, 3]) {
        const answered = await peer.request(request(id))
        assert.deepEqual([answered.requestId, answered.status], [id, ResponseStatus.Ok])
      }
      assert.equal(proxy.stat('ssl.handshake'), 2)
      assert.equal(proxy.stat('ssl.versions.TLSv1.3'), 2)
      const [connection] = server.connections
      const socket = connection?.socket as TLSSocket
      assert.equal(socket.getPeerX509Certificate()?.subject, 'CN=proxy\nO=Meltemi')
    })
  }
}

test('what the certificate says is in the properties of the connection and of its messages, and no client can say it', async () => {
  const seen: ReadonlyMap<string, string>[] = []
  const principals: (string | undefined)[] = []
  const witness = filter('witness', {
    onRequest: ({ connection, request }) => {
      seen.push(connection.properties)
      principals.push(request.get('tls.principal'), request.get('TLS.Principal'))
      return FilterStatus.Continue
    },
  })
  await using server = await startService({ codec: mutable })
  await using proxy = await startTls(
    server.port,
    serverTls(proxyServer, authority, { alpn: ['h2', 'mine'] }),
    undefined,
    {
      codec: mutable,
      filters: [witness],
      filter: { filters: [{ name: witness.name, typeUrl: witness.typeUrl, config: undefined }] },
    },
  )
  const tls = { ...AS_CLIENT, servername: 'PROXY.test', ALPNProtocols: ['mine'] }
  await using peer = await connectClient({ port: proxy.port, codec: mutable, tls })
  await peer.request(mutableFrame({ id: 1, pairs: { 'tls.principal': 'root', 'TLS.Principal': 'root' } }))
  const fingerprint = createHash('sha256').update(new X509Certificate(client.chain).raw).digest('hex')
  assert.deepEqual(Object.fromEntries(seen[0] ?? []), {
    'tls.version': 'TLSv1.3',
    'tls.sni': 'proxy.test',
    'tls.alpn': 'mine',
    'tls.mtls': 'true',
    'tls.principal': CLIENT_NAME,
    'tls.uri_sans': CLIENT_NAME,
    'tls.dns_sans': 'client.test,other.test',
    'tls.subject': 'O=Meltemi,CN=client',
    'tls.fingerprint_sha256': fingerprint,
  })
  assert.deepEqual(principals, [CLIENT_NAME, undefined])
})

test('the principal is the first URI, else the first host, else the subject', async () => {
  const seen: (string | undefined)[] = []
  const witness = filter('witness', {
    onRequest: ({ connection }) => {
      seen.push(connection.properties.get('tls.principal'))
      return FilterStatus.Continue
    },
  })
  await using server = await startService()
  await using proxy = await startTls(server.port, serverTls(proxyServer, authority), undefined, {
    filters: [witness],
    filter: { filters: [{ name: witness.name, typeUrl: witness.typeUrl, config: undefined }] },
  })
  const identities = [
    await authority.issue({ commonName: 'a', hosts: ['a.test'], uris: ['spiffe://a/1', 'spiffe://a/2'] }),
    await authority.issue({ commonName: 'b', hosts: ['b.test'] }),
    await authority.issue({ commonName: 'c' }),
  ]
  for (const identity of identities) await ask(proxy, { ...AS_CLIENT, ...shown(identity) })
  assert.deepEqual(seen, ['spiffe://a/1', 'b.test', 'O=Meltemi,CN=c'])
})

interface Refusal {
  readonly name: string
  readonly client: ConnectionOptions
  readonly counter: string
  readonly listening?: Parameters<typeof serverTls>[2]
}

const expired = await authority.issue({ uris: [CLIENT_NAME], days: [-30, -1] })
const future = await authority.issue({ uris: [CLIENT_NAME], days: [10, 30] })
const foreign = await stranger.issue({ uris: [CLIENT_NAME] })
const revoked = await authority.issue({ uris: [CLIENT_NAME] })
const almost = await authority.issue({ uris: [`${CLIENT_NAME}-2`], hosts: [CLIENT_NAME] })
const quoted = await authority.issue({ hosts: [`x, URI:${CLIENT_NAME}`], uris: [`https://x/", URI:${CLIENT_NAME}`] })
const NAMED = { validation: validationBy(authority, [exactly('uri', CLIENT_NAME)]) }
const SAME_DOMAIN = {
  validation: validationBy(authority, [
    { type: 'uri' as const, match: { kind: 'prefix' as const, text: 'spiffe://cluster.local/', ignoreCase: false } },
  ]),
}
const otherDomain = await authority.issue({ uris: ['spiffe://cluster.local.evil/ns/default/sa/client'] })

const REFUSALS: readonly Refusal[] = [
  { name: 'no certificate', client: { ca: authority.pem, servername: 'proxy.test' }, counter: 'fail_verify_no_cert' },
  {
    name: 'one that another authority has signed',
    client: { ...AS_CLIENT, ...shown(foreign) },
    counter: 'fail_verify_error',
  },
  { name: 'one that is over', client: { ...AS_CLIENT, ...shown(expired) }, counter: 'fail_verify_error' },
  { name: 'one that is not valid yet', client: { ...AS_CLIENT, ...shown(future) }, counter: 'fail_verify_error' },
  {
    name: 'one that was revoked',
    client: { ...AS_CLIENT, ...shown(revoked) },
    counter: 'fail_verify_error',
    listening: { validation: { ...validationBy(authority), crl: inline(await authority.revoke([revoked])) } },
  },
  { name: 'another name', client: { ...AS_CLIENT, ...shown(almost) }, counter: 'fail_verify_san', listening: NAMED },
  {
    name: 'a name with another one inside',
    client: { ...AS_CLIENT, ...shown(quoted) },
    counter: 'fail_verify_san',
    listening: NAMED,
  },
  {
    name: 'a name of another trust domain',
    client: { ...AS_CLIENT, ...shown(otherDomain) },
    counter: 'fail_verify_san',
    listening: SAME_DOMAIN,
  },
  {
    name: 'none of those whose hash is known',
    client: AS_CLIENT,
    counter: 'fail_verify_cert_hash',
    listening: { validation: { ...validationBy(authority), hashes: ['0'.repeat(64)] } },
  },
  {
    name: 'an older version than the least',
    client: { ...AS_CLIENT, maxVersion: 'TLSv1.2' },
    counter: 'connection_error',
    listening: { minVersion: 'TLSv1.3' },
  },
  {
    name: 'no protocol that the listener speaks',
    client: { ...AS_CLIENT, ALPNProtocols: ['other'] },
    counter: 'connection_error',
    listening: { alpn: ['mine'] },
  },
]

for (const { name, client: peer, counter, listening } of REFUSALS) {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    if (listening?.minVersion !== undefined && version === 'TLSv1.3') continue
    test(`a client that shows ${name} is closed and counted, with one line: ${version}`, async () => {
      await using server = await startService()
      await using proxy = await startTls(server.port, serverTls(proxyServer, authority, listening), undefined)
      await refused(proxy, { ...peer, maxVersion: version })
      await proxy.until(`ssl.${counter}`, 1)
      assert.equal(proxy.stat('ssl.handshake'), 0)
      assert.equal(proxy.log.filter(({ message }) => message === 'TLS handshake failed').length, 1)
      assert.equal(server.connections.length, 0)
    })
  }
}

test('good clients come in: a name by prefix and by regular expression, a hash, a key, RSA', async () => {
  const certificate = new X509Certificate(client.chain)
  const key = certificate.publicKey.export({ type: 'spki', format: 'der' })
  const hashes = [createHash('sha256').update(certificate.raw).digest('hex')]
  const spki = [createHash('sha256').update(key).digest('base64')]
  const regex = { type: 'uri', match: { kind: 'regex', pattern: 'spiffe://[a-z.]+/ns/default/.*' } } as const
  const base = validationBy(authority)
  const rsa = await authority.issue({ hosts: ['proxy.test'], algorithm: 'rsa' })
  const asked = [
    SAME_DOMAIN.validation,
    { ...base, sans: [regex] },
    { ...base, hashes },
    { ...base, spki },
    { ...base, sans: [exactly('dns', 'client.test')] },
  ]
  await using server = await startService()
  for (const validation of asked) {
    await using proxy = await startTls(server.port, serverTls(rsa, authority, { validation }), undefined)
    await ask(proxy)
  }
})

test('whoever is trusted need not have signed himself, on either side', async () => {
  const middle = await authority.subordinate('Middle CA')
  const [friend, callee] = await Promise.all([middle.issue(), middle.issue()])
  await using server = await startService({ tls: { ...shown(callee), ca: [authority.pem, middle.pem] } })
  await using proxy = await startTls(server.port, serverTls(proxyServer, middle), clientTls(undefined, middle))
  await ask(proxy, { ...AS_CLIENT, ...shown(friend) })
  // only what is trusted: not who has signed it
  await refused(proxy, AS_CLIENT)
})

test('the authority of a secret takes the place of the one beside it, and the names of both count', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'meltemi-tls-'))
  const path = join(folder, 'peers.json')
  const type = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret'
  const secret = { '@type': type, name: 'peers', validation_context: { trusted_ca: { inline_string: stranger.pem } } }
  await writeFile(path, JSON.stringify({ resources: [secret] }))
  const listening = serverTls(proxyServer, authority, {
    validation: validationBy(authority, [exactly('uri', CLIENT_NAME)]),
    validationSecret: { name: 'peers', source: { kind: 'path', path } },
  })
  const other = await stranger.issue({ uris: [CLIENT_NAME] })
  await using server = await startService()
  await using proxy = await startTls(server.port, listening, undefined)
  await ask(proxy, { ...AS_CLIENT, ...shown(other) })
  await refused(proxy, { ...AS_CLIENT, ...shown(await stranger.issue()) })
  await refused(proxy, AS_CLIENT)
  assert.equal(proxy.stat('ssl.fail_verify_error'), 1)
  assert.equal(proxy.stat('ssl.fail_verify_san'), 1)
  await rm(folder, { recursive: true })
})

test('a client may come without a certificate where none is required, and is nobody then', async () => {
  const seen: (string | undefined)[] = []
  const witness = filter('witness', {
    onRequest: ({ connection }) => {
      seen.push(connection.properties.get('tls.mtls'))
      return FilterStatus.Continue
    },
  })
  await using server = await startService()
  const listening = serverTls(proxyServer, authority, { requireClientCertificate: false })
  await using proxy = await startTls(server.port, listening, undefined, {
    filters: [witness],
    filter: { filters: [{ name: witness.name, typeUrl: witness.typeUrl, config: undefined }] },
  })
  await ask(proxy, { ca: authority.pem, servername: 'proxy.test' })
  await ask(proxy)
  assert.deepEqual(seen, [undefined, 'true'])
  assert.equal(proxy.stat('ssl.no_certificate'), 1)
  await refused(proxy, { ...AS_CLIENT, ...shown(foreign) })
  assert.equal(proxy.stat('ssl.fail_verify_error'), 1)
})

test('a certificate that nobody verifies proves nothing', async () => {
  const seen: (string | undefined)[] = []
  const witness = filter('witness', {
    onRequest: ({ connection }) => {
      seen.push(connection.properties.get('tls.principal'))
      return FilterStatus.Continue
    },
  })
  await using server = await startService()
  const listening = serverTls(proxyServer, undefined, { requireClientCertificate: true })
  await using proxy = await startTls(server.port, listening, undefined, {
    filters: [witness],
    filter: { filters: [{ name: witness.name, typeUrl: witness.typeUrl, config: undefined }] },
  })
  await ask(proxy, { ...AS_CLIENT, ...shown(foreign) })
  assert.deepEqual(seen, [undefined])
})

test('of several certificates the client gets the one that has the name it asks for', async () => {
  const other = await authority.issue({ commonName: 'wild', hosts: ['*.wild.test'] })
  await using server = await startService()
  const both = serverTls(proxyServer, undefined)
  const certificates = [...both.certificates, ...serverTls(other, undefined).certificates]
  await using proxy = await startTls(server.port, { ...both, certificates }, undefined)
  for (const servername of ['proxy.test', 'a.wild.test']) await ask(proxy, { ca: authority.pem, servername })
  await assert.rejects(ask(proxy, { ca: authority.pem, servername: 'a.b.wild.test' }), {
    code: 'ERR_TLS_CERT_ALTNAME_INVALID',
  })
})

const SERVICE_REFUSALS = [
  {
    name: 'that another authority has signed',
    identity: await stranger.issue({ uris: [SERVICE_NAME] }),
    counter: 'fail_verify_error',
  },
  {
    name: 'that is over',
    identity: await authority.issue({ uris: [SERVICE_NAME], days: [-30, -1] }),
    counter: 'fail_verify_error',
  },
  { name: 'of another name', identity: await authority.issue({ uris: [CLIENT_NAME] }), counter: 'fail_verify_san' },
] as const

for (const { name, identity, counter } of SERVICE_REFUSALS) {
  test(`a service with a certificate ${name} is not called: the client has an error of its protocol`, async () => {
    await using server = await startService({ tls: { ...AS_SERVICE, ...shown(identity) } })
    const calling = clientTls(proxyClient, authority, {
      validation: validationBy(authority, [exactly('uri', SERVICE_NAME)]),
    })
    await using proxy = await startTls(server.port, undefined, calling)
    await using peer = await connectClient({ port: proxy.port, codec: awesomerpc })
    assert.equal((await peer.request(REQUEST)).status, ResponseStatus.Error)
    assert.equal(proxy.stat(`cluster.service.ssl.${counter}`), 1)
    assert.equal(proxy.stat('upstream_cx_connect_fail'), 1)
    assert.equal(server.received.length, 0)
  })
}

test('a service that wants another certificate, or speaks no TLS, or stalls: an error, and no connection is left', async () => {
  await using strict = await startService({ tls: { ...AS_SERVICE, ca: stranger.pem } })
  await using plain = await startService()
  const stalling = createServer(() => {}).listen(0, '127.0.0.1')
  await once(stalling, 'listening')
  const { port: stalled } = stalling.address() as { port: number }
  for (const port of [strict.port, plain.port, stalled]) {
    await using proxy = await startTls(port, undefined, clientTls(proxyClient, authority), {
      cluster: { connectTimeoutMs: 300 },
    })
    await using peer = await connectClient({ port: proxy.port, codec: awesomerpc })
    assert.equal((await peer.request(REQUEST)).status, ResponseStatus.Error)
    await proxy.until('upstream_cx_active', 0)
    await peer.close()
    await proxy.until('downstream_cx_active', 0)
    assert.equal(proxy.limitsInUse, 0)
  }
  stalling.close()
})

test('the service is asked by the name that the configuration says, in the protocol that it says', async () => {
  await using server = await startService({ tls: { ...AS_SERVICE, ALPNProtocols: ['mine'] } })
  await using proxy = await startTls(
    server.port,
    undefined,
    clientTls(proxyClient, authority, { sni: 'service.test', alpn: ['other', 'mine'] }),
  )
  await using peer = await connectClient({ port: proxy.port, codec: awesomerpc })
  await peer.request(REQUEST)
  const socket = server.connections[0]?.socket as TLSSocket & { servername?: string }
  assert.deepEqual([socket.servername, socket.alpnProtocol], ['service.test', 'mine'])
})

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`sessions are taken up again at another worker, by clients and toward services: ${version}`, async () => {
    await using server = await startService({ tls: AS_SERVICE })
    const listening = serverTls(proxyServer, authority)
    const calling = clientTls(proxyClient, authority, { maxVersion: version })
    const ticketKeys = (await secretsFor([])).ticketKeys
    const start = async () =>
      startTestProxy({
        codec: awesomerpc,
        endpoints: [server.port],
        secrets: await secretsFor([listening, calling], ticketKeys),
        listener: { tls: listening },
        cluster: { tls: calling },
        multiplexing: false,
        filter: { idleTimeoutMs: 0 },
      })
    await using first = await start()
    await using second = await start()
    const session = await sessionOf(first, version)
    const peer = connectTls({ ...AS_CLIENT, maxVersion: version, session, port: second.port, host: '127.0.0.1' })
    await once(peer, 'secureConnect')
    assert.equal(peer.isSessionReused(), true)
    peer.write(REQUEST)
    await once(peer, 'data')
    peer.destroy()
    assert.equal(second.stat('listener.127.0.0.1_0.ssl.session_reused'), 1)
    // the first request goes over the connection that is there already
    for (const _ of [1, 2, 3]) {
      await using client = await connectClient({ port: first.port, codec: awesomerpc, tls: AS_CLIENT })
      assert.equal((await client.request(REQUEST)).status, ResponseStatus.Ok)
      for (const connection of server.connections) connection.destroy()
      await first.until('upstream_cx_active', 0)
    }
    assert.equal(first.stat('cluster.service.ssl.session_reused'), 2)
  })
}

/** Of a connection on which one request was answered. */
async function sessionOf(proxy: TestProxy, maxVersion: 'TLSv1.2' | 'TLSv1.3'): Promise<Buffer> {
  const socket = connectTls({ ...AS_CLIENT, maxVersion, port: proxy.port, host: '127.0.0.1' })
  const session = once(socket, 'session') as Promise<[Buffer]>
  socket.write(REQUEST)
  await once(socket, 'data')
  const [bytes] = await session
  socket.destroy()
  return bytes
}

test('a session is worth nothing where the certificate of its client is not wanted any more', async () => {
  await using server = await startService()
  const ticketKeys = (await secretsFor([])).ticketKeys
  const before = serverTls(proxyServer, authority)
  const after = serverTls(proxyServer, authority, {
    validation: { ...validationBy(authority), crl: inline(await authority.revoke([client])) },
  })
  const start = async (tls: Server) =>
    startTestProxy({
      codec: awesomerpc,
      endpoints: [server.port],
      secrets: await secretsFor([tls], ticketKeys),
      listener: { tls },
    })
  await using first = await start(before)
  await using second = await start(after)
  const session = await sessionOf(first, 'TLSv1.3')
  await refused(second, { ...AS_CLIENT, session })
  assert.equal(second.stat('ssl.session_reused'), 0)
  await second.until('ssl.fail_verify_error', 1)
})

test('without resumption no session is taken up', async () => {
  await using server = await startService()
  await using proxy = await startTls(server.port, serverTls(proxyServer, authority, { resumption: false }), undefined)
  const session = await sessionOf(proxy, 'TLSv1.3').catch(() => undefined)
  await ask(proxy, { ...AS_CLIENT, session })
  assert.equal(proxy.stat('ssl.session_reused'), 0)
})

test('who begins a handshake and does not go on is closed in time, and so is garbage, at once', async () => {
  await using server = await startService()
  await using proxy = await startTls(
    server.port,
    serverTls(proxyServer, authority, { handshakeTimeoutMs: 200 }),
    undefined,
  )
  const silent = connect(proxy.port, '127.0.0.1')
  const half = connect(proxy.port, '127.0.0.1')
  half.write(Buffer.from('160301020001', 'hex'))
  const garbage = connect(proxy.port, '127.0.0.1')
  garbage.write(REQUEST)
  const ended = connect(proxy.port, '127.0.0.1')
  ended.end(Buffer.from('1603', 'hex'))
  for (const socket of [silent, half, garbage, ended]) {
    socket.on('error', () => {})
    socket.resume()
  }
  await Promise.all([silent, half, garbage, ended].map(closed))
  await proxy.until('ssl.connection_error', 4)
  assert.deepEqual([proxy.proxy.connectionCount, proxy.proxy.timerCount], [0, 0])
  assert.equal(proxy.stat('downstream_cx_active'), 0)
  await ask(proxy)
})

test('TLS to a listener without it is bytes that are no message', async () => {
  await using server = await startService()
  await using proxy = await startTls(server.port, undefined, undefined)
  await refused(proxy, AS_CLIENT)
  assert.equal(proxy.stat('request_decoding_error'), 1)
})

test('a handshake behind a PROXY header, in pieces and in one', async () => {
  await using server = await startService()
  await using proxy = await startTls(server.port, serverTls(proxyServer, authority), undefined, {
    listener: { proxyProtocol: true },
  })
  const header = Buffer.from('PROXY TCP4 10.1.2.3 10.1.2.4 1000 2000\r\n')
  for (const isOne of [true, false]) {
    const raw = connect(proxy.port, '127.0.0.1')
    await once(raw, 'connect')
    if (isOne) raw.cork()
    raw.write(header)
    if (isOne) process.nextTick(() => raw.uncork())
    const socket = connectTls({ ...AS_CLIENT, socket: raw })
    socket.write(REQUEST)
    const [reply] = (await once(socket, 'data')) as [Buffer]
    assert.equal(reply.length, REQUEST.length)
    socket.destroy()
  }
})

test('large messages both ways, and a reader that stops: every byte arrives', async () => {
  await using server = await startService({ tls: AS_SERVICE })
  await using proxy = await startTls(server.port, serverTls(proxyServer, authority), clientTls(proxyClient, authority))
  await using peer = await connectClient({ port: proxy.port, codec: awesomerpc, tls: AS_CLIENT, timeoutMs: 20_000 })
  const body = Buffer.alloc(8 * 1024 * 1024, 'every byte of this has to arrive; ')
  const reply = peer.request(awesomerpcFrame({ id: 9, body: body.toString() }))
  peer.socket.pause()
  setTimeout(() => peer.socket.resume(), 200)
  const { message, headerSize } = await reply
  assert.equal(body.equals(message.subarray(headerSize)), true)
})

test('a TCP proxy with TLS on both sides; its ends are passed on', async () => {
  await using server = await startService({ tls: AS_SERVICE })
  await using proxy = await startTls(
    server.port,
    serverTls(proxyServer, authority),
    clientTls(proxyClient, authority),
    {
      tcpProxy: {
        kind: 'tcp-proxy',
        statPrefix: 'tcp',
        clusters: [{ cluster: 'service', weight: 1 }],
        idleTimeoutMs: 0,
        maxConnectAttempts: 1,
      },
    },
  )
  const socket = connectTls({ ...AS_CLIENT, port: proxy.port, host: '127.0.0.1' })
  await once(socket, 'secureConnect')
  socket.end(REQUEST)
  const [reply] = (await once(socket, 'data')) as [Buffer]
  assert.equal(reply.equals(REQUEST), true)
  await once(socket, 'close')
  await proxy.until('downstream_cx_active', 0)
})

test('endpoints say by their metadata whether they are called over TLS', async () => {
  await using secured = await startService({ tls: AS_SERVICE })
  await using plain = await startService()
  const calling = clientTls(proxyClient, authority)
  const at = (port: number, transportMetadata?: Readonly<Record<string, unknown>>) => ({
    address: { host: '127.0.0.1', port },
    hostname: '',
    weight: 1,
    healthy: true,
    ...(transportMetadata === undefined ? {} : { transportMetadata }),
  })
  await using proxy = await startTestProxy({
    codec: awesomerpc,
    secrets: await secretsFor([calling]),
    cluster: {
      endpoints: [at(secured.port, { tlsMode: 'istio' }), at(plain.port)],
      transportMatches: [
        { name: 'tlsMode-istio', match: { tlsMode: 'istio' }, tls: calling },
        { name: 'tlsMode-disabled', match: {}, tls: undefined },
      ],
    },
  })
  await using peer = await connectClient({ port: proxy.port, codec: awesomerpc })
  for (const id of [1, 2, 3, 4]) assert.equal((await peer.request(awesomerpcFrame({ id }))).status, ResponseStatus.Ok)
  assert.deepEqual([secured.received.length, plain.received.length], [2, 2])
})

test('a listener whose secret has not come closes its clients, and says so', async () => {
  await using server = await startService()
  const ref = { name: 'late', source: { kind: 'ads', initialFetchTimeoutMs: 0 } } as const
  const listening = serverTls(proxyServer, undefined, { certificates: [], certificateSecrets: [ref] })
  await using proxy = await startTls(server.port, listening, undefined)
  await refused(proxy, AS_CLIENT)
  assert.equal(proxy.stat('server_ssl_socket_factory.downstream_context_secrets_not_ready'), 1)
})
