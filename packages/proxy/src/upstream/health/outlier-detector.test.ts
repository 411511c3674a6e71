import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { DEFAULT_OUTLIER_DETECTION, type OutlierDetectionConfig } from '@meltemi/api/model'
import { MergedRegistry } from '@meltemi/runtime'
import fc from 'fast-check'
import { SeededRandom } from '../../util/random.ts'
import { findOutliers } from './find-outliers.ts'
import { Cell, HostFlag, HostTable, hostsBlock } from './host-table.ts'
import { OutlierDetector, type OutlierEvent } from './outlier-detector.ts'
import { OutlierMonitor } from './outlier-monitor.ts'
import { outlierStats } from './outlier-stats.ts'

const ALL = { ...DEFAULT_OUTLIER_DETECTION, maxEjectionPercent: 100 }

/** So many hosts as so many workers see them, and a clock that they share. */
function setUp(hosts: number, changes: Partial<OutlierDetectionConfig> = {}, workers = 1) {
  const block = new SharedArrayBuffer(hostsBlock('c').bytes)
  const registry = new MergedRegistry()
  const events: OutlierEvent[] = []
  const clock = { ms: 2 ** 31 - 5_000 }
  const config = { ...ALL, ...changes }
  const threads = Array.from({ length: workers }, (_, worker) => {
    const table = new HostTable(block, workers, worker)
    const bases = Array.from({ length: hosts }, (__, host) => table.join(`h${host}:1`, 0))
    const detector = new OutlierDetector({
      table,
      config,
      stats: outlierStats(registry, 'c'),
      random: new SeededRandom(worker + 1),
      nowMs: () => clock.ms | 0,
      onEvent: (event) => events.push(event),
      onChanged: () => {},
    })
    return { table, bases, detector, monitors: bases.map((base) => new OutlierMonitor(detector, base)) }
  })
  const [first] = threads as [(typeof threads)[number]]
  const isEjected = (host: number) => first.table.has(first.bases[host] as number, HostFlag.Ejected)
  const stat = (name: string) => {
    const [metric] = registry.read((known) => known === `cluster.c.outlier_detection.${name}`)
    return metric?.kind === 'histogram' ? undefined : metric?.value
  }
  return { threads, ...first, clock, events, isEjected, stat }
}

function repeat(times: number, task: () => void): void {
  for (let time = 0; time < times; time++) task()
}

describe('failures in a row', () => {
  test('eject a host at the fifth, not before, whichever worker sees them', () => {
    const { threads, isEjected, stat } = setUp(2, {}, 4)
    for (let failure = 1; failure <= 5; failure++) {
      assert.equal(isEjected(0), false)
      threads[failure % 4]?.monitors[0]?.onErrorReply()
    }
    assert.equal(isEjected(0), true)
    assert.equal(isEjected(1), false)
    assert.equal(stat('ejections_enforced_total'), 1)
    assert.equal(stat('ejections_enforced_consecutive_5xx'), 1)
    assert.equal(stat('ejections_detected_consecutive_5xx'), 1)
  })

  test('begin anew after a good reply, whichever worker sees it', () => {
    const { threads, isEjected } = setUp(2, {}, 2)
    repeat(4, () => threads[0]?.monitors[0]?.onErrorReply())
    threads[1]?.monitors[0]?.onSuccess()
    repeat(4, () => threads[0]?.monitors[0]?.onErrorReply())
    assert.equal(isEjected(0), false)
    threads[1]?.monitors[0]?.onErrorReply()
    assert.equal(isEjected(0), true)
  })

  test('without a reply count as gateway failures too, and an error reply ends these', () => {
    const enforcing = { ...ALL.enforcing, consecutive5xx: 0, consecutiveGatewayFailure: 100 }
    const { monitors, isEjected, stat } = setUp(1, { consecutiveGatewayFailure: 3, enforcing })
    repeat(2, () => monitors[0]?.onNoReply())
    monitors[0]?.onErrorReply()
    repeat(2, () => monitors[0]?.onNoReply())
    assert.equal(isEjected(0), false)
    assert.equal(stat('ejections_detected_consecutive_5xx'), 1, 'noticed and not enforced')
    monitors[0]?.onNoReply()
    assert.equal(isEjected(0), true)
    assert.equal(stat('ejections_enforced_consecutive_gateway_failure'), 1)
  })

  test('are told apart where that is asked for: what has no reply is the connection’s fault', () => {
    const split = { splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailure: 3, consecutive5xx: 4 }
    const local = setUp(1, split)
    repeat(2, () => local.monitors[0]?.onNoReply())
    local.monitors[0]?.onErrorReply()
    repeat(2, () => local.monitors[0]?.onNoReply())
    assert.equal(local.isEjected(0), false, 'an error reply is a reply')
    local.monitors[0]?.onNoReply()
    assert.equal(local.isEjected(0), true)
    assert.equal(local.stat('ejections_enforced_consecutive_local_origin_failure'), 1)
    const external = setUp(1, split)
    repeat(3, () => external.monitors[0]?.onErrorReply())
    repeat(2, () => external.monitors[0]?.onNoReply())
    assert.equal(external.isEjected(0), false)
    external.monitors[0]?.onErrorReply()
    assert.equal(external.isEjected(0), true)
  })

  test('eject at the next one when fewer are allowed than there have been', () => {
    const { table, bases, monitors, detector, isEjected, stat } = setUp(1, { consecutive5xx: 10 })
    repeat(8, () => monitors[0]?.onErrorReply())
    const stats = outlierStats(new MergedRegistry(), 'c')
    const stricter = new OutlierDetector({
      table,
      config: { ...detector.config, consecutive5xx: 3 },
      stats,
      random: new SeededRandom(1),
      nowMs: () => 0,
      onEvent: () => {},
      onChanged: () => {},
    })
    new OutlierMonitor(stricter, bases[0] as number).onErrorReply()
    assert.equal(isEjected(0), true)
    assert.equal(stat('ejections_detected_consecutive_5xx'), 0)
  })

  test('never eject where their number is 0', () => {
    const { monitors, isEjected, stat } = setUp(1, { consecutive5xx: 0, consecutiveGatewayFailure: 0 })
    repeat(100, () => monitors[0]?.onNoReply())
    assert.equal(isEjected(0), false)
    assert.equal(stat('ejections_detected_consecutive_5xx'), 0)
  })
})

describe('an ejection', () => {
  test('lasts for the base time, ends at the next look, and is longer each time', () => {
    const { monitors, detector, isEjected, clock, events } = setUp(1, { maxEjectionTimeMs: 80_000 })
    const lasts: number[] = []
    for (let time = 1; time <= 4; time++) {
      repeat(5, () => monitors[0]?.onErrorReply())
      const sinceMs = clock.ms
      while (isEjected(0)) {
        clock.ms += 1_000
        detector.sweep()
      }
      lasts.push(clock.ms - sinceMs)
    }
    assert.deepEqual(lasts, [30_000, 60_000, 80_000, 80_000])
    assert.deepEqual(
      events.map(({ action }) => action),
      Array.from({ length: 4 }, () => ['eject', 'uneject']).flat(),
    )
  })

  test('is shorter again for a host that has stayed in use', () => {
    const { monitors, detector, clock, table, bases } = setUp(1)
    const ejections = () => table.get(bases[0] as number, Cell.Ejections)
    for (let time = 0; time < 3; time++) {
      repeat(5, () => monitors[0]?.onErrorReply())
      clock.ms += 300_000
      detector.sweep()
    }
    const seen: number[] = []
    for (let sweep = 0; sweep < 5; sweep++) {
      seen.push(ejections())
      clock.ms += 10_000
      detector.sweep()
    }
    assert.deepEqual(seen, [3, 2, 1, 0, 0])
  })

  test('lasts longer by a part of the jitter that is chosen each time', () => {
    const { monitors, detector, isEjected, clock } = setUp(1, { maxEjectionTimeJitterMs: 5_000 })
    const lasts = new Set<number>()
    for (let time = 0; time < 20; time++) {
      repeat(5, () => monitors[0]?.onErrorReply())
      const sinceMs = clock.ms
      clock.ms += 29_000
      while (isEjected(0)) {
        clock.ms += 100
        detector.sweep()
      }
      lasts.add(clock.ms - sinceMs)
      // until the next is a first one again
      for (let sweep = 0; sweep < 3; sweep++) {
        clock.ms += 10_000
        detector.sweep()
      }
    }
    assert.ok(
      [...lasts].every((ms) => ms >= 30_000 && ms <= 35_100),
      [...lasts].join(),
    )
    assert.ok(lasts.size > 5)
  })

  test('of more than the allowed part of the hosts does not happen, and is counted', () => {
    const { monitors, isEjected, stat } = setUp(5, { maxEjectionPercent: 40 })
    for (const monitor of monitors) repeat(5, () => monitor.onErrorReply())
    assert.deepEqual([0, 1, 2, 3, 4].map(isEjected), [true, true, false, false, false])
    assert.equal(stat('ejections_overflow'), 3)
    repeat(5, () => monitors[4]?.onErrorReply())
    assert.equal(stat('ejections_overflow'), 4, 'it is noticed again')
  })

  test('of one host is possible with 10 % of five only where that is said, as in Envoy', () => {
    for (const alwaysEjectOneHost of [false, true]) {
      const { monitors, isEjected } = setUp(5, { maxEjectionPercent: 10, alwaysEjectOneHost })
      for (const monitor of monitors) repeat(5, () => monitor.onErrorReply())
      assert.deepEqual([0, 1, 2, 3, 4].map(isEjected), [alwaysEjectOneHost, false, false, false, false])
    }
  })

  test('that is not enforced is told and does nothing', () => {
    const { monitors, isEjected, events, stat } = setUp(1, { enforcing: { ...ALL.enforcing, consecutive5xx: 0 } })
    repeat(10, () => monitors[0]?.onErrorReply())
    assert.equal(isEjected(0), false)
    assert.deepEqual(
      events.map(({ action, cause, isEnforced }) => [action, cause, isEnforced]),
      [
        ['eject', 'consecutive5xx', false],
        ['eject', 'consecutive5xx', false],
      ],
    )
    assert.equal(stat('ejections_enforced_total'), 0)
  })

  test('is decided once, and leaves as many as are allowed, however failures are spread', () => {
    const call = fc.record({ worker: fc.nat(2), host: fc.nat(4), outcome: fc.constantFrom('ok', 'error', 'none') })
    fc.assert(
      fc.property(fc.array(call, { maxLength: 300 }), fc.integer({ min: 0, max: 100 }), (calls, percent) => {
        const { threads, events, table, stat } = setUp(5, { maxEjectionPercent: percent, consecutive5xx: 3 }, 3)
        const inRow = [0, 0, 0, 0, 0]
        for (const { worker, host, outcome } of calls) {
          const monitor = threads[worker]?.monitors[host] as OutlierMonitor
          if (outcome === 'ok') monitor.onSuccess()
          else if (outcome === 'error') monitor.onErrorReply()
          else monitor.onNoReply()
          inRow[host] = outcome === 'ok' ? 0 : (inRow[host] as number) + 1
          const mustBeOut = table.has(threads[0]?.bases[host] as number, HostFlag.Ejected)
          if (!mustBeOut && (inRow[host] as number) >= 3) assert.ok((stat('ejections_overflow') as number) > 0)
        }
        const ejected = table.count(HostFlag.Ejected)
        assert.ok(ejected * 20 <= percent, `${ejected} of 5 with ${percent} %`)
        const enforced = events.filter(({ action, isEnforced }) => action === 'eject' && isEnforced)
        assert.equal(new Set(enforced.map(({ base }) => base)).size, enforced.length)
        assert.equal(enforced.length, ejected)
      }),
    )
  })
})

describe('a look at all hosts', () => {
  const outcomes = (monitor: OutlierMonitor | undefined, good: number, bad: number) => {
    // never so many in a row
    for (let at = 0; at < Math.max(good, bad); at++) {
      if (at < bad) monitor?.onErrorReply()
      if (at < good) monitor?.onSuccess()
    }
  }
  const PATIENT = { consecutive5xx: 0 }

  test('ejects one of five whose successes are far below those of the others', () => {
    const { monitors, detector, isEjected, stat, table, bases } = setUp(5, PATIENT)
    for (const [host, monitor] of monitors.entries()) outcomes(monitor, host === 3 ? 50 : 100, host === 3 ? 50 : 0)
    detector.sweep()
    assert.deepEqual([0, 1, 2, 3, 4].map(isEjected), [false, false, false, true, false])
    assert.equal(stat('ejections_enforced_success_rate'), 1)
    assert.equal(table.get(bases[3] as number, Cell.Rate), 5_001)
    outcomes(monitors[0], 0, 10)
    detector.sweep()
    assert.equal(isEjected(0), false, 'ten requests are too few')
  })

  test('takes no fewer hosts, and no fewer requests, than are wanted', () => {
    const four = setUp(4, PATIENT)
    for (const [host, monitor] of four.monitors.entries()) outcomes(monitor, host === 3 ? 0 : 100, host === 3 ? 100 : 0)
    four.detector.sweep()
    assert.equal(four.isEjected(3), false)
    const quiet = setUp(5, PATIENT)
    for (const [host, monitor] of quiet.monitors.entries()) outcomes(monitor, host === 3 ? 0 : 99, host === 3 ? 99 : 0)
    quiet.detector.sweep()
    assert.equal(quiet.isEjected(3), false)
  })

  test('ejects whoever fails too much, whatever the others do, where that is enforced', () => {
    const enforcing = { ...ALL.enforcing, successRate: 0, failurePercentage: 100 }
    const { monitors, detector, isEjected, stat } = setUp(5, { ...PATIENT, enforcing })
    for (const monitor of monitors) outcomes(monitor, 7, 43)
    detector.sweep()
    assert.equal([0, 1, 2, 3, 4].filter(isEjected).length, 5)
    assert.equal(stat('ejections_enforced_failure_percentage'), 5)
  })

  test('judges connections apart where that is asked for', () => {
    const enforcing = { ...ALL.enforcing, localOriginSuccessRate: 0, localOriginFailurePercentage: 100 }
    const rules = { splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailure: 0, enforcing, ...PATIENT }
    const { monitors, detector, isEjected, stat } = setUp(5, rules)
    for (const [host, monitor] of monitors.entries())
      repeat(100, () => (host === 1 ? monitor.onNoReply() : monitor.onErrorReply()))
    detector.sweep()
    assert.deepEqual([0, 1, 2, 3, 4].map(isEjected), [false, true, false, false, false])
    assert.equal(stat('ejections_enforced_local_origin_failure_percentage'), 1)
  })
})

test('the limit is that of the reference: of 50, 100, 100, 100, 100 it is 52', () => {
  const rates = [50, 100, 100, 100, 100].map((successPercent, base) => ({ base, requests: 100, successPercent }))
  const { mean, limit, outlying } = findOutliers(rates, ALL)
  assert.equal(mean, 90)
  assert.equal(limit, 52)
  assert.deepEqual(outlying, [0])
})
