import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { RESOURCE_TYPES } from '@meltemi/api/xds'
import { DeltaSubscription } from './delta-subscription.ts'
import type { HeldType } from './held-resources.ts'
import { SotwSubscription } from './sotw-subscription.ts'

const NODE = { id: 'n' }

/** What is held, and changes. */
class Held {
  #type: HeldType = { version: '', resources: new Map() }
  readonly get = () => this.#type

  have(version: string, ...names: readonly string[]): void {
    const resources = names.map((name) => [name, { version, body: new Uint8Array(), value: [] }] as const)
    this.#type = { version, resources: new Map(resources) }
  }
}

const typeUrl = RESOURCE_TYPES.endpoint

describe('a state-of-the-world subscription', () => {
  test('says who asks only when it is told to, and begins with what it has accepted before', () => {
    const held = new Held()
    const subscription = new SotwSubscription('endpoint', ['a'], held.get)
    const first = { typeUrl, resourceNames: ['a'], versionInfo: '', responseNonce: '' }
    assert.deepEqual(subscription.open(NODE), { ...first, node: NODE })
    subscription.heard('1')
    held.have('v1', 'a')
    assert.deepEqual(subscription.open(undefined), { ...first, versionInfo: 'v1' })
  })

  test('says no version as long as anything of it is missing, for then nothing might come', () => {
    const held = new Held()
    held.have('v1', 'a')
    const subscription = new SotwSubscription('endpoint', ['a', 'b'], held.get)
    assert.equal(subscription.open(undefined).versionInfo, '')
  })

  test('accepts with the version of the response, and rejects with that of the last good one and why', () => {
    const held = new Held()
    const subscription = new SotwSubscription('endpoint', ['a'], held.get)
    subscription.heard('1')
    held.have('v1', 'a')
    const accepted = { typeUrl, resourceNames: ['a'], versionInfo: 'v1', responseNonce: '1' }
    assert.deepEqual(subscription.answer('1', undefined), accepted)
    subscription.heard('2')
    const errorDetail = { code: 3, message: 'no' }
    assert.deepEqual(subscription.answer('2', 'no'), { ...accepted, responseNonce: '2', errorDetail })
  })

  test('repeats all names when they change, with the newest nonce, whatever is answered yet', () => {
    const subscription = new SotwSubscription('endpoint', ['a'], new Held().get)
    subscription.heard('1')
    subscription.heard('2')
    assert.equal(subscription.rename(['a']), undefined)
    assert.deepEqual(subscription.rename(['a', 'b']), {
      typeUrl,
      resourceNames: ['a', 'b'],
      versionInfo: '',
      responseNonce: '2',
    })
    // the answer to the first response is its own, though it is stale by now
    assert.equal(subscription.answer('1', undefined).responseNonce, '1')
  })

  test('forgets nonces with their stream', () => {
    const held = new Held()
    held.have('v0', 'a')
    const subscription = new SotwSubscription('endpoint', ['a'], held.get)
    subscription.heard('1')
    assert.deepEqual(subscription.open(undefined), {
      typeUrl,
      resourceNames: ['a'],
      versionInfo: 'v0',
      responseNonce: '',
    })
  })
})

describe('a delta subscription', () => {
  test('begins a stream with its names and what it holds', () => {
    const held = new Held()
    const subscription = new DeltaSubscription('endpoint', ['a', 'b'], held.get)
    const first = { typeUrl, resourceNamesSubscribe: ['a', 'b'], initialResourceVersions: {} }
    assert.deepEqual(subscription.open(NODE), { ...first, node: NODE })
    held.have('7', 'a')
    assert.deepEqual(subscription.open(undefined), { ...first, initialResourceVersions: { a: '7' } })
  })

  test('says which names come and which go', () => {
    const subscription = new DeltaSubscription('endpoint', ['a', 'b'], new Held().get)
    assert.equal(subscription.rename(['a', 'b']), undefined)
    assert.deepEqual(subscription.rename(['b', 'c']), {
      typeUrl,
      resourceNamesSubscribe: ['c'],
      resourceNamesUnsubscribe: ['a'],
    })
    assert.deepEqual(subscription.names, ['b', 'c'])
  })

  test('answers each response by its nonce', () => {
    const subscription = new DeltaSubscription('endpoint', ['a'], new Held().get)
    assert.deepEqual(subscription.answer('5', undefined), { typeUrl, responseNonce: '5' })
    const errorDetail = { code: 3, message: 'no' }
    assert.deepEqual(subscription.answer('6', 'no'), { typeUrl, responseNonce: '6', errorDetail })
  })
})
