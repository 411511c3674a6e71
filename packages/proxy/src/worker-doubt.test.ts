import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { WorkerDoubt } from './worker-doubt.ts'

/** Of a core: tests share the machine with others. */
const LITTLE = 0.02

/** `code` runs once the thread has said that it is there, as a worker has before it can be doubted. */
async function watch(code: string, forMs: number): Promise<boolean> {
  const start = `require('node:worker_threads').parentPort.postMessage('here'); setTimeout(() => { ${code} }, 50)`
  const worker = new Worker(start, { eval: true })
  await once(worker, 'message')
  await sleep(100)
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
  assert.equal(await watch('for (;;);', 10_000), true)
})

test('a thread that waits is not, however long it does not answer', async () => {
  const waiting = 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)'
  assert.equal(await watch(waiting, 800), false)
})
