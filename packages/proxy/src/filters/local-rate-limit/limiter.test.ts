import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TokenBucketConfig } from '@meltemi/api/model'
import { type ConnectionInfo, type FilterContext, MessageType, Metadata } from '@meltemi/sdk'
import { SeededRandom } from '../../util/random.ts'
import { TurnClock } from '../../util/turn-clock.ts'
import { createLimiter, type Limiter, limiterWords } from './limiter.ts'

const CONFIG: TokenBucketConfig = {
  maxTokens: 2,
  tokensPerFill: 1,
  fillIntervalMs: 1_000_000,
  perConnection: true,
  metadataKeys: ['user'],
  maxBuckets: 100,
}

/** A limiter of one worker after another, with the memory that stays. */
function limiters() {
  const words = new Int32Array(new SharedArrayBuffer(limiterWords(CONFIG) * Int32Array.BYTES_PER_ELEMENT))
  const turn = new TurnClock({ now: () => 0 } as ConstructorParameters<typeof TurnClock>[0])
  const random = new SeededRandom(1)
  const counts = { evicted: () => {}, overflowed: () => {} }
  return (): Limiter =>
    createLimiter(CONFIG, { words, originMs: 0, turn, offsetMs: 0, counts, seed: 7, worker: 0, random: random.next() })
}

function ask(limiter: Limiter, connection: ConnectionInfo): boolean {
  const request = new Metadata(MessageType.Request)
  request.set('user', 'me')
  return limiter.take({ request, connection } as unknown as FilterContext)
}

test('a connection of a worker that takes the place of another has nothing to do with those that were there', () => {
  const start = limiters()
  const [before, after] = [start(), start()]
  const [old, young] = [{} as ConnectionInfo, {} as ConnectionInfo]
  assert.deepEqual([ask(before, old), ask(before, old), ask(before, old)], [true, true, false])
  assert.deepEqual([ask(after, young), ask(after, young), ask(after, young)], [true, true, false])
})
