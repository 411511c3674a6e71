import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ErrorType } from '@meltemi/sdk'
import { FAILURES, failure, printId } from './failure-table.ts'

const PAGE = readFileSync(new URL('../../../../docs/errors.md', import.meta.url), 'utf8')

test('docs/errors.md has a row for every failure, with its type, flag and literal text', () => {
  const rows = [...PAGE.matchAll(/^\| `(\w+)` \| (\w+) \| (\w*) \| (.+) \|$/gm)]
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

test('texts are those that clients of the reference know', () => {
  const texts: readonly (readonly [keyof typeof FAILURES, subject: string, type: ErrorType, text: string])[] = [
    ['noMatchedRoute', '7', 0, "meta protocol router: no matched route for request '7'"],
    ['unknownCluster', 'c', 1, "meta protocol router: unknown cluster 'c'"],
    ['noHealthyUpstream', 'c', 2, "meta protocol router: no healthy upstream for 'c'"],
    ['badResponse', 'bad magic', 3, 'bad magic'],
    ['overflow', '', 4, 'meta protocol upstream request: too many connections'],
    ['localFailure', '10.0.0.1:80', 4, "meta protocol upstream request: local connection failure '10.0.0.1:80'"],
    ['connectFailure', '[::1]:80', 4, "meta protocol upstream request: remote connection failure '[::1]:80'"],
    ['upstreamClosed', '10.0.0.1:80', 4, "meta protocol upstream request: remote connection failure '10.0.0.1:80'"],
    ['connectTimeout', 'a:1', 4, "meta protocol upstream request: connection failure 'a:1' due to timeout"],
    ['requestTimeout', 'c', 6, "meta protocol router: request timeout for cluster 'c'"],
  ]
  for (const [row, subject, type, text] of texts) {
    const found = failure(FAILURES[row], subject)
    assert.deepEqual([found.type, found.message], [type, text], row)
  }
})

test('ids are printed as unsigned integers of 64 bits, wider ones as they are', () => {
  assert.deepEqual([0, 7, -1, -7n, 2n ** 63n, 2n ** 127n].map(printId), [
    '0',
    '7',
    '18446744073709551615',
    '18446744073709551609',
    '9223372036854775808',
    String(2n ** 127n),
  ])
})
