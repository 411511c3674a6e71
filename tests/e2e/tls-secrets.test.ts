import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, type TLSSocket } from 'node:tls'
import type { DownstreamTlsConfig, ListenerConfig } from '@meltemi/api'
import { encodeListener, encodeSecret } from '@meltemi/api/encode'
import { RESOURCE_TYPES } from '@meltemi/api/xds'
import { ResponseStatus } from '@meltemi/sdk'
import { type Identity, TestAuthority } from '../harness/certificates.ts'
import { looping } from '../harness/codecs/looping.ts'
import { startFakeControlPlane } from '../harness/fake-control-plane.ts'
import {
  awesomerpcFrame,
  connectClient,
  type LiveProxy,
  startEchoServer,
  startLiveProxy,
  testCluster,
  testListener,
  testMetaProtocol,
  testRoute,
} from '../harness/index.ts'
import { clientTls, inline, serverTls, validationBy } from '../harness/secrets.ts'
import { clusterBytes, startXdsProxy } from '../harness/xds-proxy.ts'

const REQUEST = awesomerpcFrame({ id: 1, body: 'hello' })
const LISTENING = { certificates: [], certificateSecrets: [], validation: undefined }
const WAIT_MS = 20_000

const authority = await TestAuthority.create()
const [client, first, second] = await Promise.all([
  authority.issue({ uris: ['spiffe://cluster.local/ns/default/sa/client'] }),
  authority.issue({ commonName: 'first', hosts: ['proxy.test'] }),
  authority.issue({ commonName: 'second', hosts: ['proxy.test'] }),
])
const AS_CLIENT = { ca: authority.pem, cert: client.chain, key: client.privateKey, servername: 'proxy.test' }

const folder = await mkdtemp(join(tmpdir(), 'meltemi-tls-'))
after(() => rm(folder, { recursive: true }))

/** As Kubernetes does it: all files of a new folder come at once, by a link that is renamed. */
async function put(name: string, version: string, identity: Identity): Promise<string> {
  const mount = join(folder, name)
  const to = join(mount, version)
  await mkdir(to, { recursive: true })
  await writeFile(join(to, 'tls.crt'), identity.chain)
  await writeFile(join(to, 'tls.key'), identity.privateKey)
  await writeFile(join(to, 'ca.crt'), authority.pem)
  await symlink(version, join(mount, `${version}.link`))
  await rename(join(mount, `${version}.link`), join(mount, 'data'))
  return join(mount, 'data')
}

function fromFiles(mount: string): Partial<DownstreamTlsConfig> {
  const file = (name: string) => ({ kind: 'file', path: join(mount, name) }) as const
  return {
    certificates: [{ chain: file('tls.crt'), privateKey: file('tls.key') }],
    validation: { trustedCa: file('ca.crt'), sans: [], spki: [], hashes: [] },
  }
}

function listenerWith(tls: DownstreamTlsConfig, name = 'test'): ListenerConfig {
  const filter = testMetaProtocol(looping.name, { routes: { name: 'routes', routes: [testRoute('service')] } })
  return testListener(name, filter, { tls })
}

/** Who answers, on a new connection, after a request. */
async function whoAnswers(port: number): Promise<string> {
  await using peer = await connectClient({ port, codec: looping, tls: AS_CLIENT })
  assert.equal((await peer.request(REQUEST)).status, ResponseStatus.Ok)
  return (peer.socket as TLSSocket).getPeerX509Certificate()?.subject.split('\n')[0] ?? ''
}

async function until(what: string, isMet: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + WAIT_MS
  while (!(await isMet())) {
    if (performance.now() > endMs) throw new Error(`waited ${WAIT_MS} ms for ${what}`)
    await sleep(50)
  }
}

test('certificates in files are looked at again: a change under traffic fails no request, a broken one changes nothing', async () => {
  const mount = await put('rotation', 'one', first)
  await using server = await startEchoServer({ codec: looping })
  const tls = serverTls(first, authority, { ...LISTENING, ...fromFiles(mount) })
  await using proxy = await startLiveProxy({
    concurrency: 2,
    clusters: [testCluster('service', [server.port])],
    listeners: [listenerWith(tls)],
  })
  const port = proxy.port('test')
  assert.equal(await whoAnswers(port), 'CN=first')
  const answered = new Map<string, number>()
  const run = { isOver: false }
  const traffic = Array.from({ length: 4 }, async () => {
    while (!run.isOver) {
      const who = await whoAnswers(port)
      answered.set(who, (answered.get(who) ?? 0) + 1)
    }
  })
  await using kept = await connectClient({ port, codec: looping, tls: AS_CLIENT })
  await put('rotation', 'two', second)
  await until('the new certificate', async () => (answered.get('CN=second') ?? 0) > 20)
  await kept.request(REQUEST)
  await put('rotation', 'broken', { chain: second.chain, privateKey: first.privateKey })
  await until('the refusal', async () => (await proxy.stat('secrets.update_rejected')) === 1)
  const before = answered.get('CN=second') ?? 0
  await until('more answers', async () => (answered.get('CN=second') ?? 0) > before + 20)
  run.isOver = true
  await Promise.all(traffic)
  assert.deepEqual([...answered.keys()].toSorted(), ['CN=first', 'CN=second'])
  assert.ok(((await proxy.stat('secrets.update_success')) ?? 0) >= 1)
  await put('rotation', 'three', first)
  await until('the third one', async () => (await whoAnswers(port)) === 'CN=first')
})

test('sessions go on at whichever worker they come to', async () => {
  await using server = await startEchoServer({ codec: looping })
  const tls = serverTls(first, authority)
  await using proxy = await startLiveProxy({
    concurrency: 2,
    clusters: [testCluster('service', [server.port])],
    listeners: [listenerWith(tls)],
  })
  const port = proxy.port('test')
  let session: Buffer | undefined
  let reused = 0
  for (let n = 0; n < 30; n++) {
    const socket = connect({ ...AS_CLIENT, port, host: '127.0.0.1', ...(session === undefined ? {} : { session }) })
    socket.once('session', (bytes) => {
      session ??= bytes
    })
    socket.write(REQUEST)
    await once(socket, 'data')
    if (socket.isSessionReused()) reused++
    // it may come a moment after the answer
    await until('a session', async () => session !== undefined)
    socket.destroy()
  }
  assert.equal(reused, 29)
  assert.equal(await proxy.stat(`listener.127.0.0.1_${port}.ssl.session_reused`), 29)
})

test('a configuration whose files are missing, broken, or of different keys is refused whole, with path and reason', async () => {
  await using proxy = await startLiveProxy({ concurrency: 1 })
  const mount = await put('refused', 'mixed', { chain: first.chain, privateKey: second.privateKey })
  const missing = fromFiles(join(folder, 'nowhere'))
  const refusals: readonly (readonly [Partial<DownstreamTlsConfig>, RegExp])[] = [
    [missing, /listener 'test': .*nowhere\/tls\.crt: cannot be read, ENOENT/],
    [fromFiles(mount), /listener 'test': .*tls\.key: .*key values mismatch/],
    [
      { certificates: [{ chain: { kind: 'inline', text: 'none' }, privateKey: { kind: 'inline', text: 'none' } }] },
      /there is no certificate in it/,
    ],
  ]
  for (const [changes, reason] of refusals) {
    const tls = serverTls(first, undefined, { ...LISTENING, ...changes })
    await assert.rejects(proxy.configure({ listeners: [listenerWith(tls)] }), reason)
  }
  assert.equal(proxy.running.config.listeners.length, 0)
})

/** All pages that tell of the configuration. */
async function pagesOf(proxy: LiveProxy): Promise<string> {
  return (
    await Promise.all(
      ['/config_dump', '/config_dump?include_eds', '/certs', '/server_info', '/listeners?format=json'].map((path) =>
        proxy.get(path),
      ),
    )
  ).join('\n')
}

function keyLines({ privateKey }: Identity): readonly string[] {
  return privateKey.split('\n').filter((line) => line !== '' && !line.startsWith('-----'))
}

test('no page shows a private key, and /certs tells of what is in force, in the form of Envoy', async () => {
  const tls = serverTls(first, authority)
  const calling = clientTls(client, authority)
  await using proxy = await startLiveProxy({
    concurrency: 1,
    clusters: [testCluster('service', [1], { tls: calling })],
    listeners: [listenerWith(tls)],
  })
  const pages = await pagesOf(proxy)
  for (const identity of [first, client]) {
    for (const line of keyLines(identity)) assert.equal(pages.includes(line), false)
    assert.equal(pages.includes(Buffer.from(identity.privateKey).toString('base64').slice(0, 40)), false)
  }
  const { certificates } = JSON.parse(await proxy.get('/certs'))
  assert.equal(certificates.length, 2)
  const [{ ca_cert, cert_chain }] = certificates
  assert.deepEqual([ca_cert.length, cert_chain.length], [1, 1])
  assert.deepEqual(cert_chain[0].subject_alt_names, [{ dns: 'proxy.test' }])
  assert.deepEqual(Object.keys(cert_chain[0]).toSorted(), [
    'days_until_expiration',
    'expiration_time',
    'path',
    'serial_number',
    'subject_alt_names',
    'valid_from',
  ])
})

/** An SDS file of a certificate and of those who may sign others. */
function secretFile(identity: Identity): string {
  const type = RESOURCE_TYPES.secret
  const certificate = {
    certificate_chain: { inline_string: identity.chain },
    private_key: { inline_string: identity.privateKey },
  }
  const resources = [
    { '@type': type, name: 'own', tls_certificate: certificate },
    { '@type': type, name: 'peers', validation_context: { trusted_ca: { inline_string: authority.pem } } },
  ]
  return JSON.stringify({ resources })
}

test('secrets come from a file too, and change with it', async () => {
  const path = join(folder, 'secrets.json')
  await writeFile(path, secretFile(first))
  const source = { kind: 'path', path } as const
  await using server = await startEchoServer({ codec: looping })
  const tls = serverTls(first, authority, {
    ...LISTENING,
    certificateSecrets: [{ name: 'own', source }],
    validationSecret: { name: 'peers', source },
  })
  await using proxy = await startLiveProxy({
    concurrency: 1,
    clusters: [testCluster('service', [server.port])],
    listeners: [listenerWith(tls)],
  })
  assert.equal(await whoAnswers(proxy.port('test')), 'CN=first')
  await writeFile(path, '{"resources": [')
  await until('the refusal', async () => ((await proxy.stat('secrets.update_rejected')) ?? 0) >= 1)
  assert.equal(await whoAnswers(proxy.port('test')), 'CN=first')
  await writeFile(`${path}.new`, secretFile(second))
  await rename(`${path}.new`, path)
  await until('the other certificate', async () => (await whoAnswers(proxy.port('test'))) === 'CN=second')
  const pages = await pagesOf(proxy)
  for (const line of [...keyLines(first), ...keyLines(second)]) assert.equal(pages.includes(line), false)
  const { configs } = JSON.parse(await proxy.get('/config_dump?resource=dynamic_active_secrets'))
  assert.deepEqual(
    configs.map((each: { name: string }) => each.name),
    ['own', 'peers'],
  )
  assert.equal(
    Buffer.from(configs[0].secret.tls_certificate.private_key.inline_bytes, 'base64').toString(),
    '[redacted]',
  )
})

const ADS = { kind: 'ads', initialFetchTimeoutMs: 15_000 } as const

for (const delta of [true, false]) {
  test(`secrets come from the control plane, which itself is called with mTLS: ${delta ? 'delta' : 'state of the world'}`, async () => {
    const plane = await authority.issue({ hosts: ['plane.test'], uris: ['spiffe://cluster.local/ns/system/sa/plane'] })
    const cacheFolder = join(folder, `cache-${delta}`)
    await using server = await startEchoServer({ codec: looping })
    await using control = await startFakeControlPlane(0, {
      certificates: Buffer.from(plane.chain),
      privateKey: Buffer.from(plane.privateKey),
      clientAuthorities: Buffer.from(authority.pem),
    })
    const mount = await put(`plane-${delta}`, 'one', client)
    await using proxy = await startXdsProxy({
      port: control.port,
      delta,
      cacheFolder,
      xdsTransport: callingPlane(mount),
    })
    const stream = await control.stream(delta ? 'delta-ads' : 'ads')
    const tls = serverTls(first, authority, {
      ...LISTENING,
      certificateSecrets: [{ name: 'own', source: ADS }],
      validationSecret: { name: 'peers', source: ADS },
    })
    stream.send('cluster', { service: clusterBytes('service', server.port) })
    stream.send('listener', { test: encodeListener(listenerWith(tls)) })
    await until('the question', async () => stream.wanted('secret').size === 2)
    stream.send('secret', secretBytes(first))
    await until('the listener', async () => proxy.port('test') !== 0)
    await until('the secrets', async () => (await whoAnswers(proxy.port('test')).catch(() => '')) === 'CN=first')
    stream.send('secret', secretBytes(second))
    await until('the new certificate', async () => (await whoAnswers(proxy.port('test'))) === 'CN=second')
    const nonce = stream.send('secret', secretBytes({ chain: first.chain, privateKey: second.privateKey }))
    await until('the refusal', async () =>
      stream.requests.some(
        (each) => each.responseNonce === nonce && /key values mismatch/.test(each.errorDetail?.message ?? ''),
      ),
    )
    assert.equal(await whoAnswers(proxy.port('test')), 'CN=second')
    const file = join(cacheFolder, 'resources')
    await until('the file', async () => (await readFile(file, 'utf8').catch(() => '')).includes('listener'))
    const kept = await readFile(file, 'utf8')
    assert.equal(kept.includes('"secret"'), false)
    const pages = await pagesOf(proxy)
    for (const line of [...keyLines(first), ...keyLines(second)]) assert.equal(pages.includes(line), false)
  })
}

function secretBytes({ chain, privateKey }: Identity): Readonly<Record<string, Uint8Array>> {
  const certificate = { chain: inline(chain), privateKey: inline(privateKey) }
  return {
    own: encodeSecret({ name: 'own', kind: 'certificate', certificate }),
    peers: encodeSecret({ name: 'peers', kind: 'validation', validation: validationBy(authority) }),
  }
}

function callingPlane(mount: string): object {
  const file = (name: string) => ({ filename: join(mount, name) })
  const matcher = { san_type: 'URI', matcher: { exact: 'spiffe://cluster.local/ns/system/sa/plane' } }
  const common_tls_context = {
    tls_certificates: [{ certificate_chain: file('tls.crt'), private_key: file('tls.key') }],
    validation_context: { trusted_ca: file('ca.crt'), match_typed_subject_alt_names: [matcher] },
  }
  const type = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext'
  return { name: 'tls', typed_config: { '@type': type, common_tls_context } }
}
