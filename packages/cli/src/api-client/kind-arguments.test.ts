import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseKindArguments } from './kind-arguments.ts'

function parsed(...words: string[]): string[] {
  return parseKindArguments(words).map(({ kind, names }) => [kind.kind, ...names].join(' '))
}

test('kinds go by every name that kubectl knows them by', () => {
  const names = ['metarouter', 'metarouters', 'MetaRouter', 'mr', 'metarouters.metaprotocol.aeraki.io']
  for (const name of [...names, 'metarouters.v1alpha1.metaprotocol.aeraki.io']) {
    assert.deepEqual(parsed(name), ['MetaRouter'], name)
  }
  assert.deepEqual(parsed('svc'), ['Service'])
  assert.deepEqual(parsed('endpointslices.discovery.k8s.io'), ['EndpointSlice'])
})

test('several kinds, several names, and pairs of both', () => {
  assert.deepEqual(parsed('mr,se,metarouter'), ['MetaRouter', 'ServiceEntry'])
  assert.deepEqual(parsed('mr', 'a', 'b'), ['MetaRouter a b'])
  assert.deepEqual(parsed('mr/a', 'se/b'), ['MetaRouter a', 'ServiceEntry b'])
})

test('what is no kind, or a mixture, is refused with what was meant', () => {
  const cases: readonly (readonly [words: string[], expected: RegExp])[] = [
    [
      ['metaroutre'],
      /^CommandError: the server doesn't have a resource type "metaroutre", did you mean metarouters\?$/,
    ],
    [['metarouters.example.com'], /doesn't have a resource type/],
    [['constructor'], /doesn't have a resource type "constructor"$/],
    [['mr,se', 'a'], /names need one kind/],
    [['mr/a', 'b'], /expected KIND\/NAME, got "b"/],
    [['mr/'], /expected KIND\/NAME/],
    [['mr/a/b'], /expected KIND\/NAME/],
    [['mr,'], /doesn't have a resource type ""/],
  ]
  for (const [words, expected] of cases) assert.throws(() => parseKindArguments(words), expected, words.join(' '))
})
