import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { DiscoveryRequestSchema, type ResourceType } from '@meltemi/api/xds'
import { SotwSubscription } from './sotw-subscription.ts'
import { RecordingEncoder } from './testing/recording-encoder.ts'
import { testSnapshot, type Versions } from './testing/snapshots.ts'

const MAX_NAMES = 3
const REJECTED = { code: 3, message: 'no such filter' }

/** A subscription with the server and the client around it. */
class Story {
  readonly subscription: SotwSubscription
  readonly #type: ResourceType
  readonly #encoder = new RecordingEncoder()
  #resources = testSnapshot('0', {}).resources
  #nonce = 0

  constructor(type: ResourceType) {
    this.#type = type
    this.subscription = new SotwSubscription(type, MAX_NAMES)
  }

  world(versions: Versions): this {
    this.#resources = testSnapshot('0', { [this.#type]: versions }).resources
    return this
  }

  /** The client asks for names, with the nonce of the last response unless told otherwise. */
  ask(names: readonly string[], request: MessageInitShape<typeof DiscoveryRequestSchema> = {}) {
    const nonce = this.#nonce === 0 ? '' : String(this.#nonce)
    const fields = { resourceNames: [...names], responseNonce: nonce, ...request }
    return this.subscription.receive(create(DiscoveryRequestSchema, fields))
  }

  /** What the server sends next; undefined: nothing. */
  next(mayRemove = true): readonly string[] | undefined {
    const resources = this.#resources[this.#type]
    const { subscription } = this
    const isDue = subscription.hasAdditions(resources) || (mayRemove && subscription.hasRemovals(resources))
    if (!isDue || subscription.delivery.isOutstanding) return undefined
    const nonce = String(++this.#nonce)
    subscription.respond({ resources, version: 'v', nonce, sinceMs: 0, mayRemove, encoder: this.#encoder })
    return this.#encoder.take()
  }
}

describe('clusters and listeners, as state of the world', () => {
  test('come all without being named, and whole whenever one of them is different', () => {
    const story = new Story('cluster').world({ a: '1', b: '1' })
    assert.equal(story.ask([]), 'none')
    assert.deepEqual(story.next(), ['a 1', 'b 1'])
    assert.equal(story.ask([]), 'accepted')
    assert.equal(story.next(), undefined)
    assert.deepEqual(story.world({ a: '2', b: '1' }).next(), ['a 2', 'b 1'])
    story.ask([])
    assert.deepEqual(story.world({ b: '1' }).next(), ['b 1'], 'a is gone')
  })

  test('are answered even when there are none, so that a proxy can start', () => {
    const story = new Story('listener')
    story.ask([])
    assert.deepEqual(story.next(), [])
    story.ask([])
    assert.equal(story.next(), undefined)
  })

  test('keep what is gone until it may be removed', () => {
    const story = new Story('cluster').world({ a: '1' })
    story.ask([])
    story.next()
    story.ask([])
    story.world({ b: '1' })
    assert.deepEqual(story.next(false), ['a 1', 'b 1'])
    story.ask([])
    assert.equal(story.next(false), undefined)
    assert.deepEqual(story.next(true), ['b 1'])
  })

  test('that are named are those and no others, and absence tells that there is none', () => {
    const story = new Story('cluster').world({ a: '1', b: '1', c: '1' })
    story.ask(['a', 'none'])
    assert.deepEqual(story.next(), ['a 1'])
    story.ask(['a', 'none', 'b'])
    assert.deepEqual(story.next(), ['a 1', 'b 1'])
    story.ask(['b'])
    assert.equal(story.next(), undefined, 'less is no reason to answer')
    story.ask(['b', 'other'])
    assert.deepEqual(story.next(), ['b 1'], 'that there is none is an answer')
  })

  test('that are named no more are none, and the star is everything', () => {
    const story = new Story('listener').world({ a: '1', b: '1' })
    story.ask(['a'])
    assert.deepEqual(story.next(), ['a 1'])
    story.ask([])
    story.world({ a: '2', b: '2' })
    assert.equal(story.next(), undefined, 'not a wildcard, as names were given before')
    story.ask(['*', 'a'])
    assert.deepEqual(story.next(), ['a 2', 'b 2'])
    story.ask(['a'])
    assert.equal(story.world({ a: '2', b: '3' }).next(), undefined, 'the star is gone')
    assert.deepEqual(story.world({ a: '3', b: '3' }).next(), ['a 3'])
  })
})

describe('endpoints and routes, as state of the world', () => {
  test('are those that are named, and only what is new of them', () => {
    const story = new Story('endpoint').world({ a: '1', b: '1', c: '1' })
    story.ask([])
    assert.equal(story.next(), undefined)
    story.ask(['a'])
    assert.deepEqual(story.next(), ['a 1'])
    story.ask(['a', 'b'])
    assert.deepEqual(story.next(), ['b 1'])
    story.ask(['a', 'b'])
    assert.deepEqual(story.world({ a: '2', b: '1', c: '2' }).next(), ['a 2'])
    story.ask(['a', 'b'])
    assert.equal(story.world({}).next(), undefined, 'they end with what refers to them')
  })

  test('that were dropped and are named again come again', () => {
    const story = new Story('route').world({ a: '1' })
    story.ask(['a'])
    story.next()
    story.ask([])
    assert.equal(story.next(), undefined)
    story.ask(['a'])
    assert.deepEqual(story.next(), ['a 1'])
  })

  test('come again when they are forgotten', () => {
    const story = new Story('endpoint').world({ a: '1', b: '1' })
    story.ask(['a', 'b'])
    story.next()
    story.ask(['a', 'b'])
    story.subscription.forget(['a', 'unknown'])
    assert.deepEqual(story.next(), ['a 1'])
  })
})

describe('answers', () => {
  test('of one response are waited for before the next, which is what is newest then', () => {
    const story = new Story('cluster').world({ a: '1' })
    story.ask([])
    assert.deepEqual(story.next(), ['a 1'])
    assert.equal(story.world({ a: '2' }).next(), undefined)
    assert.equal(story.world({ a: '3' }).next(), undefined)
    story.ask([])
    assert.deepEqual(story.next(), ['a 3'])
  })

  test('with a nonce that is not the last one are ignored with all they say', () => {
    const story = new Story('endpoint').world({ a: '1', b: '1' })
    story.ask(['a'])
    story.next()
    assert.equal(story.ask(['b'], { responseNonce: 'long ago' }), 'stale')
    assert.ok(story.subscription.delivery.isOutstanding)
    assert.equal(story.ask(['a']), 'accepted')
    assert.equal(story.next(), undefined)
  })

  test('may come after questions that do not know of the response yet', () => {
    const story = new Story('endpoint').world({ a: '1', b: '1' })
    story.ask(['a'])
    assert.deepEqual(story.next(), ['a 1'])
    assert.equal(story.ask(['a', 'b'], { responseNonce: '' }), 'none')
    assert.equal(story.next(), undefined)
    assert.equal(story.ask(['a', 'b']), 'accepted')
    assert.deepEqual(story.next(), ['b 1'])
  })

  test('that reject are not argued with: nothing is sent until something is different', () => {
    const story = new Story('cluster').world({ a: 'bad' })
    story.ask([])
    story.next()
    assert.equal(story.ask([], { errorDetail: REJECTED }), 'rejected')
    assert.equal(story.subscription.delivery.error, 'no such filter')
    assert.equal(story.next(), undefined)
    assert.deepEqual(story.world({ a: '2' }).next(), ['a 2'])
    assert.equal(story.ask([]), 'accepted')
  })

  test('that reject make the good come again, once what is bad is better or gone', () => {
    for (const better of [{ good: '2', bad: '3' }, { good: '2' }]) {
      const story = new Story('endpoint').world({ good: '1', bad: '1' })
      story.ask(['good', 'bad'])
      story.next()
      story.ask(['good', 'bad'])
      assert.deepEqual(story.world({ good: '2', bad: 'bad' }).next(), ['bad bad', 'good 2'])
      story.ask(['good', 'bad'], { errorDetail: REJECTED })
      const again = story.world(better).next()
      assert.ok(again?.includes('good 2'), String(again))
      assert.equal(story.next(), undefined)
      story.ask(['good', 'bad'], { errorDetail: REJECTED })
      assert.equal(story.next(), undefined, 'no argument either')
    }
  })
})

test('a rejection is over when something else is accepted, or when what was rejected is wanted no more', () => {
  const clusters = new Story('cluster').world({ a: 'bad' })
  clusters.ask([])
  clusters.next()
  clusters.ask([], { errorDetail: REJECTED })
  assert.ok(clusters.subscription.isRefused)
  clusters.world({ a: '2' }).next()
  clusters.ask([])
  assert.ok(!clusters.subscription.isRefused)
  const routes = new Story('route').world({ a: 'bad', b: '1' })
  routes.ask(['a', 'b'])
  routes.next()
  routes.ask(['a', 'b'], { errorDetail: REJECTED })
  assert.ok(routes.subscription.isRefused)
  routes.ask([])
  assert.ok(!routes.subscription.isRefused)
})

test('too many names, and names that are too long, are refused', () => {
  const code = { code: 8 }
  assert.throws(() => new Story('endpoint').ask(['a', 'b', 'c', 'd']), code)
  assert.throws(() => new Story('endpoint').ask(['a'.repeat(5_000)]), code)
  new Story('endpoint').ask(['a', 'b', 'c', 'a'])
})
