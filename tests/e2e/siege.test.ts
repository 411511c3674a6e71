import assert from 'node:assert/strict'
import { test } from 'node:test'
import { besiege } from '../harness/siege/siege.ts'

const LIMIT_MIB = 512
/** Attackers, proxy and measuring share few cores with other tests: see benchmarks/siege.ts for the real goal. */
const SLACK = 20
const LEAST_P99_MS = 100

test('who sends much and reads nothing costs the others little, and nothing is left of it afterwards', async () => {
  const senders = 150
  const readers = 40
  const report = await besiege({
    senders,
    readers,
    memoryLimitMib: LIMIT_MIB,
    concurrency: 1,
    hasOwnThread: false,
    seconds: 5,
    partialMessageTimeout: '3s',
    restSeconds: 5,
  })
  const { before, during } = report
  assert.deepEqual([before.failed, during.failed], [0, 0])
  assert.ok(during.asked > 100, `${during.asked} requests`)
  assert.ok(report.mostMib <= LIMIT_MIB, `${report.mostMib} MiB`)
  assert.ok(report.shed > 0, 'somebody is closed')
  assert.ok(report.shed + report.timedOut <= senders + readers, `${report.shed} and ${report.timedOut} are closed`)
  assert.deepEqual(report.left, [])
  const mostMs = SLACK * Math.max(before.p99Ms, LEAST_P99_MS)
  assert.ok(during.p99Ms <= mostMs, `p99 is ${during.p99Ms} ms after ${before.p99Ms} ms`)
})
