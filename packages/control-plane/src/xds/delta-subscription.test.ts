import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { DeltaDiscoveryRequestSchema, type ResourceType } from '@meltemi/api/xds'
import { DeltaSubscription } from './delta-subscription.ts'
import { RecordingEncoder } from './testing/recording-encoder.ts'
import { testSnapshot, type Versions } from './testing/snapshots.ts'

const MAX_NAMES = 3
const REJECTED = { errorDetail: { code: 3, message: '' } }

/** A subscription with the server and the client around it. */
class Story {
  readonly subscription: DeltaSubscription
  readonly #type: ResourceType
  readonly #encoder = new RecordingEncoder()
  #resources = testSnapshot('0', {}).resources
  #nonce = 0

  constructor(type: ResourceType) {
    this.#type = type
    this.subscription = new DeltaSubscription(type, MAX_NAMES)
  }

  world(versions: Versions): this {
    this.#resources = testSnapshot('0', { [this.#type]: versions }).resources
    return this
  }

  /** The client says something of itself. */
  say(request: MessageInitShape<typeof DeltaDiscoveryRequestSchema> = {}) {
    return this.subscription.receive(create(DeltaDiscoveryRequestSchema, request))
  }

  subscribe(...names: string[]) {
    return this.say({ resourceNamesSubscribe: names })
  }

  unsubscribe(...names: string[]) {
    return this.say({ resourceNamesUnsubscribe: names })
  }

  /** The client answers the last response. */
  answer(request: MessageInitShape<typeof DeltaDiscoveryRequestSchema> = {}) {
    return this.say({ responseNonce: String(this.#nonce), ...request })
  }

  /** What the server sends next, and the client accepts; undefined: nothing. */
  next(): readonly string[] | undefined {
    const sent = this.send()
    if (sent !== undefined) assert.equal(this.answer(), 'accepted')
    return sent
  }

  send(mayRemove = true): readonly string[] | undefined {
    const resources = this.#resources[this.#type]
    const { subscription } = this
    const isDue = subscription.hasAdditions(resources) || (mayRemove && subscription.hasRemovals(resources))
    if (!isDue || subscription.delivery.isOutstanding) return undefined
    const nonce = String(++this.#nonce)
    subscription.respond({ resources, version: 'v', nonce, sinceMs: 0, mayRemove, encoder: this.#encoder })
    return this.#encoder.take()
  }
}

describe('incremental', () => {
  test('brings what is different, and the names of what is gone', () => {
    const story = new Story('cluster').world({ a: '1', b: '1' })
    story.say()
    assert.deepEqual(story.next(), ['a 1', 'b 1'])
    assert.equal(story.next(), undefined)
    assert.deepEqual(story.world({ a: '1', b: '2', c: '1' }).next(), ['b 2', 'c 1'])
    assert.deepEqual(story.world({ b: '2' }).next(), ['-a', '-c'])
    assert.equal(story.next(), undefined)
  })

  test('keeps what is gone until it may be removed', () => {
    const story = new Story('cluster').world({ a: '1' })
    story.say()
    story.next()
    story.world({ b: '1' })
    assert.deepEqual(story.send(false), ['b 1'])
    story.answer()
    assert.equal(story.send(false), undefined)
    assert.deepEqual(story.send(true), ['-a'])
  })

  test('answers who wants everything even when there is nothing', () => {
    const story = new Story('listener')
    story.say()
    assert.deepEqual(story.next(), [])
    assert.equal(story.next(), undefined)
  })

  test('tells of a name that there is no such resource, once, and when there is one', () => {
    const story = new Story('route').world({ a: '1' })
    story.subscribe('a', 'none')
    assert.deepEqual(story.next(), ['a 1', '-none'])
    assert.equal(story.world({ a: '1', x: '1' }).next(), undefined)
    assert.deepEqual(story.world({ a: '1', none: '1' }).next(), ['none 1'])
    assert.deepEqual(story.world({ a: '1' }).next(), ['-none'])
  })

  test('brings again what is asked for again, even if it is the same', () => {
    const story = new Story('endpoint').world({ a: '1', b: '1' })
    story.subscribe('a')
    story.next()
    story.subscribe('a', 'b')
    assert.deepEqual(story.next(), ['a 1', 'b 1'])
  })

  test('brings nothing of what was unsubscribed', () => {
    const story = new Story('endpoint').world({ a: '1', b: '1' })
    story.subscribe('a', 'b')
    story.next()
    story.unsubscribe('a', 'unknown')
    assert.deepEqual(story.world({ a: '2', b: '2' }).next(), ['b 2'])
    assert.equal(story.world({ b: '2' }).next(), undefined, 'that a is gone is nobody’s concern')
  })

  test('goes on with a wildcard beside names, until the star is unsubscribed', () => {
    const story = new Story('cluster').world({ a: '1', b: '1' })
    story.say()
    story.next()
    story.subscribe('a')
    assert.deepEqual(story.next(), ['a 1'])
    assert.deepEqual(story.world({ a: '1', b: '2' }).next(), ['b 2'])
    story.unsubscribe('*')
    assert.deepEqual(story.world({ a: '2', b: '3' }).next(), ['a 2'])
    story.subscribe('*')
    assert.deepEqual(story.next(), ['b 3'])
  })

  test('says of a name that is unsubscribed while everything is wanted whether it is part of that', () => {
    const story = new Story('cluster').world({ a: '1' })
    story.subscribe('*', 'a', 'none')
    assert.deepEqual(story.next(), ['a 1', '-none'])
    story.unsubscribe('a', 'none')
    assert.deepEqual(story.next(), ['a 1', '-none'])
  })

  test('has no wildcard without a star where names are needed', () => {
    const story = new Story('endpoint').world({ a: '1' })
    story.say()
    assert.equal(story.next(), undefined)
    story.subscribe('*')
    assert.deepEqual(story.next(), ['a 1'])
  })
})

describe('a client that comes back', () => {
  test('gets what it does not have yet, and is told what is gone', () => {
    const story = new Story('cluster').world({ same: '1', other: '2', fresh: '1' })
    story.say({ initialResourceVersions: { same: '1', other: '1', gone: '1' } })
    assert.deepEqual(story.next(), ['fresh 1', 'other 2', '-gone'])
  })

  test('gets nothing when it has everything, not even an empty response', () => {
    const story = new Story('cluster').world({ a: '1' })
    story.say({ initialResourceVersions: { a: '1' } })
    assert.equal(story.next(), undefined)
    const named = new Story('endpoint').world({ a: '1', b: '1' })
    named.say({ resourceNamesSubscribe: ['a'], initialResourceVersions: { a: '1', unwanted: '7' } })
    assert.equal(named.next(), undefined)
  })

  test('may have names that mean something to JavaScript', () => {
    const story = new Story('endpoint').world({ constructor: '1' })
    story.subscribe('constructor', '__proto__')
    assert.deepEqual(story.next(), ['constructor 1', '-__proto__'])
  })
})

describe('answers', () => {
  test('of one response are waited for before the next, which is what is newest then', () => {
    const story = new Story('cluster').world({ a: '1', b: '1' })
    story.say()
    story.send()
    assert.equal(story.world({ a: '2', b: '1' }).send(), undefined)
    assert.equal(story.world({ a: '3' }).send(), undefined)
    story.answer()
    assert.deepEqual(story.send(), ['a 3', '-b'])
  })

  test('with a nonce that is not the last one are none, but what they ask for counts', () => {
    const story = new Story('endpoint').world({ a: '1', b: '1' })
    story.subscribe('a')
    story.send()
    assert.equal(story.answer({ responseNonce: 'long ago', resourceNamesSubscribe: ['b'] }), 'stale')
    assert.ok(story.subscription.delivery.isOutstanding)
    story.answer()
    assert.deepEqual(story.send(), ['b 1'])
  })

  test('that reject are not argued with, and everything comes again once something is better or gone', () => {
    for (const [better, expected] of [
      [{ good: '2', bad: '3' }, ['bad 3', 'good 2', '-gone']],
      [{ good: '2' }, ['good 2', '-bad', '-gone']],
    ] as const) {
      const story = new Story('cluster').world({ good: '1', bad: '1', gone: '1' })
      story.say()
      story.next()
      assert.deepEqual(story.world({ good: '2', bad: 'bad' }).send(), ['bad bad', 'good 2', '-gone'])
      assert.equal(story.answer(REJECTED), 'rejected')
      assert.equal(story.subscription.delivery.error, 'code 3')
      assert.equal(story.send(), undefined)
      assert.deepEqual(story.world(better).send(), expected)
      story.answer(REJECTED)
      assert.equal(story.send(), undefined)
    }
  })
})

test('what was rejected is not forgotten while the client asks for something else', () => {
  const story = new Story('endpoint').world({ good: '2', bad: 'bad' })
  story.subscribe('good', 'bad')
  assert.deepEqual(story.send(), ['bad bad', 'good 2'])
  story.answer(REJECTED)
  assert.ok(story.subscription.isRefused)
  story.subscribe('none')
  assert.deepEqual(story.next(), ['-none'])
  assert.ok(story.subscription.isRefused)
  assert.deepEqual(story.world({ good: '2', bad: '3' }).next(), ['bad 3', 'good 2'])
  assert.ok(!story.subscription.isRefused)
})

test('more than a client may keep in the server is refused', () => {
  const code = { code: 8 }
  assert.throws(() => new Story('endpoint').subscribe('a', 'b', 'c', 'd'), code)
  const initialResourceVersions = { a: '1', b: '1', c: '1', d: '1' }
  assert.throws(() => new Story('cluster').say({ initialResourceVersions }), code)
  const story = new Story('cluster')
  story.say()
  assert.throws(() => {
    for (let index = 0; index <= MAX_NAMES; index++) {
      story.subscribe(`name ${index}`)
      story.unsubscribe(`name ${index}`)
    }
  }, code)
})
