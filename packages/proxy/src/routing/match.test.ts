import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MetadataMatcher } from '@meltemi/api'
import { Metadata } from '@meltemi/sdk'
import { CompiledMatcher } from './match.ts'

type Test = MetadataMatcher['test']
type Flags = Partial<Pick<MetadataMatcher, 'invert' | 'treatMissingAsEmpty'>>

/** undefined: the message has no such key. */
function matches(condition: Test, value: string | undefined, flags: Flags = {}): boolean {
  const metadata = new Metadata()
  if (value !== undefined) metadata.set('Key', value)
  const matcher = new CompiledMatcher({
    name: 'kEY',
    test: condition,
    invert: false,
    treatMissingAsEmpty: false,
    ...flags,
  })
  return matcher.matches(metadata)
}

function text(kind: 'exact' | 'prefix' | 'suffix' | 'contains', value: string, ignoreCase = false): Test {
  return { kind, text: value, ignoreCase }
}

function range(start: bigint, end: bigint): Test {
  return { kind: 'range', start, end }
}

const regex: Test = { kind: 'regex', pattern: 'a.*' }
const present: Test = { kind: 'present', present: true }
const absent: Test = { kind: 'present', present: false }

test('names match without case, values with case', () => {
  assert.ok(matches(text('exact', 'Hello'), 'Hello'))
  assert.ok(!matches(text('exact', 'Hello'), 'hello'))
})

test('exact, prefix, suffix, contains and regex', () => {
  assert.deepEqual(
    ['ab', 'abc', ''].map((value) => matches(text('exact', 'ab'), value)),
    [true, false, false],
  )
  assert.deepEqual(
    ['abc', 'xab', 'a'].map((value) => matches(text('prefix', 'ab'), value)),
    [true, false, false],
  )
  assert.deepEqual(
    ['xab', 'abc', 'b'].map((value) => matches(text('suffix', 'ab'), value)),
    [true, false, false],
  )
  assert.deepEqual(
    ['xabx', 'axb'].map((value) => matches(text('contains', 'ab'), value)),
    [true, false],
  )
  assert.deepEqual(
    ['a', 'abc', 'ba'].map((value) => matches(regex, value)),
    [true, true, false],
  )
})

test('ignore case concerns A to Z only', () => {
  for (const kind of ['exact', 'prefix', 'suffix', 'contains'] as const)
    assert.ok(matches(text(kind, 'aBÉ', true), 'AbÉ'))
  assert.ok(!matches(text('exact', 'é', true), 'É'))
  assert.ok(!matches(text('exact', 'k', true), '\u212a'))
})

test('a range has its start and not its end, and takes whole decimal numbers only', () => {
  const values = ['-5', '9', '10', '+3', '007', '9.0', '9x', ' 9', '', '-', '0x5', '1e0']
  const expected = [true, true, false, true, true, false, false, false, false, false, false, false]
  assert.deepEqual(
    values.map((value) => matches(range(-5n, 10n), value)),
    expected,
  )
})

test('a range is exact up to both ends of 64 bits, and beyond them nothing is in range', () => {
  const all = range(-(2n ** 63n), 2n ** 63n)
  assert.ok(matches(all, '9223372036854775807'))
  assert.ok(matches(all, '-9223372036854775808'))
  assert.ok(!matches(all, '9223372036854775808'))
  assert.ok(!matches(all, '-9223372036854775809'))
  assert.ok(!matches(all, '9'.repeat(100_000)))
  assert.ok(matches(all, `${'0'.repeat(100)}7`))
  assert.ok(!matches(range(9007199254740993n, 9007199254740994n), '9007199254740992'))
  assert.ok(matches(range(9007199254740993n, 9007199254740994n), '9007199254740993'))
  assert.ok(matches(range(0n, 1n), `-${'0'.repeat(30)}`))
})

test('inverting negates the result of a value that is there', () => {
  for (const condition of [text('exact', 'a'), regex, range(0n, 5n), present]) {
    for (const value of ['a', 'b', '3']) {
      assert.equal(matches(condition, value, { invert: true }), !matches(condition, value))
    }
  }
})

test('a missing value never matches, inverted or not', () => {
  for (const condition of [text('exact', ''), text('prefix', 'a'), text('contains', 'a'), regex, range(-5n, 5n)]) {
    assert.ok(!matches(condition, undefined))
    assert.ok(!matches(condition, undefined, { invert: true }))
  }
})

test('presence and absence can be asked for, straight and inverted', () => {
  const table = [present, absent].flatMap((condition) =>
    [false, true].map((invert) => [matches(condition, 'x', { invert }), matches(condition, undefined, { invert })]),
  )
  assert.deepEqual(table, [
    [true, false],
    [false, true],
    [false, true],
    [true, false],
  ])
})

test('a missing value that counts as empty is compared as the empty text', () => {
  const missing = (condition: Test, invert = false) =>
    matches(condition, undefined, { invert, treatMissingAsEmpty: true })
  assert.ok(missing(text('exact', '')))
  assert.ok(!missing(text('exact', ''), true))
  assert.ok(missing(text('exact', 'a'), true))
  assert.ok(!missing(text('exact', 'a')))
  assert.ok(missing({ kind: 'regex', pattern: 'a*' }))
  assert.ok(!missing(range(0n, 5n)))
  assert.ok(missing(range(0n, 5n), true))
  assert.ok(missing(present))
})
