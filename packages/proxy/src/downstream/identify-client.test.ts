import assert from 'node:assert/strict'
import { test } from 'node:test'
import { identifyClient } from './identify-client.ts'

const SOURCE = ['proxy_protocol.source_address', '192.0.2.1'] as const
const IDENTITY = 'spiffe://cluster.local/ns/shop/sa/web'
const NAMED = new Map([SOURCE, ['proxy_protocol.tlv.0xd0', IDENTITY]])

test('a client is who the trusted TLV says', () => {
  const properties = identifyClient(NAMED, 0xd0)
  const found = ['tls.mtls', 'tls.principal', 'tls.uri_sans'].map((key) => properties.get(key))
  assert.deepEqual(found, ['true', IDENTITY, IDENTITY])
  assert.equal(properties.get(SOURCE[0]), SOURCE[1])
})

test('is nobody where no TLV is trusted, where it is another one, and where it is missing or empty', () => {
  const empty = new Map([SOURCE, ['proxy_protocol.tlv.0xd0', '']])
  assert.equal(identifyClient(NAMED, undefined), NAMED)
  assert.equal(identifyClient(NAMED, 0xe0), NAMED)
  assert.equal(identifyClient(empty, 0xd0), empty)
})

test('has one name, whatever is in it', () => {
  const names = identifyClient(new Map([['proxy_protocol.tlv.0x0f', 'spiffe://a,spiffe://b']]), 0x0f)
  assert.equal(names.get('tls.uri_sans'), 'spiffe://a%2Cspiffe://b')
})
