import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { systemClock } from './clock.ts'

test('a timer of years is not taken for one of no time', async () => {
  let calls = 0
  const timer = systemClock.setTimer(2 ** 40, () => {
    calls++
  })
  await sleep(20)
  timer.cancel()
  assert.equal(calls, 0)
})

test('with its offset the clock tells all threads the same time', async () => {
  const shared = () => systemClock.now() + (systemClock.sharedOffsetMs ?? Number.NaN)
  await sleep(20)
  const url = JSON.stringify(new URL('./clock.ts', import.meta.url).href)
  const code = `import(${url}).then(({ systemClock }) =>
    require('node:worker_threads').parentPort.postMessage(systemClock.now() + systemClock.sharedOffsetMs))`
  const beforeMs = shared()
  const thread = new Worker(code, { eval: true })
  // from the start: it may end in the same moment as its message comes
  const isGone = once(thread, 'exit')
  const [theirsMs] = (await once(thread, 'message')) as [number]
  const afterMs = shared()
  await isGone
  assert.ok(beforeMs - 1 < theirsMs && theirsMs < afterMs + 1, `${beforeMs} < ${theirsMs} < ${afterMs}`)
})
