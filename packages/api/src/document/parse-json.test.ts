import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ProblemList } from '../schema/problem-list.ts'
import { parseYaml } from './parse-document.ts'
import { tryParseJson } from './parse-json.ts'
import { type SourceNode, sourceToJson } from './source-node.ts'

function read(text: string): SourceNode {
  return tryParseJson(text, new ProblemList('f')) ?? assert.fail('no JSON')
}

test('any object is read as JSON.parse reads it, however it is indented', () => {
  const isRounded = (value: unknown) => Number.isInteger(value) && !Number.isSafeInteger(value)
  const object = fc
    .dictionary(fc.string({ unit: 'binary' }), fc.jsonValue())
    .map((json) => JSON.parse(JSON.stringify(json), (_, value) => (isRounded(value) ? 0 : value)))
  fc.assert(
    fc.property(object, fc.constantFrom('', 1, '\t', '\n'), (json, indent) => {
      const text = JSON.stringify(json, undefined, indent)
      assert.deepEqual(sourceToJson(read(text)), JSON.parse(text))
    }),
    { numRuns: 300 },
  )
})

test('places are those that the YAML reader gives', () => {
  const text = ' {\n  "a": [1, -2.5e3, true,\n null, {}, []],\r\n  "b\\"\\\\": {"c": "x\\u0041", "c": "y"}\n}\n'
  assert.deepEqual(read(text), parseYaml(text, new ProblemList('f')))
})

test('a large integer is not rounded', () => {
  const node = read('{"a": 9007199254740993}')
  assert.equal(
    node.kind === 'map' && node.entries[0]?.value.kind === 'scalar' && node.entries[0].value.value,
    9007199254740993n,
  )
})

test('what is not a JSON object is left to the YAML reader', () => {
  for (const text of ['', 'a: 1', '{a: 1}', '{"a": 1,}', '{"a": 1} x', '[1]', '{"a": 1']) {
    assert.equal(tryParseJson(text, new ProblemList('f')), undefined)
  }
})

test('nesting is bounded', () => {
  const problems = new ProblemList('f')
  tryParseJson(`{"a": ${'['.repeat(100_000)}${']'.repeat(100_000)}}`, problems)
  assert.deepEqual(
    problems.sorted().map((problem) => problem.message),
    ['the document has more than 100 levels of nesting'],
  )
})
