import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { RE2JS } from 're2js'
import { compilePattern } from './match-pattern.ts'

test('a pattern must match the whole text', () => {
  const matches = compilePattern('v1|v2')
  assert.deepEqual(['v1', 'v2', 'v12', 'xv1', ''].map(matches), [true, true, false, false, false])
})

const CATASTROPHIC = [
  '(a+)+',
  '(a+)+$',
  '(a|a)*b',
  '(a|aa)+',
  '(a*)*b',
  '(.*)(.*)(.*)(.*)x',
  '([a-z]+)*=',
  '(\\w+\\s?)+',
  '(?i)(a+)+',
  '(\\pL+)+',
  '(a{1,20}){1,20}',
]

for (const pattern of CATASTROPHIC) {
  test(`${pattern} on 50,000 characters that do not match ends within two seconds`, () => {
    const matches = compilePattern(pattern)
    const text = `${'a'.repeat(50_000)}!`
    const start = performance.now()
    assert.equal(matches(text), false)
    assert.ok(performance.now() - start < 2_000)
  })
}

const RE2_MEANINGS: readonly (readonly [string, string, boolean])[] = [
  ['.', '\n', false],
  ['.', '\r', true],
  ['.', '\u2028', true],
  ['.', '😀', true],
  ['..', '😀', false],
  ['[^a]', '😀', true],
  ['\\W', '😀', true],
  ['[^a]', '\n', true],
  ['\\s', '\v', false],
  ['\\s', '\u00a0', false],
  ['\\S', '\v', true],
  ['\\s', '\t', true],
  ['\\d', '٣', false],
  ['\\w', 'é', false],
  ['(?i)k', '\u212a', true],
  ['(?s).', '\n', true],
  ['a$', 'a\n', false],
  ['\\pL+', 'aé', true],
  ['[[:alpha:]]+', 'abc', true],
  ['\\Qa.b\\E', 'a.b', true],
  ['\\Qa.b\\E', 'axb', false],
  ['\\x{1F600}', '😀', true],
  ['(?P<name>a)', 'a', true],
  ['\\Aab\\z', 'ab', true],
  ['[a\\]]', ']', true],
  ['a{,2}', 'a{,2}', true],
  ['a{', 'a{', true],
  ['', '', true],
  ['', 'a', false],
]

for (const [pattern, text, expected] of RE2_MEANINGS) {
  test(`${JSON.stringify(pattern)} ${expected ? 'matches' : 'does not match'} ${JSON.stringify(text)}, as in RE2`, () => {
    assert.equal(compilePattern(pattern)(text), expected)
  })
}

test('what RE2 does not know is refused with its reason', () => {
  for (const pattern of ['(?=a)', '(?<!a)b', '(a)\\1', 'a**', 'a{1001}', '(', '[z-a]', '\\u0041', '(?>a)', 'a++']) {
    assert.throws(() => compilePattern(pattern), { name: 'SyntaxError', message: /^not an RE2 pattern: / }, pattern)
  }
})

test('any pattern put together from pieces of syntax means what it means to the RE2 implementation', () => {
  const atom = fc.constantFrom(
    'a',
    'b',
    '.',
    '\\s',
    '\\S',
    '\\d',
    '\\w',
    '\\W',
    '[^a]',
    '[a-c]',
    '[\\s.]',
    '[\\w-]',
    '\\b',
    '\\.',
    '-',
    ']',
  )
  const quantifier = fc.constantFrom('', '', '', '*', '+', '?', '*?', '{2}', '{0,2}', '{1,}')
  const { pattern } = fc.letrec<{ pattern: string; piece: string }>((tie) => ({
    piece: fc.oneof(
      { maxDepth: 3 },
      fc.tuple(atom, quantifier).map((parts) => parts.join('')),
      fc.tuple(tie('pattern'), quantifier).map(([inner, times]) => `(${inner})${times}`),
      fc.tuple(tie('pattern'), tie('pattern')).map(([left, right]) => `(?:${left}|${right})`),
    ),
    pattern: fc.array(tie('piece'), { minLength: 1, maxLength: 4 }).map((pieces) => pieces.join('')),
  }))
  const text = fc.array(fc.constantFrom('a', 'b', 'c', 'd', '1', '-', '.', ' ', '\n', '\r', '\v', ']', 'é', '😀'), {
    maxLength: 8,
  })
  fc.assert(
    fc.property(pattern, fc.array(text, { minLength: 5, maxLength: 5 }), (source, texts) => {
      const matches = compilePattern(source)
      const oracle = RE2JS.compile(source)
      for (const characters of texts) {
        const joined = characters.join('')
        assert.equal(matches(joined), oracle.testExact(joined), JSON.stringify(joined))
      }
    }),
    { seed: 1, numRuns: 400 },
  )
})
