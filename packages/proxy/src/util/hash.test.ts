import assert from 'node:assert/strict'
import { test } from 'node:test'
import xxhash from 'xxhash-wasm'
import { Hash64 } from './hash.ts'
import { SeededRandom } from './random.ts'

const oracle = await xxhash()

function value(hash: Hash64): bigint {
  return (BigInt(hash.high) << 32n) | BigInt(hash.low)
}

test('the hash of the empty text is the published one', () => {
  const hash = new Hash64()
  hash.update('')
  assert.equal(value(hash), 0xef46db3751d8e999n)
})

test('bytes of every length from 0 to 300 hash as the reference implementation says, with any seed', () => {
  const random = new SeededRandom(1)
  const hash = new Hash64()
  for (let length = 0; length <= 300; length++) {
    const bytes = Uint8Array.from({ length }, () => random.u32())
    const high = random.u32()
    const low = random.u32()
    hash.reset(high, low)
    hash.updateBytes(bytes)
    assert.equal(value(hash), oracle.h64Raw(bytes, (BigInt(high) << 32n) | BigInt(low)), `length ${length}`)
  }
})

test('texts hash as their UTF-8 bytes, long ones too', () => {
  const hash = new Hash64()
  for (const text of ['10.0.0.1:80_17', 'héllo', '😀', 'a'.repeat(341), 'a'.repeat(342), 'ü'.repeat(5_000)]) {
    hash.reset()
    hash.update(text)
    assert.equal(value(hash), oracle.h64(text), text.slice(0, 20))
  }
})

test('the hash of one text is the seed of the next', () => {
  const hash = new Hash64()
  hash.update('first')
  hash.update('second')
  assert.equal(value(hash), oracle.h64('second', oracle.h64('first')))
})
