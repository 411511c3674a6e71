import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ScalarType } from '@bufbuild/protobuf'
import { parseDuration, parseScalar } from './read-scalar.ts'

const place = { line: 0, column: 0 }
const read = (type: ScalarType, value: string | number | bigint | boolean) => {
  const result = parseScalar(type, { kind: 'scalar', place, value })
  return result.kind === 'value' ? result.value : `expected ${result.expected}`
}

test('whole numbers may be strings, and have the range of their type', () => {
  assert.equal(read(ScalarType.UINT32, 4294967295n), 4294967295)
  assert.equal(read(ScalarType.UINT32, '7'), 7)
  assert.equal(read(ScalarType.UINT32, 7.0), 7)
  assert.equal(read(ScalarType.UINT32, 4294967296n), 'expected a whole number from 0 to 4294967295')
  assert.equal(read(ScalarType.UINT32, -1n), 'expected a whole number from 0 to 4294967295')
  assert.equal(read(ScalarType.INT64, '-9223372036854775808'), -(2n ** 63n))
  assert.equal(
    read(ScalarType.INT64, '9223372036854775808'),
    'expected a whole number from -9223372036854775808 to 9223372036854775807',
  )
  assert.equal(read(ScalarType.UINT64, 1n), 1n)
  for (const wrong of ['', ' 1', '0x1', '1e3', 'x', true, 1.5]) {
    assert.equal(read(ScalarType.UINT32, wrong), 'expected a whole number')
  }
})

test('strings, booleans, bytes and floating numbers are not mixed up', () => {
  assert.equal(read(ScalarType.STRING, '1'), '1')
  assert.equal(read(ScalarType.STRING, 1n), 'expected a string (quote it)')
  assert.equal(read(ScalarType.BOOL, 'true'), 'expected true or false')
  assert.equal(read(ScalarType.BYTES, 'YQ=='), 'YQ==')
  assert.equal(read(ScalarType.BYTES, '?'), 'expected a base64 string')
  assert.equal(read(ScalarType.DOUBLE, 1n), 1)
  assert.equal(read(ScalarType.DOUBLE, '1.5e3'), 1500)
  assert.equal(read(ScalarType.DOUBLE, 'fast'), 'expected a number')
})

test('durations are exact to the nanosecond', () => {
  assert.equal(parseDuration('0s'), 0n)
  assert.equal(parseDuration('1.5s'), 1_500_000_000n)
  assert.equal(parseDuration('0.000000001s'), 1n)
  for (const wrong of ['', '5', '5ms', '-1s', '1.s', '.5s', '1.0000000001s', '1e3s', ' 1s', '1 s', 's']) {
    assert.equal(parseDuration(wrong), undefined)
  }
})
