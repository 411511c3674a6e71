import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { envoyProtocolOfPort, protocolOfPort } from './port-protocol.ts'

test('the longest known protocol counts, whatever follows after another hyphen', () => {
  const known = new Set(['my', 'my-protocol', 'thrift'])
  assert.deepEqual(protocolOfPort('tcp-metaprotocol-my-protocol-hello', known), {
    kind: 'known',
    protocol: 'my-protocol',
  })
  assert.deepEqual(protocolOfPort('tcp-metaprotocol-my-protocol', known), { kind: 'known', protocol: 'my-protocol' })
  assert.deepEqual(protocolOfPort('tcp-metaprotocol-my-protocols', known), { kind: 'known', protocol: 'my' })
  assert.deepEqual(protocolOfPort('tcp-metaprotocol-thrift-hello-server', known), { kind: 'known', protocol: 'thrift' })
})

test('a protocol that nobody knows, and a name without any, are told apart from plain TCP', () => {
  const known = new Set(['thrift'])
  assert.deepEqual(protocolOfPort('tcp-metaprotocol-thrifty', known), { kind: 'unknown', rest: 'thrifty' })
  assert.deepEqual(protocolOfPort('tcp-metaprotocol-Thrift', known), { kind: 'unknown', rest: 'Thrift' })
  for (const name of ['tcp-metaprotocol', 'tcp-metaprotocol-']) {
    assert.deepEqual(protocolOfPort(name, known), { kind: 'malformed' }, name)
  }
  for (const name of [
    '',
    'tcp',
    'tcp-thrift',
    'http-web',
    'metaprotocol-thrift',
    'tcp-metaprotocols-thrift',
    'a-b-metaprotocol-thrift',
  ]) {
    assert.deepEqual(protocolOfPort(name, known), { kind: 'none' }, name)
  }
})

test('the second word is read without case, the first one is not looked at, as in the reference', () => {
  const known = new Set(['thrift'])
  assert.deepEqual(protocolOfPort('tcp-MetaProtocol-thrift', known), { kind: 'known', protocol: 'thrift' })
  assert.deepEqual(protocolOfPort('mesh-metaprotocol-thrift', known), { kind: 'known', protocol: 'thrift' })
})

const word = fc.stringMatching(/^[a-z0-9]{1,3}$/)
const protocol = fc.array(word, { minLength: 1, maxLength: 4 }).map((words) => words.join('-'))

test('of any known protocols the one found is a prefix up to a hyphen, and none that is longer is one', () => {
  const isPrefix = (rest: string, name: string) => rest === name || rest.startsWith(`${name}-`)
  fc.assert(
    fc.property(fc.uniqueArray(protocol, { maxLength: 12 }), protocol, (names, rest) => {
      const fitting = names.filter((name) => isPrefix(rest, name)).sort((a, b) => b.length - a.length)
      const expected = fitting[0] === undefined ? { kind: 'unknown', rest } : { kind: 'known', protocol: fitting[0] }
      assert.deepEqual(protocolOfPort(`tcp-metaprotocol-${rest}`, new Set(names)), expected)
    }),
    { numRuns: 2_000 },
  )
})

test('a registered protocol is found in every name that is made of it', () => {
  fc.assert(
    fc.property(protocol, fc.option(protocol), (name, suffix) => {
      const port = `tcp-metaprotocol-${name}${suffix === null ? '' : `-${suffix}`}`
      assert.deepEqual(protocolOfPort(port, new Set([name])), { kind: 'known', protocol: name })
    }),
  )
})

test('any text ends in an answer at once', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 300 }), (text) => {
      assert.ok(protocolOfPort(text, new Set(['a'])).kind.length > 0)
    }),
  )
  assert.equal(protocolOfPort(`tcp-metaprotocol-${'-'.repeat(100_000)}`, new Set(['a'])).kind, 'unknown')
})

test('protocols of Envoy itself are the second word, whatever its letters', () => {
  assert.equal(envoyProtocolOfPort('tcp-Dubbo-hello'), 'dubbo')
  assert.equal(envoyProtocolOfPort('tcp-dubbos'), 'dubbos')
  assert.equal(envoyProtocolOfPort('dubbo'), undefined)
})
