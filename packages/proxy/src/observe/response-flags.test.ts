import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorType, type Failure } from '@meltemi/sdk'
import { FAILURES, failure } from './failure-table.ts'
import { longResponseFlags, responseFlags } from './response-flags.ts'

function flagsOf(cause: Failure | null, isRetryLimitExceeded = false): string {
  return responseFlags({ failure: cause, isClientGone: false, isDelayed: false, isRetryLimitExceeded })
}

test('every failure of the proxy has the flag of its row', () => {
  for (const row of Object.values(FAILURES)) assert.equal(flagsOf(failure(row, '')), row.flag, row.code)
})

test('a failure that a filter has made has the flag of its type', () => {
  const own: Omit<Failure, 'type'> = { code: 'mine', message: '', source: 'proxy', retriable: 'no' }
  const flags = Object.values(ErrorType).map((type) => flagsOf({ ...own, type }))
  assert.deepEqual(flags, ['NR', 'NC', 'UH', 'UPE', '', 'RL', 'UT', 'UAEX', 'FI'])
})

test('a client that has left has a flag of its own, and a request without a fault has none', () => {
  assert.deepEqual(
    [
      responseFlags({ failure: null, isClientGone: true, isDelayed: false, isRetryLimitExceeded: false }),
      flagsOf(null),
    ],
    ['DC', ''],
  )
})

test('a request that would have been tried once more has that flag too, or alone', () => {
  const flags = [flagsOf(failure(FAILURES.upstreamClosed, ''), true), flagsOf(null, true)]
  assert.deepEqual(flags, ['UC,URX', 'URX'])
  assert.deepEqual(flags.map(longResponseFlags), [
    'UpstreamConnectionTermination,UpstreamRetryLimitExceeded',
    'UpstreamRetryLimitExceeded',
  ])
})

test('a delay on purpose has a flag of its own, beside that of a failure, in the order of Envoy', () => {
  const flags = (cause: Failure | null, isClientGone = false) =>
    responseFlags({ failure: cause, isClientGone, isDelayed: true, isRetryLimitExceeded: false })
  assert.equal(flags(null), 'DI')
  assert.equal(flags(null, true), 'DI,DC')
  assert.equal(flags(failure(FAILURES.faultAborted, '1')), 'DI,FI')
  assert.equal(flags(failure(FAILURES.requestTimeout, 'c')), 'UT,DI')
  assert.equal(flags(failure(FAILURES.directResponse, 'm')), 'DI')
  assert.equal(longResponseFlags('UT,DI'), 'UpstreamRequestTimeout,DelayInjected')
})
