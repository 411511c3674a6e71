import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { type BundleOptions, type CertificateBundle, stepBundle } from './certificate-bundle.ts'

const DAY_MS = 86_400_000
const START_MS = Date.parse('2026-01-01T00:00:00Z')
const NONE: CertificateBundle = { current: { chain: '', privateKey: '' }, next: undefined, authorities: '' }

/** So many days after the start. */
function at(days: number, trusted = '', names: readonly string[] = ['meltemi.mesh.svc']): BundleOptions {
  return { names, trusted, nowMs: START_MS + days * DAY_MS, validMs: 90 * DAY_MS, settleMs: 60_000 }
}

const isSignedBy = ({ current, authorities }: CertificateBundle) => {
  const certificate = new X509Certificate(current.chain)
  const found = authorities.match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g) ?? []
  return found.map((authority) => certificate.verify(new X509Certificate(authority).publicKey))
}

test('the first certificate is for the names, and signed by an authority of its own that can sign no other', async () => {
  const first = await stepBundle(NONE, at(0))
  const certificate = new X509Certificate(first.current.chain)
  assert.equal(certificate.subjectAltName, 'DNS:meltemi.mesh.svc')
  assert.equal(certificate.ca, false)
  assert.equal(Date.parse(certificate.validTo), START_MS + 90 * DAY_MS)
  assert.deepEqual(isSignedBy(first), [true])
  assert.ok(new X509Certificate(first.authorities).ca)
  const other = await stepBundle(NONE, at(0, '', ['127.0.0.1', 'a.b.svc']))
  assert.equal(new X509Certificate(other.current.chain).subjectAltName, 'IP Address:127.0.0.1, DNS:a.b.svc')
})

test('nothing happens until a third of its time is left, then the next one is made and both are trusted', async () => {
  const first = await stepBundle(NONE, at(0))
  assert.equal(await stepBundle(first, at(59, first.authorities)), first)
  const second = await stepBundle(first, at(61, first.authorities))
  assert.equal(second.current, first.current)
  assert.ok(second.next)
  assert.deepEqual(isSignedBy(second), [false, true])
})

test('the next one is served only when the API server has trusted it for a while', async () => {
  const first = await stepBundle(NONE, at(0))
  const second = await stepBundle(first, at(61, first.authorities))
  const minutes = 61 + 2 / 1440
  assert.equal(await stepBundle(second, at(61, second.authorities)), second, 'too soon')
  assert.equal(await stepBundle(second, at(minutes, first.authorities)), second, 'not told yet')
  const third = await stepBundle(second, at(minutes, second.authorities))
  assert.deepEqual(third.current, second.next)
  assert.equal(third.next, undefined)
  assert.equal(third.authorities, second.authorities, 'who has the one before is believed still')
  const fourth = await stepBundle(third, at(61 + 61, third.authorities))
  assert.deepEqual(isSignedBy(fourth), [false, true], 'of the authorities before only the last one stays')
})

test('what is over, for other names or no certificate is replaced at once', async () => {
  const first = await stepBundle(NONE, at(0))
  for (const options of [at(91), at(1, '', ['another.mesh.svc'])]) {
    const other = await stepBundle(first, options)
    assert.notEqual(other.current.chain, first.current.chain)
    assert.deepEqual(isSignedBy(other), [true, false])
  }
  const broken = { ...first, current: { chain: 'garbage', privateKey: '' } }
  assert.deepEqual(isSignedBy(await stepBundle(broken, at(1))), [true, false])
  const half = await stepBundle(first, at(61, first.authorities))
  const lost = await stepBundle({ ...half, next: { chain: 'garbage', privateKey: '' } }, at(62, half.authorities))
  assert.ok(lost.next?.chain.startsWith('-----BEGIN'))
})
