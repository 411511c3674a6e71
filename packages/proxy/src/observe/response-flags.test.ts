import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorType, type Failure } from '@meltemi/sdk'
import { FAILURES, failure } from './failure-table.ts'
import { responseFlag } from './response-flags.ts'

test('every failure of the proxy has the flag of its row', () => {
  for (const row of Object.values(FAILURES)) assert.equal(responseFlag(failure(row, ''), false), row.flag, row.code)
})

test('a failure that a filter has made has the flag of its type', () => {
  const own: Omit<Failure, 'type'> = { code: 'mine', message: '', source: 'proxy', retriable: 'no' }
  const flags = Object.values(ErrorType).map((type) => responseFlag({ ...own, type }, false))
  assert.deepEqual(flags, ['NR', 'NC', 'UH', 'UPE', '', 'RL', 'UT', 'UAEX', 'FI'])
})

test('a client that has left has a flag of its own, and a request without a fault has none', () => {
  assert.deepEqual([responseFlag(null, true), responseFlag(null, false)], ['DC', ''])
})
