import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { HealthCheckConfig } from '@meltemi/api/model'
import fc from 'fast-check'
import { SeededRandom } from '../../util/random.ts'
import { checkInterval } from './check-interval.ts'
import { failCheck, passCheck } from './check-verdict.ts'
import { HostFlag, HostTable, hostsBlock } from './host-table.ts'
import { PayloadMatch } from './payload-match.ts'

const THRESHOLDS = { healthyThreshold: 3, unhealthyThreshold: 2 }

function newHost(flags: number = HostFlag.Unhealthy | HostFlag.Unchecked) {
  const table = new HostTable(new SharedArrayBuffer(hostsBlock('c').bytes), 1, 0)
  const base = table.join('h:1', flags)
  return {
    pass: () => passCheck(table, base, THRESHOLDS),
    fail: (failure: 'network' | 'timeout' | 'active' = 'network') => failCheck(table, base, failure, THRESHOLDS),
    isHealthy: () => !table.has(base, HostFlag.Unhealthy),
    has: (flag: HostFlag) => table.has(base, flag),
  }
}

describe('a host', () => {
  test('is healthy after its first check, when it passes that', () => {
    const { pass, isHealthy, has } = newHost()
    assert.deepEqual(pass(), { isHealthy: true, isPending: false, isChange: true, isFirst: true })
    assert.equal(isHealthy(), true)
    assert.equal(has(HostFlag.Unchecked), false)
  })

  test('that fails its first check stays unhealthy until it has passed enough of them in a row', () => {
    const { pass, fail, isHealthy } = newHost()
    assert.deepEqual(fail(), { isHealthy: false, isPending: false, isChange: true, isFirst: true })
    assert.deepEqual(pass(), { isHealthy: true, isPending: true, isChange: false, isFirst: false })
    pass()
    fail()
    const verdicts = [pass(), pass(), pass()]
    assert.deepEqual(
      verdicts.map(({ isPending, isChange }) => [isPending, isChange]),
      [
        [true, false],
        [true, false],
        [false, true],
      ],
    )
    assert.equal(isHealthy(), true)
  })

  test('is unhealthy after as many failures in a row as are said, or at once when its answer is an error', () => {
    const { pass, fail, isHealthy, has } = newHost()
    pass()
    assert.equal(fail('timeout').isPending, true)
    pass()
    fail('timeout')
    assert.equal(isHealthy(), true)
    assert.equal(fail('timeout').isChange, true)
    assert.equal(isHealthy(), false)
    assert.equal(has(HostFlag.TimedOut), true)
    for (let check = 0; check < 3; check++) pass()
    assert.deepEqual([isHealthy(), has(HostFlag.TimedOut)], [true, false])
    assert.equal(fail('active').isChange, true)
    assert.equal(isHealthy(), false)
  })
})

test('the time to the next check depends on what the last one said, and on whether there is traffic', () => {
  const config = {
    intervalMs: 1,
    healthyEdgeIntervalMs: 2,
    unhealthyIntervalMs: 3,
    unhealthyEdgeIntervalMs: 4,
    noTrafficIntervalMs: 5,
    noTrafficHealthyIntervalMs: 6,
    intervalJitterMs: 0,
    intervalJitterPercent: 0,
  } as HealthCheckConfig
  const random = new SeededRandom(1)
  const all = [true, false].flatMap((hadTraffic) =>
    [true, false].flatMap((isHealthy) =>
      [false, true].map((isPending) => checkInterval(config, { isHealthy, isPending }, hadTraffic, random)),
    ),
  )
  assert.deepEqual(all, [1, 2, 3, 4, 6, 5, 5, 5])
  const jittered = { ...config, intervalMs: 1_000, intervalJitterMs: 100, intervalJitterPercent: 10 }
  const times = Array.from({ length: 200 }, () =>
    checkInterval(jittered, { isHealthy: true, isPending: false }, true, random),
  )
  assert.ok(Math.min(...times) >= 1_000 && Math.max(...times) < 1_200 && new Set(times).size > 50)
})

test('what is expected is found in order, however the bytes are split and whatever stands in between', () => {
  const bytes = fc.array(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 3 }).map((letters) => letters.join(''))
  fc.assert(
    fc.property(
      fc.array(bytes, { minLength: 1, maxLength: 4 }),
      fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 40 }),
      fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 5 }),
      (wanted, letters, sizes) => {
        const text = letters.join('')
        let at = 0
        const isThere = wanted.every((each) => {
          const found = text.indexOf(each, at)
          at = found + each.length
          return found >= 0
        })
        const match = new PayloadMatch(wanted.map((each) => Buffer.from(each)))
        let isFound = false
        for (let from = 0, turn = 0; from < text.length; turn++) {
          const size = sizes[turn % sizes.length] as number
          isFound = match.add(Buffer.from(text.slice(from, from + size)))
          from += size
        }
        assert.equal(isFound, isThere)
      },
    ),
  )
})
