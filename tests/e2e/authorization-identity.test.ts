/** Who a client is, by its certificate. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ConnectionOptions } from 'node:tls'
import { ResponseStatus } from '@meltemi/sdk'
import { assertDenied, hasValue, rbacFilter, rbacRules, startAuthorizedProxy } from '../harness/authorized.ts'
import { type Identity, TestAuthority } from '../harness/certificates.ts'
import { mutable, mutableFrame } from '../harness/codecs/index.ts'
import { connectClient, FOUR_PROTOCOLS, startEchoServer } from '../harness/index.ts'
import { secretsFor, serverTls } from '../harness/secrets.ts'

const WEB = 'spiffe://cluster.local/ns/shop/sa/web'
const JOB = 'spiffe://cluster.local/ns/batch/sa/job'

const authority = await TestAuthority.create()
const [server, web, job, legacy, nameless] = await Promise.all([
  authority.issue({ commonName: 'proxy', hosts: ['proxy.test'] }),
  authority.issue({ commonName: 'web', uris: ['spiffe://other/ns/a/sa/b', WEB], hosts: ['web.test'] }),
  authority.issue({ commonName: 'job', uris: [JOB] }),
  authority.issue({ commonName: 'legacy', hosts: ['legacy.test'] }),
  authority.issue({ commonName: 'nameless' }),
])
const tls = { ...serverTls(server, authority), requireClientCertificate: false }
const secrets = await secretsFor([tls])

function as(identity: Identity | undefined, servername = 'proxy.test'): ConnectionOptions {
  const shown = identity === undefined ? {} : { cert: identity.chain, key: identity.privateKey }
  return { ca: authority.pem, checkServerIdentity: () => undefined, servername, ...shown }
}

const byName = (principal_name: object) => ({ authenticated: { principal_name } })

for (const protocol of FOUR_PROTOCOLS) {
  const { name, codec, answer, request } = protocol

  test(`${name}: a client is who its verified certificate says`, async () => {
    await using service = await startEchoServer({ codec, answer })
    const filter = rbacFilter({ rules: rbacRules('ALLOW', { any: true }, byName({ exact: WEB })) })
    const options = { codec, endpoints: [service.port], secrets, listener: { tls } }
    await using proxy = await startAuthorizedProxy([filter], options)
    await using friend = await connectClient({ port: proxy.port, codec, tls: as(web) })
    await using other = await connectClient({ port: proxy.port, codec, tls: as(job) })
    await using nobody = await connectClient({ port: proxy.port, codec, tls: as(undefined) })
    assert.equal((await friend.request(request(1))).status, ResponseStatus.Ok)
    for (const client of [other, nobody]) assertDenied(protocol, await client.request(request(7)))
    assert.equal(service.received.length, 1)
  })
}

describe('principals:', () => {
  const everybody = { web, job, legacy, nameless, nobody: undefined }
  const rows: readonly (readonly [string, object, readonly (keyof typeof everybody)[]])[] = [
    ['any certificate', { authenticated: {} }, ['web', 'job', 'legacy', 'nameless']],
    ['the beginning of a URI', byName({ prefix: 'spiffe://cluster.local/ns/shop/' }), ['web']],
    ['a namespace', byName({ safe_regex: { regex: '.*/ns/batch/.*' } }), ['job']],
    ['a DNS name', byName({ suffix: '.test' }), ['web', 'legacy']],
    ['a subject', byName({ contains: 'CN=nameless' }), ['nameless']],
    ['not a name', { not_id: byName({ exact: WEB }) }, ['job', 'legacy', 'nameless', 'nobody']],
    ['nobody', { not_id: { authenticated: {} } }, ['nobody']],
  ]
  for (const [name, principal, allowed] of rows) {
    test(name, async () => {
      await using service = await startEchoServer({ codec: mutable })
      const filter = rbacFilter({ rules: rbacRules('ALLOW', { any: true }, principal) })
      const options = { codec: mutable, endpoints: [service.port], secrets, listener: { tls } }
      await using proxy = await startAuthorizedProxy([filter], options)
      const passed: string[] = []
      for (const [who, identity] of Object.entries(everybody)) {
        await using client = await connectClient({ port: proxy.port, codec: mutable, tls: as(identity) })
        if ((await client.request(mutableFrame({ id: 1 }))).status === ResponseStatus.Ok) passed.push(who)
      }
      assert.deepEqual(passed, allowed)
    })
  }
})

test('the server name of the handshake decides', async () => {
  await using service = await startEchoServer({ codec: mutable })
  const filter = rbacFilter({ rules: rbacRules('ALLOW', { requested_server_name: { exact: 'api.test' } }) })
  const options = { codec: mutable, endpoints: [service.port], secrets, listener: { tls } }
  await using proxy = await startAuthorizedProxy([filter], options)
  for (const [servername, status] of [
    ['api.test', ResponseStatus.Ok],
    ['other.test', ResponseStatus.Error],
  ] as const) {
    await using client = await connectClient({ port: proxy.port, codec: mutable, tls: as(undefined, servername) })
    assert.equal((await client.request(mutableFrame({ id: 1 }))).status, status)
  }
})

test('a name of a certificate with a comma in it is one name', async () => {
  const sly = await authority.issue({ hosts: [`x,${WEB},web.test`], uris: ['spiffe://other/x,legacy.test'] })
  await using service = await startEchoServer({ codec: mutable })
  const names = [WEB, 'web.test', 'legacy.test']
  const principal = { or_ids: { ids: names.map((exact) => byName({ exact })) } }
  const filter = rbacFilter({ rules: rbacRules('ALLOW', { any: true }, principal) })
  const options = { codec: mutable, endpoints: [service.port], secrets, listener: { tls } }
  await using proxy = await startAuthorizedProxy([filter], options)
  await using client = await connectClient({ port: proxy.port, codec: mutable, tls: as(sly) })
  assert.equal((await client.request(mutableFrame({ id: 1 }))).status, ResponseStatus.Error)
})

test("a client's own properties cannot pass for a certificate", async () => {
  await using service = await startEchoServer({ codec: mutable })
  const filter = rbacFilter({ rules: rbacRules('ALLOW', { any: true }, { authenticated: {} }) })
  const options = { codec: mutable, endpoints: [service.port], secrets, listener: { tls } }
  await using proxy = await startAuthorizedProxy([filter], options)
  await using client = await connectClient({ port: proxy.port, codec: mutable, tls: as(undefined) })
  const pairs = { 'tls.mtls': 'true', 'tls.uri_sans': WEB, 'tls.principal': WEB }
  assert.equal((await client.request(mutableFrame({ id: 1, pairs }))).status, ResponseStatus.Error)
})

test('nor can they where there is no TLS at all', async () => {
  await using service = await startEchoServer({ codec: mutable })
  for (const [name, key] of [
    ['tls.principal', 'tls.principal'],
    ['tls.principal', 'TLS.Principal'],
    ['proxy_protocol.source_address', 'proxy_protocol.source_address'],
  ] as const) {
    const filter = rbacFilter({ rules: rbacRules('ALLOW', { any: true }, hasValue(name, WEB)) })
    await using proxy = await startAuthorizedProxy([filter], { codec: mutable, endpoints: [service.port] })
    await using client = await connectClient({ port: proxy.port, codec: mutable })
    const reply = await client.request(mutableFrame({ id: 1, pairs: { [key]: WEB } }))
    assert.equal(reply.status, ResponseStatus.Error, key)
  }
})
