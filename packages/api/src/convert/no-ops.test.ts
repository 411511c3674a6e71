import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { noOps } from './no-ops.ts'

test('docs/no-ops.md lists exactly the fields that are accepted without effect', () => {
  const page = readFileSync(new URL('../../../../docs/no-ops.md', import.meta.url), 'utf8')
  // the second table is of fields that the model has and traffic does not use yet
  const [table = ''] = page.split('\n## ')
  const rows = table.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| message '))
  assert.deepEqual(
    rows,
    noOps.map((noOp) => `| ${noOp.message} | ${noOp.field} | ${noOp.why} |`),
  )
})
