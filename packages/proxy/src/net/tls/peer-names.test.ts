import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isHost, parseSubjectAltName, subjectOf } from './peer-names.ts'

test('names are read one by one, whatever stands inside them', () => {
  assert.deepEqual(parseSubjectAltName('DNS:a.test, URI:spiffe://a/b, IP Address:10.0.0.1, email:a@b, RID:1.2.3'), [
    { type: 'dns', value: 'a.test' },
    { type: 'uri', value: 'spiffe://a/b' },
    { type: 'ip', value: '10.0.0.1' },
    { type: 'email', value: 'a@b' },
  ])
  assert.deepEqual(parseSubjectAltName('URI:"https://x/, URI:spiffe://evil", DNS:"a\\", DNS:b"'), [
    { type: 'uri', value: 'https://x/, URI:spiffe://evil' },
    { type: 'dns', value: 'a", DNS:b' },
  ])
  assert.deepEqual(parseSubjectAltName('IP Address:0:0:0:0:0:0:0:1'), [{ type: 'ip', value: '::1' }])
  assert.deepEqual(parseSubjectAltName(''), [])
})

test('no text at all makes it throw or hang, and quoting is undone', () => {
  fc.assert(fc.property(fc.string(), (text) => void parseSubjectAltName(text)))
  fc.assert(
    fc.property(fc.array(fc.string({ minLength: 1 }), { minLength: 1 }), (names) => {
      const text = names.map((name) => `URI:${JSON.stringify(name)}`).join(', ')
      assert.deepEqual(
        parseSubjectAltName(text).map(({ value }) => value),
        names,
      )
    }),
  )
})

test('a star is one label, at the beginning', () => {
  const cases = [
    ['a.test', 'A.test', true],
    ['*.test', 'a.test', true],
    ['*.test', 'a.b.test', false],
    ['*.test', '.test', false],
    ['*.test', 'test', false],
    ['a.*', 'a.test', false],
  ] as const
  for (const [pattern, host, expected] of cases) assert.equal(isHost(pattern, host), expected, `${pattern} ${host}`)
})

test('a subject is written the last part first', () => {
  assert.equal(subjectOf({ subject: 'C=US\nO=Meltemi\nCN=a' }), 'CN=a,O=Meltemi,C=US')
})
