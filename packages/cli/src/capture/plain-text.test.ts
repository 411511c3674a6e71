import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatTime, hexDump, plainLine, quoteText } from './plain-text.ts'

test('text of a capture cannot forge lines, drive a terminal or turn the direction of writing', () => {
  assert.equal(quoteText('plain/word-1'), 'plain/word-1')
  assert.equal(quoteText('καλημέρα'), 'καλημέρα')
  assert.equal(quoteText('two words'), '"two words"')
  assert.equal(quoteText('a=b'), '"a=b"')
  assert.equal(quoteText('say "hi"'), '"say \\"hi\\""')
  assert.equal(quoteText(''), '""')
  assert.equal(quoteText('\u001b[2J\n\u202eevil\u009b\u2028'), '"\\u{1b}[2J\\u{a}\\u{202e}evil\\u{9b}\\u{2028}"')
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      for (const shown of [quoteText(text), plainLine(text)]) assert.doesNotMatch(shown, /[\p{C}\p{Zl}\p{Zp}]/u)
    }),
  )
})

test('a dump has sixteen bytes a line, with their positions and letters', () => {
  assert.deepEqual(hexDump(Buffer.from('0123456789abcdef\n~\x7f'), 0x1f0), [
    '01f0  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|',
    '0200  0a 7e 7f                                          |.~.|',
  ])
})

test('times are UTC with nanoseconds, also before 1970; those beyond all calendars are none', () => {
  assert.equal(formatTime(1_234_567_890_123_456_789n), '2009-02-13T23:31:30.123456789Z')
  assert.equal(formatTime(0n), '1970-01-01T00:00:00.000000000Z')
  assert.equal(formatTime(-1n), '1969-12-31T23:59:59.999999999Z')
  assert.equal(formatTime(10n ** 30n), '-')
  assert.equal(formatTime(undefined), '-')
})
