import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BUCKET_COUNT, BucketFinder, HIGHEST_BOUND, LOWEST_BOUND, middle, upperBound } from './buckets.ts'

const finder = new BucketFinder()

test('a value from 0.01 to 1e7 is read back with an error of at most 1.6 percent', () => {
  let worst = 0
  for (let value = 0.01; value <= 1e7; value *= 1.00037) {
    worst = Math.max(worst, Math.abs(middle(finder.find(value)) - value) / value)
  }
  assert.ok(worst > 0.01 && worst <= 0.016, `worst error ${worst}`)
})

test('a bucket holds what is above its lower bound up to and with its upper bound', () => {
  for (let index = 1; index < BUCKET_COUNT - 1; index++) {
    const bound = upperBound(index)
    assert.equal(finder.find(bound), index)
    assert.equal(finder.find(bound * (1 + Number.EPSILON)), index + 1)
  }
})

test('bounds rise without gaps from the lowest to the highest', () => {
  assert.equal(upperBound(0), LOWEST_BOUND)
  assert.equal(upperBound(BUCKET_COUNT - 2), HIGHEST_BOUND)
  for (let index = 1; index < BUCKET_COUNT; index++) assert.ok(upperBound(index) > upperBound(index - 1))
})

test('values that make no sense or are out of range land in the outer buckets', () => {
  for (const value of [Number.NaN, -1, Number.NEGATIVE_INFINITY, 0, -0, Number.MIN_VALUE]) {
    assert.equal(finder.find(value), 0)
  }
  for (const value of [Number.POSITIVE_INFINITY, Number.MAX_VALUE, HIGHEST_BOUND + 1]) {
    assert.equal(finder.find(value), BUCKET_COUNT - 1)
  }
})
