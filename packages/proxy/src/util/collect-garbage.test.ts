import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { getHeapStatistics } from 'node:v8'
import { collectGarbage } from './collect-garbage.ts'

const MIB = 1024 * 1024
const WAIT_MS = 20
const MAX_WAITS = 250

function fill(): number {
  const garbage = Array.from({ length: 256 }, () => Buffer.allocUnsafeSlow(64 * 1024))
  return garbage.reduce((sum, { length }) => sum + length, 0)
}

for (const kind of ['all', 'minor', 'last-resort'] as const) {
  test(`buffers that were allocated lately and are not used are collected: ${kind}`, async () => {
    collectGarbage('all')
    const before = process.memoryUsage().arrayBuffers
    assert.equal(fill(), 16 * MIB)
    collectGarbage(kind)
    const left = () => process.memoryUsage().arrayBuffers - before
    // V8 frees them on threads of its own
    for (let waits = 0; left() >= 4 * MIB && waits < MAX_WAITS; waits++) await sleep(WAIT_MS)
    assert.ok(left() < 4 * MIB, `${left()} bytes are left`)
  })
}

test('as a last resort V8 gives back the pages that nothing is in', () => {
  const spareBytes = () => {
    const { total_physical_size: pages, used_heap_size: used } = getHeapStatistics()
    return pages - used
  }
  let kept: object[] = Array.from({ length: 2_000_000 }, (_, n) => ({ n }))
  collectGarbage('minor')
  assert.equal(kept.length, 2_000_000)
  kept = []
  collectGarbage('last-resort')
  assert.ok(spareBytes() < 8 * MIB, `${spareBytes()} bytes of pages are kept`)
})
