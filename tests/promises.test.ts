import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT } from '../scripts/workspace.ts'
import { hasTest, parsePromises } from './promises/table.ts'

/** How many promises each issue has. */
const ISSUES = { A: 26, B: 12, C: 20, D: 14, E: 18, F: 9 }
const PROMISES = Object.entries(ISSUES).flatMap(([issue, count]) =>
  Array.from({ length: count }, (_, index) => `${issue}.${index + 1}`),
)
const table = parsePromises(readFileSync(join(ROOT, 'docs/promises.md'), 'utf8'))

test('every promise has one row, or stands among those not yet proven', () => {
  assert.deepEqual(table.faults, [])
  const listed = [...table.proven, ...table.unproven]
  assert.deepEqual(listed.toSorted(), PROMISES.toSorted())
})

test('every test that a promise names exists', () => {
  const missing = table.proofs.filter(({ file, title }) => {
    const path = join(ROOT, file)
    return !existsSync(path) || !hasTest(readFileSync(path, 'utf8'), title)
  })
  assert.deepEqual(missing, [])
})

test('the table reader sees several files and titles in a row, and rows that are broken', () => {
  const read = parsePromises(
    [
      '| A.1 | it builds | a/b.test.ts: "it \'builds\'", "it packs"; c.test.ts: "it runs" |',
      '| A.2 | it names nothing | some.test.ts |',
      '| A.3 | one cell too few |',
      '## Not yet proven',
      'A.4, A.5',
    ].join('\n'),
  )
  assert.deepEqual(
    read.proofs.map(({ promise, file, title }) => `${promise} ${file} ${title}`),
    ["A.1 a/b.test.ts it 'builds'", 'A.1 a/b.test.ts it packs', 'A.1 c.test.ts it runs'],
  )
  assert.deepEqual(read.unproven, ['A.4', 'A.5'])
  assert.equal(read.faults.length, 2)
})

test('a title counts only where a test has it', () => {
  const source =
    "// 'commented'\ntest('plain', () => {})\nit(\n  'broken', () => {})\nconst x = 'elsewhere'\ntest('it\\'s', f)\ntest.skip('skipped', f)\nconst rows = [['row', 1], { title: 'named' }]\ntest(`made for $" +
    '{name} in a loop`, f)\ntest(`$' +
    '{all}`, f)'
  const titles = [
    'plain',
    'broken',
    "it's",
    'elsewhere',
    'commented',
    'skipped',
    'row',
    'named',
    'pla',
    'made for x in a loop',
    'made for',
  ]
  assert.deepEqual(
    titles.filter((title) => hasTest(source, title)),
    ['plain', 'broken', "it's", 'row', 'named', 'made for x in a loop'],
  )
})
