import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MergedRegistry } from '@meltemi/runtime'
import { FakeClock } from '@meltemi/runtime/testing'
import { defaultMemoryLimitBytes, MemoryBudget } from './memory-budget.ts'
import { SharedOverloadLevel } from './overload-level.ts'

const GiB = 2 ** 30

function budgetOf(limitBytes: number) {
  const clock = new FakeClock()
  const metrics = new MergedRegistry()
  const changes: number[] = []
  const memory = { usedBytes: 0, samples: 0 }
  const sampleBytes = () => {
    memory.samples++
    return memory.usedBytes
  }
  const budget = new MemoryBudget({ clock, metrics, limitBytes, sampleBytes, onChange: (level) => changes.push(level) })
  const seenByWorker = new SharedOverloadLevel(structuredClone(budget.shared))
  const use = (bytes: number) => {
    memory.usedBytes = bytes
    clock.advance(250)
    assert.equal(seenByWorker.current, budget.level)
    return budget.level
  }
  const read = (name: string) => {
    const [metric] = metrics.read((candidate) => candidate === name)
    return metric !== undefined && metric.kind !== 'histogram' ? metric.value : undefined
  }
  return { budget, clock, changes, memory, use, read, seenByWorker }
}

test('the level rises at 85, 92 and 97 percent of the limit', () => {
  const { budget, use } = budgetOf(1000)
  budget.start()
  assert.deepEqual([849, 850, 919, 920, 969, 970, 5000].map(use), [0, 1, 1, 2, 2, 3, 3])
})

test('a level ends only 4 points below where it began, so it does not flap', () => {
  const { budget, use } = budgetOf(1000)
  budget.start()
  assert.deepEqual([970, 969, 931, 930, 929, 881, 880, 879, 811, 810, 809].map(use), [3, 3, 3, 3, 2, 2, 2, 1, 1, 1, 0])
})

test('a sudden fall ends all levels at once', () => {
  const { budget, use } = budgetOf(1000)
  budget.start()
  assert.deepEqual([980, 100].map(use), [3, 0])
})

test('gauges show memory, limit and level, counters how often each level began', () => {
  const { budget, use, read, changes } = budgetOf(1000)
  budget.start()
  for (const bytes of [980, 100, 860, 100, 930, 931]) use(bytes)
  assert.deepEqual(
    ['memory_limit_bytes', 'memory_used_bytes', 'level', 'level_1_entered', 'level_2_entered', 'level_3_entered'].map(
      (name) => read(`overload.${name}`),
    ),
    [1000, 931, 2, 3, 2, 1],
  )
  assert.deepEqual(changes, [3, 0, 1, 0, 2])
})

test('memory is sampled at the start and every 250 ms, and no longer after the end', () => {
  const { budget, clock, memory, seenByWorker } = budgetOf(1000)
  memory.usedBytes = 990
  budget.start()
  budget.start()
  assert.equal(seenByWorker.current, 3)
  clock.advance(1000)
  assert.equal(memory.samples, 5)
  budget.stop()
  clock.advance(1000)
  assert.deepEqual([memory.samples, clock.pendingTimers, seenByWorker.current], [5, 0, 0])
})

test('without an option the limit is 90 percent of the cgroup, or half of the machine', () => {
  assert.equal(defaultMemoryLimitBytes(1 * GiB, 16 * GiB), Math.floor(0.9 * GiB))
  assert.equal(defaultMemoryLimitBytes(0, 16 * GiB), 8 * GiB)
  assert.equal(defaultMemoryLimitBytes(2 ** 64, 16 * GiB), 8 * GiB)
  assert.ok(defaultMemoryLimitBytes() > 0)
})

test('the real memory of this process is sampled by default', () => {
  const clock = new FakeClock()
  const budget = new MemoryBudget({ clock, metrics: new MergedRegistry(), limitBytes: 1 })
  budget.start()
  assert.equal(budget.level, 3)
  assert.ok(budget.usedBytes > 10 * 2 ** 20)
  budget.stop()
})
