import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Affinity } from '@meltemi/sdk'
import { conformance, decodeSample } from '@meltemi/sdk/testing'
import { sessionSamples, transactionSamples } from './samples.ts'
import { session, sessionFrame, transaction } from './session.ts'

conformance(session, sessionSamples.samples)
conformance(transaction, transactionSamples.samples)

function affinities(verbs: string): Affinity[] {
  const bytes = Buffer.concat([...verbs].map((verb, n) => sessionFrame({ verb, id: n + 1 })))
  const sample = { name: verbs, side: 'downstream' as const, bytes, messages: verbs.length }
  return decodeSample(session, sample).map(({ affinity }) => affinity)
}

test('a transaction owns its connection from begin to commit', () => {
  const { None, Pin, Unpin } = Affinity
  assert.deepEqual(affinities('QBQCQBC'), [None, Pin, None, Unpin, None, Pin, Unpin])
})

test('a login or a subscription owns its connection to the end, whatever is committed', () => {
  const { None, Pin } = Affinity
  assert.deepEqual(affinities('LBQC'), [Pin, Pin, None, None])
  assert.deepEqual(affinities('SBC'), [Pin, Pin, None])
})

test('the service greets first, and may push messages that answer no request', () => {
  assert.equal(session.greeting, 'server')
  assert.equal(transaction.greeting, undefined)
  const bytes = Buffer.concat([sessionFrame({ verb: 'G', body: 'hello' }), sessionFrame({ verb: 'P', body: 'news' })])
  const messages = decodeSample(session, { name: 'pushes', side: 'upstream', bytes, messages: 2 })
  assert.deepEqual(
    messages.map((message) => [message.requestId, message.get('verb'), message.get('body')]),
    [
      [0, 'G', 'hello'],
      [0, 'P', 'news'],
    ],
  )
})
