import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:https'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { resources } from '../testing/resources.ts'
import { localMetrics, memoryLogger, valueOf } from '../testing/silent.ts'
import { type IssuedCertificate, issueCertificate } from './issue-certificate.ts'
import type { AdmissionResponse } from './review-resource.ts'
import { WebhookServer } from './webhook-server.ts'

const [ROUTER] = resources(`
apiVersion: metaprotocol.aeraki.io/v1alpha1
kind: MetaRouter
metadata: { name: router }
spec:
  hosts: [greeter.example]
  routes:
    - { name: all, route: [{ destination: { host: greeter.example }, weight: 100 }] }
`) as [object]
const BAD = { ...ROUTER, spec: { hosts: ['greeter.example'], routes: [{ name: 'all', route: [] }] } }
const KIND = { group: 'metaprotocol.aeraki.io', version: 'v1alpha1', kind: 'MetaRouter' }

function review(asked: object): string {
  const all = { uid: 'u-1', operation: 'CREATE', kind: KIND, object: ROUTER, oldObject: null, ...asked }
  return JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request: all })
}

describe('the webhook server', () => {
  const metrics = localMetrics()
  const logger = memoryLogger()
  const server = new WebhookServer({ address: { host: '127.0.0.1', port: 0 }, logger, metrics })
  let port = 0
  let certificate: IssuedCertificate

  before(async () => {
    certificate = await issueCertificate({ names: ['127.0.0.1', 'a.b.svc'], nowMs: Date.now(), validMs: 3_600_000 })
    port = await server.listen()
    server.use(certificate)
  })

  after(() => server.close())

  async function send(body: string, { method = 'POST', path = '/validate', type = 'application/json' } = {}) {
    const own = { host: '127.0.0.1', port, ca: certificate.authority, method, path, agent: false }
    const asking = request({ ...own, headers: { 'content-type': type } })
    asking.on('error', () => {}) // also after the answer, to what was not read
    asking.end(body)
    const [response] = await once(asking, 'response')
    return { status: response.statusCode as number, text: await text(response) }
  }

  async function ask(asked: object): Promise<AdmissionResponse> {
    const { status, text } = await send(review(asked))
    assert.equal(status, 200, text)
    const answer = JSON.parse(text) as { apiVersion: string; kind: string; response: AdmissionResponse }
    assert.equal(`${answer.apiVersion} ${answer.kind}`, 'admission.k8s.io/v1 AdmissionReview')
    assert.equal(answer.response.uid, 'u-1')
    return answer.response
  }

  test('lets what is right be stored, and whatever is deleted or no object', async () => {
    assert.deepEqual(await ask({}), { uid: 'u-1', allowed: true })
    assert.equal((await ask({ operation: 'DELETE', object: null, oldObject: BAD })).allowed, true)
    assert.equal((await ask({ operation: 'CONNECT', object: BAD })).allowed, true)
  })

  test('refuses what is wrong, with everything that is, and kinds that there are not', async () => {
    const { allowed, status } = await ask({ object: BAD })
    assert.equal(allowed, false)
    assert.equal(status?.code, 422)
    assert.match(status?.message ?? '', /^spec\.routes\[0\]\.route: /)
    const other = await ask({ kind: { ...KIND, kind: 'Nothing' } })
    assert.match(other.status?.message ?? '', /there is no kind Nothing of metaprotocol\.aeraki\.io/)
  })

  test('lets what is wrong already be changed elsewhere, and go', async () => {
    const labelled = { ...BAD, metadata: { name: 'router', labels: { a: 'b' } } }
    const { allowed, warnings = [] } = await ask({ operation: 'UPDATE', object: labelled, oldObject: BAD })
    assert.ok(allowed)
    assert.match(warnings[0] ?? '', /^spec\.routes\[0\]\.route: /)
    const going = { ...BAD, metadata: { name: 'router', deletionTimestamp: '2026-01-01T00:00:00Z' } }
    assert.ok((await ask({ operation: 'UPDATE', object: going, oldObject: ROUTER })).allowed)
    assert.equal((await ask({ operation: 'UPDATE', object: BAD, oldObject: ROUTER })).allowed, false)
  })

  test('answers what is no review with why, and goes on', async () => {
    const before = valueOf(metrics, 'control_plane.webhook_bad_requests')
    const statuses = [
      (await send('')).status,
      (await send('{')).status,
      (await send('[]')).status,
      (await send('{"request":{"uid":1}}')).status,
      (await send(review({ object: 7 }))).status,
      (await send(review({ object: { metadata: null } }))).status,
      (await send(review({}), { type: 'text/plain' })).status,
      (await send(review({}), { path: '/other' })).status,
      (await send('', { method: 'GET' })).status,
    ]
    assert.deepEqual(statuses, [400, 400, 400, 400, 400, 400, 415, 404, 405])
    assert.equal(valueOf(metrics, 'control_plane.webhook_bad_requests') - before, 9)
    assert.equal((await ask({})).allowed, true)
  })

  test('whatever stands in an object, it is answered', async () => {
    for (const object of [
      { metadata: {} },
      { metadata: { name: 3, namespace: [], labels: 'a', annotations: 1 } },
      { metadata: { name: 'a' }, spec: 'text' },
      { metadata: { name: 'a' }, spec: { routes: { length: 1e9 }, hosts: [null, {}, []] } },
      JSON.parse('{ "metadata": { "name": "__proto__" }, "spec": { "__proto__": { "hosts": [] } } }'),
    ])
      assert.equal((await ask({ object })).allowed, false, JSON.stringify(object))
  })

  test('takes no body beyond its bound, no TLS before 1.2, and nothing in clear', async () => {
    const large = await send(`{"a":"${'x'.repeat(5 * 1024 * 1024)}"}`).catch((error: NodeJS.ErrnoException) => error)
    assert.ok('status' in large ? large.status === 413 : /ECONNRESET|EPIPE/.test(large.code ?? ''))
    const old = connectTls({
      port,
      host: '127.0.0.1',
      ca: certificate.authority,
      maxVersion: 'TLSv1.1',
      minVersion: 'TLSv1',
    })
    await assert.rejects(once(old, 'secureConnect'))
    old.destroy()
    const clear = connect(port, '127.0.0.1')
    clear.on('error', () => {}) // it may be reset while it writes
    clear.write('POST /validate HTTP/1.1\r\n\r\n')
    clear.resume()
    await once(clear, 'close')
    assert.equal((await ask({})).allowed, true)
  })
})
