import assert from 'node:assert/strict'
import { test } from 'node:test'
import { didYouMean } from './did-you-mean.ts'

test('a slip of the keyboard finds the word that was meant, in either spelling', () => {
  const names = ['address', 'filter_chains', 'stat_prefix']
  assert.equal(didYouMean('addres', names), 'address')
  assert.equal(didYouMean('filterChain', names), 'filter_chains')
  assert.equal(didYouMean('stats_prefix', names), 'stat_prefix')
})

test('another word finds nothing', () => {
  assert.equal(didYouMean('timeout', ['address', 'name']), undefined)
  assert.equal(didYouMean('x', ['y']), undefined)
  assert.equal(didYouMean('a'.repeat(10_000), ['a'.repeat(10_000)]), undefined)
})
