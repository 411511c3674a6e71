import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { unifiedDiff } from './line-diff.ts'

const folder = mkdtempSync(join(tmpdir(), 'meltemi-diff-'))
after(() => rmSync(folder, { recursive: true }))

function text(lines: readonly unknown[]): string {
  return lines.map((line) => `${line}\n`).join('')
}

const COUNT = Array.from({ length: 30 }, (_, n) => n)

/** Each has one best way to be told. */
const PAIRS: readonly (readonly [before: string, after: string])[] = [
  ['', 'a\n'],
  ['a\nb\n', ''],
  ['a\n', 'b\n'],
  [text(COUNT), text(COUNT.filter((n) => n !== 12))],
  [text(COUNT), text(COUNT.map((n) => (n === 3 || n === 25 ? `${n}!` : n)))],
  [text(COUNT), text(COUNT.map((n) => (n === 3 || n === 9 ? `${n}!` : n)))],
  [text(COUNT), text(['new', ...COUNT, 'end'])],
  [text(COUNT), text([...COUNT.slice(5, 20), 'x'])],
]

test('a difference reads as that of diff -u', () => {
  for (const [before, changed] of PAIRS) {
    const [a, b] = [join(folder, 'a'), join(folder, 'b')]
    writeFileSync(a, before)
    writeFileSync(b, changed)
    const { stdout } = spawnSync('diff', ['-u', '--label', 'A', '--label', 'B', a, b], { encoding: 'utf8' })
    assert.notEqual(stdout, '')
    assert.equal(unifiedDiff(before, changed, ['A', 'B']), stdout)
  }
})

test('the same text has no difference', () => {
  assert.equal(unifiedDiff('a\n', 'a\n', ['A', 'B']), '')
})

test('of very long texts everything between the first and the last difference is new', () => {
  const lines = Array.from({ length: 3_000 }, (_, n) => `line ${n}`)
  const changed = lines.map((line, n) => (n === 10 || n === 2_990 ? `${line}!` : line))
  const diff = unifiedDiff(text(lines), text(changed), ['A', 'B'])
  assert.match(diff, /^--- A\n\+\+\+ B\n@@ -8,2987 \+8,2987 @@\n/)
  assert.equal(diff.split('\n').filter((line) => line.startsWith('-line')).length, 2_981)
})
