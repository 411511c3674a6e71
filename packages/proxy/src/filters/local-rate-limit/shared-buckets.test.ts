import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { tableWords } from './bucket-table.ts'
import { MAX_TOKENS, Refill } from './refill.ts'
import { BUCKET_WORDS, SharedBuckets, Taken } from './shared-buckets.ts'
import type { RaceSetup } from './testing/race-worker.ts'

const SCOPE = { perConnection: false, metadataKeys: [], maxBuckets: 1 }

interface Rule {
  readonly maxTokens: number
  readonly tokensPerFill: number
  readonly fillIntervalMs: number
}

function bucketOf(rule: Rule, words: Int32Array = new Int32Array(BUCKET_WORDS), maxFilled?: number) {
  const refill = new Refill({ ...rule, ...SCOPE }, 0, maxFilled)
  const buckets = new SharedBuckets(words, refill)
  return (nowMs: number) => {
    refill.moveTo(nowMs)
    return buckets.take(0, 0) === Taken.Yes
  }
}

/** The rule in its simplest form: steps since the beginning, each adds tokens, up to what there is room for. */
function modelOf({ maxTokens, tokensPerFill, fillIntervalMs }: Rule) {
  let tokens = maxTokens
  let step = 0
  return (nowMs: number) => {
    for (; step < Math.floor(nowMs / fillIntervalMs); step++) tokens = Math.min(maxTokens, tokens + tokensPerFill)
    if (tokens === 0) return false
    tokens--
    return true
  }
}

const rules = fc.record({
  maxTokens: fc.integer({ min: 1, max: 30 }),
  tokensPerFill: fc.integer({ min: 1, max: 40 }),
  fillIntervalMs: fc.constantFrom(1, 1.5, 7, 50),
})

describe('a bucket', () => {
  test('gives exactly what the rule says, whenever it is asked, also over many eras', () => {
    const schedule = fc.array(fc.tuple(fc.integer({ min: 0, max: 120 }), fc.integer({ min: 1, max: 40 })), {
      maxLength: 60,
    })
    const maxFilled = fc.constantFrom(undefined, 1, 8, 64)
    fc.assert(
      fc.property(rules, schedule, maxFilled, (rule, turns, small) => {
        const [take, expected] = [bucketOf(rule, undefined, small), modelOf(rule)]
        let nowMs = 0
        for (const [pauseMs, requests] of turns) {
          nowMs += pauseMs / 2
          for (let each = 0; each < requests; each++) assert.equal(take(nowMs), expected(nowMs))
        }
      }),
      { numRuns: 300 },
    )
  })

  test('gives threads whose clocks differ no more than is there by the one that is ahead', () => {
    const turns = fc.array(fc.tuple(fc.nat({ max: 40 }), fc.nat({ max: 3 }), fc.boolean()), { maxLength: 200 })
    fc.assert(
      fc.property(rules, turns, (rule, schedule) => {
        const words = new Int32Array(BUCKET_WORDS)
        const threads = [bucketOf(rule, words, 8), bucketOf(rule, words, 8)]
        const expected = modelOf(rule)
        let [nowMs, given, most] = [0, 0, 0]
        for (const [pauseMs, behindMs, isBehind] of schedule) {
          nowMs += pauseMs
          const atMs = isBehind ? nowMs - behindMs : nowMs
          if (threads[isBehind ? 1 : 0]?.(atMs)) given++
          while (expected(atMs)) most++
          assert.ok(given <= most)
        }
      }),
      { numRuns: 300 },
    )
  })

  test('is full again after idling for years, and then keeps to its rule', () => {
    for (const fillIntervalMs of [1, 1000]) {
      for (const tokensPerFill of [1, 1000, 4_000_000_000]) {
        const rule = { maxTokens: 3, tokensPerFill, fillIntervalMs }
        const take = bucketOf(rule)
        for (const years of [0, 1, 30]) {
          const nowMs = years * 365 * 24 * 3600 * 1000
          assert.deepEqual(
            [1, 2, 3, 4].map(() => take(nowMs)),
            [true, true, true, false],
            `${years} years`,
          )
          const next = Math.min(3, tokensPerFill)
          const more = [1, 2, 3, 4].map(() => take(nowMs + fillIntervalMs))
          assert.equal(more.filter(Boolean).length, next)
        }
      }
    }
  })

  test('the largest there can be gives all that it holds', () => {
    const words = new Int32Array(BUCKET_WORDS)
    const take = bucketOf({ maxTokens: 2 ** 32 - 1, tokensPerFill: 2 ** 32 - 1, fillIntervalMs: 1 }, words)
    words[0] = MAX_TOKENS - 1
    assert.deepEqual([take(0), take(0), take(1), take(2 ** 31)], [true, false, true, true])
  })
})

interface Raced {
  readonly memory: Int32Array
  readonly timeMs: number
  readonly taken: number[]
}

async function race(setup: Omit<RaceSetup, 'words' | 'tally'>, words: number): Promise<Raced> {
  const memory = new SharedArrayBuffer(words * 4)
  const tally = new SharedArrayBuffer((3 + (setup.keys ?? 1)) * 4)
  const url = new URL('./testing/race-worker.ts', import.meta.url)
  const workerData: RaceSetup = { ...setup, words: memory, tally }
  const threads = Array.from({ length: setup.threads }, () => new Worker(url, { workerData }))
  for (const exit of threads.map((thread) => once(thread, 'exit'))) await exit
  const [timeMs = 0, , ...taken] = new Int32Array(tally)
  return { memory: new Int32Array(memory), timeMs, taken }
}

describe('threads that race for it', () => {
  const common = { threads: 3, attempts: 300_000 }

  for (const maxFilled of [2 ** 15, 2 ** 28]) {
    test(`get all that is in a bucket and not one token more, eras of ${maxFilled} tokens`, async () => {
      // what is filled is always less than what is asked for, and there is room for all of it
      const rule = { maxTokens: 100_000, tokensPerFill: 100, attemptsPerMs: 400 }
      const { memory, timeMs, taken } = await race({ ...common, ...rule, maxFilled }, BUCKET_WORDS)
      assert.equal(timeMs, (common.threads * common.attempts) / rule.attemptsPerMs)
      // of the last moments something may be left
      const take = bucketOf({ ...rule, fillIntervalMs: 1 }, memory, maxFilled)
      let left = 0
      while (take(timeMs)) left++
      assert.equal((taken[0] ?? 0) + left, rule.maxTokens + timeMs * rule.tokensPerFill)
    })
  }

  test('get of each value’s bucket what is in it and not one token more', async () => {
    const keys = 50
    const rule = { maxTokens: 1000, tokensPerFill: 1, attemptsPerMs: 10_000, maxFilled: 2 ** 15, keys }
    const { timeMs, taken } = await race({ ...common, ...rule }, tableWords(100))
    const most = rule.maxTokens + timeMs * rule.tokensPerFill
    assert.equal(taken.pop(), 0, 'all have a bucket of their own')
    for (const given of taken) assert.ok(given <= most && given >= rule.maxTokens, `${given} of ${most}`)
  })

  test('that bring more values than there is room for never get more than the buckets there can be', async () => {
    const [keys, places] = [40, 8]
    const rule = { maxTokens: 20, tokensPerFill: 1, attemptsPerMs: 30_000, maxFilled: 2 ** 15, keys }
    const { timeMs, taken } = await race({ ...common, ...rule }, tableWords(places))
    assert.ok((taken.pop() ?? 0) > 0, 'there is not room for all')
    const sum = taken.reduce((total, given) => total + given, 0)
    assert.ok(sum <= (places + 1) * (rule.maxTokens + timeMs * rule.tokensPerFill), `${sum}`)
  })
})
