import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { formatRules } from './format-rules.ts'
import { parseRules, RulesError } from './parse-rules.ts'

function faults(...texts: readonly string[]): readonly string[] {
  try {
    parseRules(
      texts.map((text, index) => ({ name: `${index}.yaml`, text })),
      { mergesDomains: false },
    )
    return []
  } catch (error: unknown) {
    assert.ok(error instanceof RulesError)
    return error.lines
  }
}

describe('rules with a fault are refused whole, with the place and the path of', () => {
  const limit = 'rate_limit: {unit: day, requests_per_unit: 1}'
  const cases: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    ['a missing domain', ['descriptors: []'], ['0.yaml:1:1: domain: a domain is required']],
    [
      'a domain that another file has',
      ['domain: a', 'domain: a'],
      ['1.yaml:1:9: domain: the domain "a" is in 0.yaml already'],
    ],
    [
      'a descriptor that is there already',
      ['domain: a\ndescriptors:\n  - key: k\n    value: v\n  - key: k\n    value: v\n'],
      ['0.yaml:5:10: descriptors[1].key: there is another descriptor a.k_v'],
    ],
    [
      'a unit that is none',
      ['domain: a\ndescriptors:\n  - key: k\n    rate_limit: {unit: eon, requests_per_unit: 1}\n'],
      [
        '0.yaml:4:24: descriptors[0].rate_limit.unit: expected one of second, minute, hour, day, week, month, year, got "eon"',
      ],
    ],
    [
      'a misspelt field, and what is missing because of that',
      ['domain: a\ndescriptors:\n  - key: k\n    rate_limit: {unit: day, request_per_unit: 1}\n'],
      [
        '0.yaml:4:17: descriptors[0].rate_limit.requests_per_unit: requests_per_unit is required; 0 refuses everything',
        '0.yaml:4:29: descriptors[0].rate_limit.request_per_unit: unknown field; did you mean requests_per_unit?',
      ],
    ],
    [
      'too high a number',
      ['domain: a\ndescriptors:\n  - key: k\n    rate_limit: {unit: day, requests_per_unit: 4294967296}\n'],
      [
        '0.yaml:4:48: descriptors[0].rate_limit.requests_per_unit: expected a whole number from 0 to 4294967295, got 4294967296',
      ],
    ],
    [
      'a limit deep down that replaces itself',
      [
        'domain: a\ndescriptors:\n  - key: k\n    descriptors:\n      - key: l\n' +
          '        rate_limit: {unit: day, requests_per_unit: 1, name: n, replaces: [{name: n}]}\n',
      ],
      ['0.yaml:6:82: descriptors[0].descriptors[0].rate_limit.replaces[0].name: a limit cannot replace itself'],
    ],
    [
      'something else than a flag',
      [`domain: a\ndescriptors:\n  - key: k\n    shadow_mode: 1\n    ${limit}\n`],
      ['0.yaml:4:18: descriptors[0].shadow_mode: expected true or false, got 1'],
    ],
    [
      'what is not supported',
      ['domain: a\ndescriptors:\n  - key: k\n    metadata: {a: b}\n'],
      [
        '0.yaml:4:5: descriptors[0].metadata: unknown field; expected one of key, value, rate_limit, descriptors, shadow_mode, quota_mode, detailed_metric, value_to_metric, share_threshold',
      ],
    ],
  ]
  for (const [name, texts, expected] of cases) test(name, () => assert.deepEqual(faults(...texts), expected))
})

test('files of one domain are put together where that is asked for, and must still not say the same twice', () => {
  const files = ['k', 'l'].map((key) => ({ name: `${key}.yaml`, text: `domain: a\ndescriptors: [{key: ${key}}]` }))
  const rules = parseRules(files, { mergesDomains: true })
  assert.deepEqual([...(rules.domains.get('a')?.children.keys() ?? [])], ['k', 'l'])
  assert.throws(
    () => parseRules([...files, { ...(files[0] as (typeof files)[number]), name: 'm.yaml' }], { mergesDomains: true }),
    RulesError,
  )
})

test('limits are listed in the words of the reference', () => {
  const text = `
domain: a
descriptors:
  - key: k
    value: v
    shadow_mode: true
    rate_limit: {unit: Minute, requests_per_unit: 2}
    descriptors:
      - key: l
        rate_limit: {unlimited: true}
`
  assert.equal(
    formatRules(parseRules([{ name: 'a', text }], { mergesDomains: false })),
    'a.k_v.l: unlimited, shadow_mode: false, quota_mode: false\n' +
      'a.k_v: unit=MINUTE requests_per_unit=2, shadow_mode: true, quota_mode: false\n',
  )
})

test('whatever stands in a file, it is read or refused', () => {
  const scalar = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null), fc.double())
  const keys = fc.constantFrom(
    ...['domain', 'descriptors', 'key', 'value', 'rate_limit', 'unit', 'requests_per_unit', 'replaces', '__proto__'],
  )
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof({ maxDepth: 6 }, scalar, fc.array(tie('tree')), fc.dictionary(keys, tie('tree'))),
  }))
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        tree.map((value) => JSON.stringify(value)),
      ),
      (text) => {
        faults(text)
      },
    ),
    { numRuns: 300 },
  )
})
