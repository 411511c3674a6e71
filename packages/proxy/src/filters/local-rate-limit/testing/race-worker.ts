/** A thread that takes from buckets as fast as it can, while time, which all threads push on, goes by. */

import { workerData } from 'node:worker_threads'
import { BucketTable } from '../bucket-table.ts'
import { Refill } from '../refill.ts'
import { SharedBuckets, Taken } from '../shared-buckets.ts'

export interface RaceSetup {
  /** What is raced for. */
  readonly words: SharedArrayBuffer
  /** [ time in ms ][ threads that are ready ][ taken by key 0, 1, … ] */
  readonly tally: SharedArrayBuffer
  readonly threads: number
  readonly attempts: number
  /** So many attempts of one thread are a millisecond. */
  readonly attemptsPerMs: number
  /** undefined: one bucket. */
  readonly keys?: number
  readonly maxTokens: number
  readonly tokensPerFill: number
  readonly maxFilled: number
}

const { words, tally, threads, attempts, attemptsPerMs, keys, maxFilled, ...rule } = workerData as RaceSetup
const counts = new Int32Array(tally)
const memory = new Int32Array(words)
const scope = { perConnection: false, metadataKeys: [], maxBuckets: 1 }
const refill = new Refill({ ...rule, fillIntervalMs: 1, ...scope }, 0, maxFilled)
const bucket = new SharedBuckets(memory, refill)
const table = new BucketTable(memory, refill, {
  evicted() {},
  overflowed: () => Atomics.add(counts, counts.length - 1, 1),
})

function take(key: number, nowMs: number): boolean {
  refill.moveTo(nowMs)
  if (keys !== undefined) return table.take(key * 3, key + 1)
  return bucket.take(0, 0) === Taken.Yes
}

Atomics.add(counts, 1, 1)
while (Atomics.load(counts, 1) < threads);
for (let attempt = 1; attempt <= attempts; attempt++) {
  const nowMs = attempt % attemptsPerMs === 0 ? Atomics.add(counts, 0, 1) + 1 : Atomics.load(counts, 0)
  const key = keys === undefined ? 0 : attempt % keys
  if (take(key, nowMs)) Atomics.add(counts, 2 + key, 1)
}
