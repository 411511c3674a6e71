import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ProxyProcess, startProxyProcess } from '../harness/index.ts'

const START_MS = 3000
/** A minute, counted from when the thread has come to rest. */
const REST_MS = 75_000

test('after a minute of rest all threads have given back what their start took', async () => {
  await Promise.all(['0', '2'].map(rest))
})

async function rest(concurrency: string): Promise<void> {
  const codec = 'aeraki.meta_protocol.codec.awesomerpc'
  await using proxy = await startProxyProcess({ codec, endpoints: [1], arguments: ['--concurrency', concurrency] })
  await sleep(START_MS)
  const started = await heapBytes(proxy)
  await sleep(REST_MS)
  const rested = await heapBytes(proxy)
  assert.ok(rested < 0.6 * started, `--concurrency ${concurrency}: ${rested} bytes of heap, ${started} after the start`)
}

async function heapBytes(proxy: ProxyProcess): Promise<number> {
  return Number((JSON.parse((await proxy.get('/memory')).text) as Record<string, unknown>)['heap_size'])
}
