import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Metadata } from '@meltemi/sdk'
import { PeerCache } from './peer-cache.ts'
import { encodePeerMetadata, PEER_ID_KEY, PEER_METADATA_KEY } from './peer-metadata.ts'

function told(workload: string): string {
  return encodePeerMetadata({ id: '', cluster: '', metadata: { WORKLOAD_NAME: workload, NAMESPACE: 'market' } })
}

function message(id: string | undefined, text: string | undefined): Metadata {
  const metadata = new Metadata()
  if (text !== undefined) metadata.set(PEER_METADATA_KEY, text)
  if (id !== undefined) metadata.set(PEER_ID_KEY, id)
  return metadata
}

test('a peer is who its metadata says; a message without any is from nobody', () => {
  const cache = new PeerCache()
  const { workload, isBad } = cache.of(message('a', told('shop')), 0)
  assert.deepEqual([workload.workload, workload.workload_namespace, isBad], ['shop', 'market', false])
  for (const from of [message(undefined, undefined), message('b', undefined), message('c', ''), message('', '')]) {
    const peer = cache.of(from, 0)
    assert.deepEqual([peer.workload.workload, peer.isBad], ['unknown', false])
  }
})

test('a peer that is known by its id is decoded anew after a minute', () => {
  const cache = new PeerCache()
  const first = cache.of(message('a', told('shop')), 0)
  assert.equal(cache.of(message('a', told('other')), 59_999), first)
  assert.equal(cache.of(message('z', told('z')), 59_999).workload.workload, 'z')
  assert.equal(cache.of(message('a', told('other')), 59_999), first)
  assert.equal(cache.of(message('a', told('other')), 60_000).workload.workload, 'other')
})

test('without an id a peer is known by what it says', () => {
  const cache = new PeerCache()
  const first = cache.of(message('', told('shop')), 0)
  assert.equal(first.workload.workload, 'shop')
  assert.equal(cache.of(message(undefined, told('other')), 0).workload.workload, 'other')
  assert.equal(cache.of(message(undefined, told('shop')), 0), first)
})

test('peers that say the same have the same key, whatever their ids', () => {
  const cache = new PeerCache()
  const [one, two, three] = [
    cache.of(message('a', told('shop')), 0),
    cache.of(message('b', told('shop')), 0),
    cache.of(message('c', told('shop2')), 0),
  ]
  assert.equal(one.key, two.key)
  assert.notEqual(one.key, three.key)
})

test('what cannot be read is unknown and bad, each time', () => {
  const cache = new PeerCache()
  const bad = {
    'no Base64': '$$$',
    'no struct': Buffer.from([0x0a, 0x7f]).toString('base64'),
    'too long a name': told('x'.repeat(257)),
    'too long a text': told('x'.repeat(20_000)),
  }
  for (const [id, text] of Object.entries(bad)) {
    for (let times = 0; times < 2; times++) {
      const { workload, isBad } = cache.of(message(id, text), 0)
      assert.deepEqual([workload.workload, isBad], ['unknown', true], id)
    }
  }
  assert.equal(cache.of(message('i'.repeat(513), told('shop')), 0).isBad, true)
})

test('a thousand and more peers do not stay, and those that are heard of do', () => {
  const cache = new PeerCache(8)
  const often = cache.of(message('often', told('often')), 0)
  for (let n = 0; n < 100; n++) {
    cache.of(message(`peer ${n}`, told(`peer ${n}`)), 0)
    assert.ok(cache.size <= 10, `${cache.size} peers`)
    assert.equal(cache.of(message('often', undefined), 0), often)
  }
})
