import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { textOf } from './short-texts.ts'

/** Few bytes, so that many of them share a slot: ASCII, and all that there is in UTF-8 and is not valid there. */
const someBytes = fc.uint8Array({ maxLength: 6 }).map((bytes) => bytes.map((byte) => byte & 0xc3))
const anyText = fc.string({ unit: 'binary', maxLength: 70 }).map((text) => Buffer.from(text))

test('bytes are the text that they are in UTF-8, whatever was read before', () => {
  const reads = fc.array(fc.oneof(someBytes, anyText), { minLength: 20, maxLength: 200 })
  fc.assert(
    fc.property(reads, (all) => {
      for (const bytes of [...all, ...all]) {
        const buffer = Buffer.concat([Buffer.from('<'), bytes, Buffer.from('>')])
        assert.equal(textOf(buffer, 1, buffer.length - 1), Buffer.from(bytes).toString('utf8'))
      }
    }),
    { seed: 1, numRuns: 300 },
  )
})

test('bytes that are no UTF-8 are not taken for the text whose characters have their numbers', () => {
  for (let first = 0x80; first < 0x100; first++) {
    for (let second = 0x80; second < 0x100; second += 8) {
      const latin1 = Buffer.from([first, second])
      const utf8 = Buffer.from(latin1.toString('latin1'))
      assert.equal(textOf(utf8, 0, utf8.length), latin1.toString('latin1'))
      assert.equal(textOf(latin1, 0, latin1.length), latin1.toString('utf8'))
    }
  }
})

test('what comes again in other bytes is the same text, also behind others of its slot', () => {
  for (const name of ['echo', 'hello', 'greet.Greeter/SayHello', '']) {
    const bytes = Buffer.from(`[${name}]${name}`)
    assert.equal(textOf(bytes, 1, 1 + name.length), name)
    assert.equal(textOf(bytes, 2 + name.length, bytes.length), name)
  }
})

test('what is not there is left out', () => {
  const bytes = Buffer.from('echo')
  for (let start = -3; start < 8; start++) {
    for (let end = -3; end < 80; end++) assert.equal(textOf(bytes, start, end), bytes.toString('utf8', start, end))
  }
})
