import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create } from '@bufbuild/protobuf'
import { RateLimitDescriptorSchema } from '@meltemi/api/rate-limit'
import { parseRules } from './parse-rules.ts'

const RULES = parseRules(
  [
    {
      name: 'a.yaml',
      text: `
domain: a.b
descriptors:
  - key: path
    rate_limit: {unit: day, requests_per_unit: 1}
  - key: path
    value: /v1/*/items/*
    rate_limit: {unit: day, requests_per_unit: 2}
  - key: path
    value: /v1/*
    share_threshold: true
    detailed_metric: true
    rate_limit: {unit: day, requests_per_unit: 3}
  - key: path
    value: /v1/exact
    rate_limit: {unit: day, requests_per_unit: 4}
  - key: any
    value_to_metric: true
    descriptors:
      - key: deep
        rate_limit: {unit: day, requests_per_unit: 5}
`,
    },
  ],
  { mergesDomains: false },
)

/** Requests per unit, the name of the stats, and what is shared. */
function find(text: string): readonly unknown[] | undefined {
  const entries = text.split(',').map((pair) => {
    const [key = '', value = ''] = pair.split('=')
    return { key, value }
  })
  const found = RULES.find('a.b', create(RateLimitDescriptorSchema, { entries }))
  return found && [found.limit.requestsPerUnit, found.statsKey, found.sharedValues]
}

test('the very value comes before patterns, those in their order, and then any value', () => {
  assert.deepEqual(find('path=/v1/exact'), [4, 'a.b.path_/v1/exact', undefined])
  assert.deepEqual(find('path=/v1/7/items/8'), [2, 'a.b.path_/v1/*/items/*', undefined])
  assert.deepEqual(find('path=/v1/7/else'), [3, 'a.b.path_/v1/*', ['/v1/*']])
  assert.deepEqual(find('path=/v2'), [1, 'a.b.path', undefined])
  assert.deepEqual(find('path='), [1, 'a.b.path', undefined])
})

test('a rule counts only for as many entries as it is deep', () => {
  assert.equal(find('path=/v2,deep=1'), undefined)
  assert.equal(find('any=x'), undefined)
  assert.deepEqual(find('any=x,deep=y'), [5, 'a.b.any_x.deep', undefined])
  assert.equal(find('any=x,deep=y,deeper=z'), undefined)
  assert.equal(find('other=x'), undefined)
  assert.equal(
    RULES.find('a', create(RateLimitDescriptorSchema, { entries: [{ key: 'path', value: 'x' }] })),
    undefined,
  )
})
