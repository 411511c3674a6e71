import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorType, type Failure } from '@meltemi/sdk'
import { FAILURES, failure } from './failure-table.ts'
import { flagOf } from './response-flag.ts'

test('every failure of the proxy has the flag of its row', () => {
  for (const row of Object.values(FAILURES)) assert.equal(flagOf(failure(row, '')), row.flag, row.code)
})

test('a failure that a filter has made has the flag of its type', () => {
  const own: Omit<Failure, 'type'> = { code: 'mine', message: '', source: 'proxy', retriable: 'no' }
  const flags = Object.values(ErrorType).map((type) => flagOf({ ...own, type }))
  assert.deepEqual(flags, ['NR', 'NC', 'UH', 'UPE', 'DPE', 'RL', 'UT', 'UAEX', 'FI'])
  assert.equal(flagOf({ ...own, type: 99 as ErrorType }), 'DPE')
})
