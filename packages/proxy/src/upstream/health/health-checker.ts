import type { HealthCheckConfig } from '@meltemi/api/model'
import type { Timer } from '@meltemi/runtime'
import type { Network } from '../../net/network.ts'
import type { ThreadContext } from '../context.ts'
import { type CheckResult, checkInterval } from './check-interval.ts'
import { type CheckFailure, failCheck, passCheck, type Verdict } from './check-verdict.ts'
import type { HealthCheckStats } from './health-check-stats.ts'
import type { HostTable } from './host-table.ts'
import { Probe, type ProbeProtocol } from './probe.ts'

export interface CheckedHost {
  readonly base: number
  /** `ip:port` that requests go to. */
  readonly address: string
  readonly host: string
  /** Where it is asked. */
  readonly port: number
}

export interface CheckerParts {
  readonly thread: ThreadContext
  readonly network: Network
  readonly table: HostTable
  readonly config: HealthCheckConfig
  readonly protocol: ProbeProtocol
  readonly stats: HealthCheckStats
  /** After each check. `detail`: what went wrong. */
  onChecked(host: CheckedHost, verdict: Verdict, detail: string): void
}

/** Asks the hosts of one cluster for their health, for all threads. */
export class HealthChecker {
  readonly #parts: CheckerParts
  readonly #checks = new Map<number, HostCheck>()

  constructor(parts: CheckerParts) {
    this.#parts = parts
  }

  /** These from now on; those that were checked before go on. */
  setHosts(hosts: readonly CheckedHost[]): void {
    const wanted = new Map(hosts.map((host) => [host.base, host]))
    for (const [base, check] of this.#checks) {
      const host = wanted.get(base)
      if (host?.address === check.host.address && host.port === check.host.port) continue
      check.stop()
      this.#checks.delete(base)
    }
    for (const [base, host] of wanted) {
      if (!this.#checks.has(base)) this.#checks.set(base, new HostCheck(host, this.#parts))
    }
  }

  stop(): void {
    for (const check of this.#checks.values()) check.stop()
    this.#checks.clear()
  }
}

/**
 * One host's checks:
 *
 *   wait ──► ask ──► answer, or timeout ──► verdict ──► wait, for as long as the verdict says
 */
class HostCheck {
  readonly host: CheckedHost
  readonly #parts: CheckerParts
  readonly #probe: Probe
  #timer: Timer

  constructor(host: CheckedHost, parts: CheckerParts) {
    const { thread, network, config, protocol } = parts
    this.host = host
    this.#parts = parts
    this.#probe = new Probe({
      network,
      protocol,
      host: host.host,
      port: host.port,
      reusesConnection: config.reuseConnection,
      onPassed: () => this.#passed(),
      onFailed: (failure, detail) => this.#failed(failure, detail),
    })
    const delayMs = Math.floor(thread.random.next() * config.initialJitterMs)
    this.#timer = thread.clock.setTimer(delayMs, () => this.#ask())
  }

  stop(): void {
    this.#timer.cancel()
    this.#probe.stop()
  }

  #ask(): void {
    const { thread, config, stats } = this.#parts
    thread.turn.refresh()
    stats.attempt.add(1)
    this.#timer = thread.clock.setTimer(config.timeoutMs, () => this.#timedOut())
    this.#probe.begin()
  }

  #timedOut(): void {
    this.#parts.thread.turn.refresh()
    this.#probe.stop()
    this.#failed('timeout', 'no answer in time')
  }

  #passed(): void {
    const { table, config, stats, thread } = this.#parts
    thread.turn.refresh()
    stats.success.add(1)
    const verdict = passCheck(table, this.host.base, config)
    this.#wait(verdict)
    this.#parts.onChecked(this.host, verdict, '')
  }

  #failed(failure: CheckFailure, detail: string): void {
    const { table, config, stats, thread } = this.#parts
    thread.turn.refresh()
    stats.failure.add(1)
    if (failure !== 'active') stats.networkFailure.add(1)
    const verdict = failCheck(table, this.host.base, failure, config)
    this.#wait(verdict)
    this.#parts.onChecked(this.host, verdict, detail)
  }

  #wait(result: CheckResult): void {
    const { thread, config, table } = this.#parts
    this.#timer.cancel()
    const delayMs = checkInterval(config, result, table.hadTraffic, thread.random)
    this.#timer = thread.clock.setTimer(delayMs, () => this.#ask())
  }
}
