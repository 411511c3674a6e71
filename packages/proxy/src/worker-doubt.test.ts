import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { WorkerDoubt } from './worker-doubt.ts'

/** Of a core: tests share the machine with others. */
const LITTLE = 0.02
const options = { eval: true } as const

async function watch(worker: Worker, forMs: number): Promise<boolean> {
  await sleep(300) // a thread that only begins does not answer
  const doubt = new WorkerDoubt(LITTLE)
  const endMs = performance.now() + forMs
  while (!doubt.isRunning && performance.now() < endMs) {
    doubt.sample(worker)
    await sleep(20)
  }
  await worker.terminate()
  return doubt.isRunning
}

test('a thread that loops without end is found to run', async () => {
  assert.equal(await watch(new Worker('setTimeout(() => { for (;;); }, 50)', options), 10_000), true)
})

test('a thread that waits is not, however long it does not answer', async () => {
  const waiting = 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)'
  assert.equal(await watch(new Worker(waiting, options), 800), false)
})
