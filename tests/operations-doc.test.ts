import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT } from '../scripts/workspace.ts'
import { hasTest } from './promises/table.ts'

const FAULTS = 'tests/e2e/control-plane-faults.test.ts'
const HEADING = '### What happens when …'
/** The last cell of a row: a file, unless it is the usual one, and the title of a test in it. */
const PROOF = /\| (?:`([\w./-]+)`: )?"([^"]+)" \|$/

const page = readFileSync(join(ROOT, 'docs/operations.md'), 'utf8')
const [, section = ''] = page.split(HEADING)
const [table = ''] = section.split(/^##/m)
const rows = table.split('\n').filter((line) => /^\| (?!when)/.test(line))
const proofs = rows.map((row) => PROOF.exec(row) ?? []).map(([, file = FAULTS, title = '']) => ({ file, title }))

test('docs/operations.md says of each fault that was tried what happens, with a test that there is', () => {
  assert.ok(rows.length > 10)
  const missing = proofs.filter(({ file, title }) => {
    const path = join(ROOT, file)
    return title === '' || !existsSync(path) || !hasTest(readFileSync(path, 'utf8'), title)
  })
  assert.deepEqual(missing, [])
})

test('every fault of a control plane that is tried stands in docs/operations.md', () => {
  const source = readFileSync(join(ROOT, FAULTS), 'utf8')
  const titles = [...source.matchAll(/^test\('([^']+)'/gm)].map(([, title]) => title)
  assert.ok(titles.length > 5)
  assert.deepEqual(
    titles.filter((title) => !proofs.some((proof) => proof.title === title)),
    [],
  )
})
