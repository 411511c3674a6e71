import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ResourceType } from '@meltemi/api/xds'
import { Delivery } from './delivery.ts'
import { TYPES_IN_ORDER } from './resource-kinds.ts'
import { nextTurn } from './send-order.ts'
import { testSnapshot } from './testing/snapshots.ts'

/** A subscription as far as the order is concerned. */
class Waiting {
  readonly type: ResourceType
  readonly delivery = new Delivery()
  additions = false
  removals = false

  constructor(type: ResourceType) {
    this.type = type
  }

  get isRefused(): boolean {
    return this.delivery.isRejected
  }

  hasAdditions(): boolean {
    return this.additions
  }

  hasRemovals(): boolean {
    return this.removals
  }
}

class Story {
  readonly #subscriptions: ReadonlyMap<ResourceType, Waiting>
  mayBreak = true

  constructor(types: readonly ResourceType[] = TYPES_IN_ORDER) {
    this.#subscriptions = new Map(types.map((type) => [type, new Waiting(type)]))
  }

  of(type: ResourceType): Waiting {
    return this.#subscriptions.get(type) as Waiting
  }

  /** What is sent until somebody has to wait; nobody answers. */
  sendAll(): readonly string[] {
    const sent: string[] = []
    for (let turn = this.#turn(); turn !== undefined; turn = this.#turn()) {
      const { subscription, mayRemove } = turn
      subscription.delivery.sent('1', 'v', 0)
      subscription.additions = false
      if (mayRemove) subscription.removals = false
      sent.push(`${subscription.type}${mayRemove ? ', whole' : ''}`)
    }
    return sent
  }

  accept(...types: readonly ResourceType[]): void {
    for (const type of types) assert.equal(this.of(type).delivery.answer('1', undefined), 'accepted')
  }

  #turn() {
    return nextTurn(this.#subscriptions, testSnapshot('v', {}), this.mayBreak)
  }
}

test('what is referred to goes first, what refers to it when that was answered, what is gone last', () => {
  const story = new Story()
  for (const type of TYPES_IN_ORDER) story.of(type).additions = true
  for (const type of TYPES_IN_ORDER) story.of(type).removals = true
  assert.deepEqual(story.sendAll(), ['extensionConfig', 'cluster', 'endpoint'])
  story.accept('extensionConfig', 'cluster')
  assert.deepEqual(story.sendAll(), [])
  story.accept('endpoint')
  assert.deepEqual(story.sendAll(), ['listener, whole', 'route'])
  story.accept('listener')
  assert.deepEqual(story.sendAll(), [])
  story.accept('route')
  story.mayBreak = false
  assert.deepEqual(story.sendAll(), [])
  story.mayBreak = true
  for (const type of ['route', 'cluster', 'endpoint', 'extensionConfig'] as const) {
    assert.deepEqual(story.sendAll(), [`${type}, whole`])
    story.accept(type)
  }
  assert.deepEqual(story.sendAll(), [])
})

test('routes do not overtake clusters that wait for an answer, but endpoints do, as they may be what it waits for', () => {
  const story = new Story()
  story.of('cluster').delivery.sent('1', 'v', 0)
  story.of('cluster').additions = true
  story.of('endpoint').additions = true
  story.of('route').additions = true
  assert.deepEqual(story.sendAll(), ['endpoint'])
  story.accept('cluster')
  assert.deepEqual(story.sendAll(), ['cluster'])
  story.accept('endpoint')
  assert.deepEqual(story.sendAll(), [])
  story.accept('cluster')
  assert.deepEqual(story.sendAll(), ['route'])
})

test('routes do not overtake listeners that wait for an answer', () => {
  const story = new Story()
  story.of('listener').delivery.sent('1', 'v', 0)
  story.of('listener').additions = true
  story.of('route').additions = true
  assert.deepEqual(story.sendAll(), [])
  story.accept('listener')
  assert.deepEqual(story.sendAll(), ['listener, whole', 'route'])
})

test('what was rejected keeps nothing new back, but what is gone stays while it may be in use', () => {
  const story = new Story()
  story.of('cluster').additions = true
  story.of('route').additions = true
  story.of('cluster').removals = true
  assert.deepEqual(story.sendAll(), ['cluster'])
  story.of('cluster').delivery.answer('1', { code: 3, message: 'bad' } as never)
  assert.deepEqual(story.sendAll(), ['route'])
  story.of('route').delivery.answer('1', { code: 3, message: 'bad' } as never)
  assert.deepEqual(story.sendAll(), [])
  story.of('route').additions = true
  assert.deepEqual(story.sendAll(), ['route'])
  story.accept('route')
  assert.deepEqual(story.sendAll(), ['cluster, whole'])
})

test('routes that are gone go even if the last ones were rejected', () => {
  const story = new Story()
  story.of('route').additions = true
  story.sendAll()
  story.of('route').delivery.answer('1', { code: 3, message: 'bad' } as never)
  story.of('route').removals = true
  story.of('cluster').removals = true
  assert.deepEqual(story.sendAll(), ['route, whole'])
  story.accept('route')
  assert.deepEqual(story.sendAll(), ['cluster, whole'])
})

test('types that nobody asked for keep nobody waiting', () => {
  const story = new Story(['cluster', 'route'])
  story.of('route').additions = true
  story.of('cluster').removals = true
  assert.deepEqual(story.sendAll(), ['route'])
  story.accept('route')
  assert.deepEqual(story.sendAll(), ['cluster, whole'])
})
