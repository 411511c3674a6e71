import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ErrorType } from '@meltemi/sdk'
import { FAILURES, failure, printId } from './failure-table.ts'

const PAGE = readFileSync(new URL('../../../../docs/errors.md', import.meta.url), 'utf8')

test('docs/errors.md has a row for every failure, with its type, flag and literal text', () => {
  const rows = [...PAGE.matchAll(/^\| `(\w+)` \| (\w+) \| (\w+) \| (.+) \|$/gm)]
  const listed = rows.map(([, code, type, flag, text]) => ({ code, type, flag, text }))
  assert.deepEqual(
    listed.map(({ code }) => code),
    Object.values(FAILURES).map(({ code }) => code),
  )
  for (const [index, row] of Object.values(FAILURES).entries()) {
    const { type, flag, text } = listed[index]!
    assert.equal(ErrorType[type as keyof typeof ErrorType], row.type, row.code)
    assert.equal(flag, row.flag, row.code)
    if (row === FAILURES.badResponse) continue // the text is another's
    assert.equal(text?.replaceAll(/<[\w:]+>/g, 'SUBJECT'), `\`${row.text('SUBJECT')}\``)
  }
})

test('a failure names what it is about', () => {
  const { code, message } = failure(FAILURES.noMatchedRoute, printId(-1n))
  assert.equal(code, 'no_matched_route')
  assert.equal(message, "meta protocol router: no matched route for request '18446744073709551615'")
})
