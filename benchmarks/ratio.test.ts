import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatRatio, ratioOf } from './ratio.ts'

const ones = (count: number): number[] => new Array<number>(count).fill(1)
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1)

test('the interval of a median is that of the tables of the sign test', () => {
  const rows = [
    [6, 1, 6],
    [10, 2, 9],
    [15, 4, 12],
    [20, 6, 15],
    [30, 10, 21],
  ] as const
  for (const [count, low, high] of rows) {
    assert.deepEqual(ratioOf(upTo(count), ones(count)), { median: (count + 1) / 2, low, high })
  }
})

test('five pairs are too few for a bound', () => {
  const ratio = ratioOf(upTo(5), ones(5))
  assert.deepEqual(ratio, { median: 3, low: 0, high: Number.POSITIVE_INFINITY })
  assert.equal(formatRatio(ratio), '3.00 (0.00–∞)')
})

test('ratios are taken within a round, and a disturbed round moves nothing', () => {
  const bases = [10, 20, 40, 10, 20, 40, 10, 20, 40, 10]
  const costs = bases.map((base, round) => base * (round === 3 ? 50 : 1.1))
  assert.equal(formatRatio(ratioOf(costs, bases)), '1.10 (1.10–1.10)')
})
