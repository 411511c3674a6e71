import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { LimitKind, Limits, limitCells, limitsInUse, reclaimLimits } from './limits.ts'

const MAXIMA = { maxConnections: 3, maxPendingRequests: 2, maxRequests: 5, maxRetries: 0 }

/** `of(0)` and `of(1)` are two clusters. */
function shares(workers: number) {
  const cells = [limitCells(workers), limitCells(workers)] as const
  const of = (cluster: 0 | 1) =>
    Array.from({ length: workers }, (_, n) => new Limits(cells[cluster], workers, n, MAXIMA))
  const reclaim = (worker: number) => {
    for (const each of cells) reclaimLimits(each, worker)
  }
  const inUse = () => limitsInUse(cells[0]) + limitsInUse(cells[1])
  return { of, reclaim, inUse }
}

test('a limit holds over all workers together, kind by kind and cluster by cluster', () => {
  const { of } = shares(3)
  const [a, b, c] = of(0) as [Limits, Limits, Limits]
  const [other] = of(1) as [Limits]
  assert.deepEqual(
    [a, b, c, a, b].map((limits) => limits.tryAcquire(LimitKind.Connections)),
    [true, true, true, false, false],
  )
  assert.equal(a.tryAcquire(LimitKind.Pending), true)
  assert.equal(other.tryAcquire(LimitKind.Connections), true)
  assert.equal(a.tryAcquire(LimitKind.Retries), false)
  b.release(LimitKind.Connections)
  assert.equal(c.tryAcquire(LimitKind.Connections), true)
  assert.deepEqual([a.used(LimitKind.Connections), a.isOpen(LimitKind.Connections)], [3, true])
  assert.equal(other.used(LimitKind.Connections), 1)
})

test('a limit that changes holds from now on, for what is held already too', () => {
  const [limits] = shares(1).of(0) as [Limits]
  for (let n = 0; n < 3; n++) limits.tryAcquire(LimitKind.Connections)
  limits.setMaxima({ ...MAXIMA, maxConnections: 1 })
  assert.deepEqual([limits.tryAcquire(LimitKind.Connections), limits.free(LimitKind.Connections)], [false, 0])
  for (let n = 0; n < 3; n++) limits.release(LimitKind.Connections)
  assert.deepEqual([limits.tryAcquire(LimitKind.Connections), limits.tryAcquire(LimitKind.Connections)], [true, false])
})

test('a retry budget is a share of the requests of all workers, with a least, and stands for the maximum of retries', () => {
  const [a, b] = shares(2).of(0) as [Limits, Limits]
  const budget = {
    ...MAXIMA,
    maxRequests: 100,
    maxRetries: 50,
    retryBudget: { budgetPercent: 20, minRetryConcurrency: 2 },
  }
  for (const limits of [a, b]) limits.setMaxima(budget)
  const acquired = () => [a, b, a, b, a, b].filter((limits) => limits.tryAcquire(LimitKind.Retries)).length
  assert.deepEqual([acquired(), a.isOpen(LimitKind.Retries), b.free(LimitKind.Retries)], [2, true, 0])
  for (let n = 0; n < 24; n++) (n % 2 === 0 ? a : b).tryAcquire(LimitKind.Requests)
  // 20 % of 24, rounded down
  assert.deepEqual([a.free(LimitKind.Retries), acquired()], [2, 2])
  a.setMaxima(MAXIMA)
  assert.equal(a.tryAcquire(LimitKind.Retries), false)
})

test('what a dead worker held is taken back, once, and the others keep theirs', () => {
  const { of, reclaim, inUse } = shares(2)
  const [a, b] = of(0) as [Limits, Limits]
  const [elsewhere] = of(1) as [Limits]
  for (let n = 0; n < 2; n++) a.tryAcquire(LimitKind.Connections)
  a.tryAcquire(LimitKind.Requests)
  elsewhere.tryAcquire(LimitKind.Pending)
  b.tryAcquire(LimitKind.Connections)
  for (let times = 0; times < 2; times++) reclaim(0)
  assert.deepEqual(
    [LimitKind.Connections, LimitKind.Requests].map((kind) => b.used(kind)),
    [1, 0],
  )
  assert.equal(elsewhere.used(LimitKind.Pending), 0)
  b.release(LimitKind.Connections)
  assert.equal(inUse(), 0)
})

test('of workers without a connection those that wait longer go first, before all that have one', () => {
  const { of, reclaim } = shares(3)
  const [a, b, c] = of(0) as [Limits, Limits, Limits]
  a.tryAcquire(LimitKind.Connections)
  b.want()
  c.want()
  assert.deepEqual(
    [a, b, c].map((limits) => limits.starvingBefore()),
    [2, 0, 1],
  )
  b.tryAcquire(LimitKind.Connections)
  b.unwant()
  assert.deepEqual(
    [a, b, c].map((limits) => limits.starvingBefore()),
    [1, 1, 0],
  )
  reclaim(2)
  assert.deepEqual([a.starvingBefore(), a.isWanted], [0, false])
})

test('a bell that rings in one worker is heard in the others, also when it rang before they listened', async () => {
  const { of } = shares(2)
  const [a, b] = of(0) as [Limits, Limits]
  const [elsewhere] = of(1) as [Limits]
  const heard = b.nextRing(0)
  let isHeardElsewhere = false
  void elsewhere.nextRing(0).then(() => {
    isHeardElsewhere = true
  })
  a.ring()
  assert.equal(await heard, 1)
  a.ring()
  a.ring()
  assert.equal(await b.nextRing(1), 3)
  assert.equal(isHeardElsewhere, false)
  elsewhere.ring()
})

const RACE = `
  const { workerData } = require('node:worker_threads')
  import(workerData.module).then(({ Limits, LimitKind }) => {
    const limits = new Limits(workerData.cells, 2, workerData.worker, workerData.maxima)
    for (let n = 0; n < 200000; n++) if (limits.tryAcquire(LimitKind.Connections)) limits.release(LimitKind.Connections)
    for (let n = 0; n < 2; n++) limits.tryAcquire(LimitKind.Requests)
  })`

test('real threads at once lose no count', async () => {
  const cells = limitCells(2)
  const module = new URL('./limits.ts', import.meta.url).href
  const threads = [0, 1].map(
    (worker) => new Worker(RACE, { eval: true, workerData: { cells, worker, module, maxima: MAXIMA } }),
  )
  await Promise.all(threads.map((thread) => once(thread, 'exit')))
  const limits = new Limits(cells, 2, 0, MAXIMA)
  assert.deepEqual([limits.used(LimitKind.Connections), limits.used(LimitKind.Requests)], [0, 4])
  for (const worker of [0, 1]) reclaimLimits(cells, worker)
  assert.equal(limits.used(LimitKind.Requests), 0)
})
