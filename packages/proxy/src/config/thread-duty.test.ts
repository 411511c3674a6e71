import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ListenerConfig } from '@meltemi/api'
import { NO_CHANGE } from '@meltemi/api/model'
import { ThreadDuty, threadsOf } from './thread-duty.ts'

const PLAN = { shared: 2, own: ['orders', 'late'] }
const listener = (name: string) => ({ name }) as ListenerConfig
const LISTENERS = ['billing', 'orders', 'stock'].map(listener)

function dutyOf(thread: number): ThreadDuty {
  return new ThreadDuty(PLAN, thread)
}

test('each listener is served by all threads of the others, or by its own one', () => {
  const served = Array.from({ length: threadsOf(PLAN) }, (_, thread) =>
    dutyOf(thread)
      .of(LISTENERS)
      .map((each) => each.name),
  )
  assert.deepEqual(served, [['billing', 'stock'], ['billing', 'stock'], ['orders'], []])
  assert.deepEqual(ThreadDuty.everything.of(LISTENERS), LISTENERS)
})

test('threads that serve the same have numbers of their own', () => {
  const places = Array.from({ length: threadsOf(PLAN) }, (_, thread) => [dutyOf(thread).place, dutyOf(thread).places])
  assert.deepEqual(places, [
    [0, 2],
    [1, 2],
    [0, 1],
    [0, 1],
  ])
})

test('of a change each thread has what it serves, and all that is not about listeners', () => {
  const clusters = [{ name: 'service' }] as unknown as (typeof NO_CHANGE)['clusters']
  const change = {
    ...NO_CHANGE,
    clusters,
    listeners: [listener('late'), listener('stock')],
    listenersRemoved: ['orders', 'billing'],
  }
  const parts = [0, 2, 3].map((thread) => dutyOf(thread).partOf(change))
  assert.deepEqual(
    parts.map(({ listeners, listenersRemoved }) => [listeners.map(({ name }) => name), listenersRemoved]),
    [
      [['stock'], ['billing']],
      [[], ['orders']],
      [['late'], []],
    ],
  )
  for (const part of parts) assert.equal(part.clusters, clusters)
})
