import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ErrorType, ProtocolError } from './failure.ts'

test('a protocol error is recognised by its name, also that of another copy of the contract', () => {
  const error: unknown = new ProtocolError('length 3 is below 13')
  assert.ok(error instanceof Error)
  assert.equal(error.name, 'ProtocolError')
  assert.match(String(error), /^ProtocolError: length 3/)
})

test('error types keep the numbers of the reference and follow them', () => {
  assert.deepEqual(Object.values(ErrorType), [0, 1, 2, 3, 4, 5, 6, 7, 8])
  assert.equal(ErrorType.OverLimit, 5)
})
