import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Histogram } from './histogram.ts'

test('quantiles of a histogram are within one percent of the exact ones, over six orders of magnitude', () => {
  const histogram = new Histogram()
  const valuesUs: number[] = []
  for (let index = 0; index < 10_000; index++) valuesUs.push(10 ** ((index / 10_000) * 6))
  for (const value of valuesUs) histogram.add(value / 1000)
  for (const fraction of [0.01, 0.5, 0.99, 0.999, 1]) {
    const exact = valuesUs[Math.ceil(fraction * valuesUs.length) - 1]!
    const found = histogram.quantileUs(fraction)
    assert.ok(Math.abs(found - exact) <= exact * 0.01 + 0.1, `${fraction}: ${found} instead of ${exact}`)
  }
})

test('a histogram is empty after a reset and takes values out of its range', () => {
  const histogram = new Histogram()
  histogram.add(-1)
  histogram.add(1e9)
  assert.equal(histogram.total, 2)
  assert.ok(histogram.quantileUs(1) > 1e8)
  histogram.reset()
  assert.equal(histogram.total, 0)
  assert.equal(histogram.quantileUs(0.5), 0)
})
