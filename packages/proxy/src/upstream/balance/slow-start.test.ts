import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { LoadBalancerConfig, SlowStartConfig } from '@meltemi/api/model'
import { SeededRandom } from '../../util/random.ts'
import { createBalancer } from './policies.ts'
import { SlowStart } from './slow-start.ts'
import { countPicks, placed, request, several } from './testing/placed.ts'

const WINDOW_MS = 10_000
const STRAIGHT: SlowStartConfig = { windowMs: WINDOW_MS, aggression: 1, minWeightPercent: 10 }

function partAt(ageMs: number, config: Partial<SlowStartConfig> = {}): number {
  return new SlowStart({ ...STRAIGHT, ...config }, { nowMs: 50_000 + ageMs }).partOf(
    placed('new', { healthySinceMs: 50_000 }),
  )
}

test('the part of its weight rises in a straight line, from a minimum', () => {
  assert.deepEqual(
    [0, 500, 1_000, 2_500, 9_999, 10_000, 1e9].map((ageMs) => partAt(ageMs)),
    [0.1, 0.1, 0.1, 0.25, 0.9999, 1, 1],
  )
})

test('with aggression it bends, as Envoy has it: time to the power of 1 / aggression', () => {
  assert.equal(partAt(2_500, { aggression: 2 }), 0.5)
  assert.equal(partAt(5_000, { aggression: 0.5 }), 0.25)
  assert.equal(partAt(2_500, { aggression: 0.5 }), 0.1, 'not below the minimum')
})

test('with a minimum of 0 it is still above 0', () => {
  assert.equal(partAt(0, { minWeightPercent: 0 }), 1 / WINDOW_MS)
})

const POLICIES: readonly LoadBalancerConfig[] = [
  { kind: 'round-robin', slowStart: STRAIGHT },
  { kind: 'least-request', choiceCount: 2, slowStart: STRAIGHT },
]

for (const policy of POLICIES) {
  describe(`slow start: ${policy.kind}`, () => {
    test('a new endpoint among old ones gets more with time, and the same as they at the end', () => {
      const turn = { nowMs: 1_000_000 }
      const endpoints = [...several(3, 'old'), placed('new', { healthySinceMs: turn.nowMs })]
      const picker = createBalancer(policy, { random: new SeededRandom(1), turn }).build(endpoints)
      const shares = [0.1, 0.25, 0.5, 0.75, 1].map((part) => {
        turn.nowMs = 1_000_000 + part * WINDOW_MS
        // what the schedule has put off from before is not of this moment
        countPicks(picker, 1_000, request(new SeededRandom(3)))
        return (countPicks(picker, 10_000, request(new SeededRandom(5))).get('new') ?? 0) / 10_000
      })
      for (const [at, part] of [0.1, 0.25, 0.5, 0.75, 1].entries()) {
        const expected = part / (3 + part)
        assert.ok(Math.abs(shares[at]! - expected) < 0.012, `${shares}: ${expected} at ${part}`)
      }
    })

    test('when all are new they are alike', () => {
      const turn = { nowMs: 5 }
      const picker = createBalancer(policy, { random: new SeededRandom(1), turn }).build(
        several(4, 'new', { healthySinceMs: 5 }),
      )
      for (const count of countPicks(picker, 4_000).values()) assert.ok(Math.abs(count - 1_000) < 100, `${count}`)
    })

    test('weights count as well', () => {
      const turn = { nowMs: 1_000_000 + WINDOW_MS / 2 }
      const endpoints = [placed('old', { weight: 2 }), placed('new', { weight: 4, healthySinceMs: 1_000_000 })]
      const counts = countPicks(createBalancer(policy, { random: new SeededRandom(1), turn }).build(endpoints), 2_000)
      assert.ok(Math.abs((counts.get('new') ?? 0) - 1_000) < 10, `${[...counts]}`)
    })
  })
}

test('least-request: with bias 0 requests under way do not count, and with 2 they count twice', () => {
  const of = (activeRequestBias: number) => {
    const endpoints = [placed('busy', { weight: 9, activeRequests: 2 }), placed('idle', { weight: 1 })]
    const policy = { kind: 'least-request', choiceCount: 2, activeRequestBias } as const
    const picker = createBalancer(policy, { random: new SeededRandom(1), turn: { nowMs: 0 } }).build(endpoints)
    return countPicks(picker, 1_000).get('busy') ?? 0
  }
  assert.ok(Math.abs(of(0) - 900) <= 2)
  assert.ok(Math.abs(of(1) - 750) <= 2)
  assert.ok(Math.abs(of(2) - 500) <= 2)
})
