import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ProtocolError, ResponseStatus } from '@meltemi/sdk'
import { conformance, factsOf, feed } from '@meltemi/sdk/testing'
import { ordered } from './ordered.ts'
import { orderedSamples } from './samples.ts'

conformance(ordered, orderedSamples.samples)

const read = (side: 'downstream' | 'upstream', text: string) => {
  const bytes = Buffer.from(text)
  return feed(ordered, { name: text, side, bytes }, [bytes])
}

test('a request without an id has its command and key, and says whether a repeat is harmless', () => {
  const [get, set] = read('downstream', 'GET a\r\nSET b $1\r\nx\r\n').map(factsOf)
  assert.deepEqual(get!.properties, { command: 'GET', key: 'a' })
  assert.deepEqual(set!.properties, { command: 'SET', key: 'b' })
  assert.deepEqual([get!.idempotent, set!.idempotent], [true, false])
  assert.deepEqual([get!.requestId, set!.requestId], [0, 0])
})

test('a reply that starts with a minus is an error', () => {
  const statuses = read('upstream', '+OK\r\n-ERR no\r\n$1\r\n-\r\n').map((reply) => reply.status)
  assert.deepEqual(statuses, [ResponseStatus.Ok, ResponseStatus.Error, ResponseStatus.Ok])
})

test('broken lines and impossible block sizes are refused', () => {
  const digits = '9'.repeat(400)
  for (const text of ['\r\n', '\n', 'GET a\n', 'SET a $1\r\nxyz', `SET a $${digits}\r\n`, `SET a $${digits}0\r\n`]) {
    assert.throws(() => read('downstream', text), ProtocolError, text)
  }
})
