import { isDeepStrictEqual } from 'node:util'
import type { ClusterConfig, EndpointCheckConfig, OutlierDetectionConfig } from '@meltemi/api/model'
import type { MetricRegistry, Timer } from '@meltemi/runtime'
import type { Network } from '../../net/network.ts'
import { splitAddress } from '../../util/format-address.ts'
import type { ThreadContext } from '../context.ts'
import type { LimitShare } from '../shared-limits.ts'
import type { Verdict } from './check-verdict.ts'
import { CodecCheck } from './codec-check.ts'
import { type HealthCheckStats, healthCheckStats } from './health-check-stats.ts'
import { type CheckedHost, HealthChecker } from './health-checker.ts'
import { Cell, HostFlag, HostTable, hostsBlock, NO_PORT, NOT_CHECKED, Rates, rateOf } from './host-table.ts'
import { OutlierDetector, type OutlierEvent } from './outlier-detector.ts'
import { OutlierMonitor } from './outlier-monitor.ts'
import { CAUSE_NAMES, type OutlierStats, outlierStats } from './outlier-stats.ts'
import type { ProbeProtocol } from './probe.ts'
import { TcpCheck } from './tcp-check.ts'

/** A host as this thread has it: an endpoint. */
export interface WatchedHost {
  readonly address: string
  readonly port: number
  /** What is different for its checks. */
  readonly check: EndpointCheckConfig | undefined
  /** Told of what comes of requests; null: nobody wants to know. */
  outlier: OutlierMonitor | null
  /** Its slot in the table; null: it has none. */
  slot: number | null
  /** See HostFlag. True when balancing must know. */
  setHealth(flags: number): boolean
}

/** In percent; -1 where it is not known. */
export interface OutlierReport {
  readonly successRate: number
  readonly localSuccessRate: number
  /** Of the whole cluster. */
  readonly mean: number
  readonly limit: number
  readonly localMean: number
  readonly localLimit: number
}

/** Who has hosts: a cluster. */
export interface HealthWatcher {
  /** Something has changed of the health of one of its hosts, or of another cluster's of its name. */
  onHealthChanged(changed: ReadonlySet<WatchedHost>): void
}

/** What hosts are watched with: those of their cluster. */
export interface HealthParts {
  readonly metrics: MetricRegistry
  /** Makes connections as requests have them, over TLS for example. */
  readonly network: Network
}

interface Held {
  readonly base: number
  readonly hosts: Set<WatchedHost>
}

const ALL_OF_CHECKS = [HostFlag.Unhealthy, HostFlag.Unchecked, HostFlag.TimedOut] as const

/**
 * The health of the hosts of one cluster, in one thread: outlier detection and health checks, as far as the cluster has
 * them. What is found is in memory that all threads share; one of them leads, which is the one that checks, and that
 * looks at all hosts from time to time.
 *
 *   any thread: request fails ──► OutlierDetector ──┐
 *   leader:     each interval ──► OutlierDetector ──┼──► HostTable ── bell ──► all threads: endpoints, pickers
 *   leader:     check         ──► HealthChecker ────┘
 */
export class HostHealth {
  readonly #name: string
  readonly #thread: ThreadContext
  readonly #share: LimitShare
  readonly #watchers = new Set<HealthWatcher>()
  /** By address. */
  readonly #held = new Map<string, Held>()
  /** Of this thread, whoever joined; also where nobody watches them. */
  readonly #hosts = new Set<WatchedHost>()
  #config: ClusterConfig | null = null
  #network: Network
  #table: HostTable | null = null
  #detector: OutlierDetector | null = null
  #outlierStats: OutlierStats | null = null
  #checkStats: HealthCheckStats | null = null
  #checker: HealthChecker | null = null
  #sweepTimer: Timer | null = null
  #isLeader = false
  #waiting: (() => void)[] = []

  constructor(name: string, thread: ThreadContext, share: LimitShare) {
    this.#name = name
    this.#thread = thread
    this.#network = thread.network
    this.#share = share
  }

  /** null: nobody watches them. */
  get table(): HostTable | null {
    return this.#table
  }

  /** From now on. */
  use(config: ClusterConfig, { metrics, network }: HealthParts): void {
    const before = this.#config
    this.#config = config
    const { outlierDetection, healthCheck, statName } = config
    if (outlierDetection === undefined && healthCheck === undefined) {
      this.#unwatch()
      return
    }
    const isNew = this.#table === null
    if (this.#table === null) this.#watchTogether()
    this.#outlierStats = outlierDetection === undefined ? null : outlierStats(metrics, statName)
    this.#checkStats = healthCheck === undefined ? null : healthCheckStats(metrics, statName)
    this.#setDetector(outlierDetection)
    if (healthCheck === undefined) this.#clear(ALL_OF_CHECKS)
    const isSame = isDeepStrictEqual(before?.healthCheck, healthCheck) && before?.statName === statName
    if (!isSame || network !== this.#network) this.#stopChecks()
    this.#network = network
    if (isNew) for (const host of this.#hosts) this.#enter(host, 0)
    for (const { base, hosts } of this.#held.values()) for (const host of hosts) this.#attach(host, base)
    if (before?.outlierDetection?.intervalMs !== outlierDetection?.intervalMs) this.#stopSweeps()
    this.settle()
  }

  watch(watcher: HealthWatcher): void {
    this.#watchers.add(watcher)
  }

  unwatch(watcher: HealthWatcher): void {
    this.#watchers.delete(watcher)
  }

  /** A host that is new here. Call `settle` when all have joined and left. */
  join(host: WatchedHost): void {
    this.#hosts.add(host)
    if (this.#table === null) return
    const isChecked = this.#config?.healthCheck !== undefined && host.check?.isDisabled !== true
    this.#enter(host, isChecked ? HostFlag.Unhealthy | HostFlag.Unchecked : 0)
  }

  /** It is here no more, or under another address. */
  leave(host: WatchedHost, address: string = host.address): void {
    if (!this.#hosts.delete(host)) return
    host.outlier = null
    host.slot = null
    const held = this.#held.get(address)
    if (held === undefined || !held.hosts.delete(host) || held.hosts.size > 0) return
    this.#held.delete(address)
    this.#table?.leave(held.base)
  }

  /** Others are to see who has joined and left. */
  settle(): void {
    this.#table?.ring()
    this.#look()
  }

  /** What outlier detection has found; undefined: there is none, or the host is not watched. */
  report({ slot }: WatchedHost): OutlierReport | undefined {
    const table = this.#table
    if (table === null || slot === null || this.#detector === null) return undefined
    return {
      successRate: rateOf(table.get(slot, Cell.Rate)),
      localSuccessRate: rateOf(table.get(slot, Cell.LocalRate)),
      mean: table.rate(Rates.Mean),
      limit: table.rate(Rates.Limit),
      localMean: table.rate(Rates.LocalMean),
      localLimit: table.rate(Rates.LocalLimit),
    }
  }

  /** Something that a host says of its own checks has changed. */
  updateCheck(host: WatchedHost): void {
    if (host.slot !== null) this.#setCheckPort(host, host.slot)
  }

  /** Resolves when each host was checked once, or is not to be. */
  whenChecked(): Promise<void> {
    if (this.#areAllChecked()) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** There is a connection to one of the hosts. */
  noteTraffic(): void {
    this.#table?.noteTraffic()
  }

  stop(): void {
    this.#unwatch()
    this.#config = null
  }

  #watchTogether(): void {
    const { workers, worker } = this.#share
    const table = new HostTable(this.#share.block(hostsBlock(this.#name)), workers, worker)
    this.#table = table
    if (table.isShared) void this.#listen(table)
  }

  /** Nobody cares for their health any more, but for what the configuration says. */
  #unwatch(): void {
    const table = this.#table
    if (table === null) return
    this.#stopChecks()
    this.#stopSweeps()
    for (const { base } of this.#held.values()) table.leave(base)
    this.#held.clear()
    this.#table = null
    this.#detector = null
    this.#isLeader = false
    this.#outlierStats?.ejectionsActive.set(0)
    const changed = new Set<WatchedHost>()
    for (const host of this.#hosts) {
      host.outlier = null
      host.slot = null
      if (host.setHealth(0)) changed.add(host)
    }
    table.resign()
    // for the one who listens here
    table.ring()
    this.#tell(changed)
    this.#release()
  }

  #setDetector(config: OutlierDetectionConfig | undefined): void {
    const table = this.#table as HostTable
    const stats = this.#outlierStats
    if (config === undefined || stats === null) {
      this.#detector = null
      this.#clear([HostFlag.Ejected])
      return
    }
    this.#detector = new OutlierDetector({
      table,
      config,
      stats,
      random: this.#thread.random,
      nowMs: () => this.#nowMs(),
      onEvent: (event) => this.#log(event),
      onChanged: () => this.settle(),
    })
  }

  #clear(flags: readonly HostFlag[]): void {
    const table = this.#table as HostTable
    for (const base of table.slots()) for (const flag of flags) table.flag(base, flag, false)
  }

  #enter(host: WatchedHost, flags: number): void {
    const { address } = host
    const held = this.#held.get(address) ?? this.#take(address, flags)
    if (held === undefined) return
    held.hosts.add(host)
    this.#attach(host, held.base)
    host.setHealth(this.#flagsOf(held.base))
  }

  #take(address: string, flags: number): Held | undefined {
    const base = this.#table?.join(address, flags) ?? -1
    if (base < 0) {
      this.#outlierStats?.hostsOverflow.add(1)
      return undefined
    }
    const held = { base, hosts: new Set<WatchedHost>() }
    this.#held.set(address, held)
    return held
  }

  #attach(host: WatchedHost, base: number): void {
    host.slot = base
    host.outlier = this.#detector === null ? null : new OutlierMonitor(this.#detector, base)
    this.#setCheckPort(host, base)
  }

  /** Of a host that is not checked nothing is known, and so it is well. */
  #setCheckPort({ check, port }: WatchedHost, base: number): void {
    const table = this.#table as HostTable
    const isChecked = this.#config?.healthCheck !== undefined && check?.isDisabled !== true
    table.set(base, Cell.CheckPort, isChecked ? (check?.port ?? (port || NO_PORT)) : NOT_CHECKED)
    if (!isChecked) for (const flag of ALL_OF_CHECKS) table.flag(base, flag, false)
  }

  #flagsOf(base: number): number {
    return this.#table?.get(base, Cell.Flags) ?? 0
  }

  async #listen(table: HostTable): Promise<void> {
    let heard = 0
    while (this.#table === table) {
      heard = await table.nextRing(heard)
      if (this.#table !== table) return
      this.#thread.turn.refresh()
      this.#look()
    }
  }

  /** What has become of the hosts meanwhile, by whomever. */
  #look(): void {
    const table = this.#table
    if (table === null) return
    const changed = new Set<WatchedHost>()
    for (const { base, hosts } of this.#held.values()) {
      const flags = this.#flagsOf(base)
      for (const host of hosts) if (host.setHealth(flags)) changed.add(host)
    }
    this.#outlierStats?.ejectionsActive.set(table.count(HostFlag.Ejected))
    this.#checkStats?.healthy.set(table.size - table.count(HostFlag.Unhealthy))
    this.#lead()
    this.#tell(changed)
    if (this.#waiting.length > 0 && this.#areAllChecked()) this.#release()
  }

  #tell(changed: ReadonlySet<WatchedHost>): void {
    if (changed.size > 0) for (const watcher of [...this.#watchers]) watcher.onHealthChanged(changed)
  }

  #areAllChecked(): boolean {
    return [...this.#held.values()].every(({ base }) => (this.#flagsOf(base) & HostFlag.Unchecked) === 0)
  }

  #release(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }

  /** Takes the lead when nobody has it. */
  #lead(): void {
    this.#isLeader = this.#isLeader || (this.#table?.tryLead() ?? false)
    if (!this.#isLeader) return
    if (this.#config?.healthCheck !== undefined) {
      this.#checker ??= this.#newChecker()
      this.#checker.setHosts(this.#hostsToCheck())
    }
    if (this.#detector !== null && this.#sweepTimer === null) this.#scheduleSweep()
  }

  #hostsToCheck(): readonly CheckedHost[] {
    const table = this.#table as HostTable
    return table.slots().flatMap((base) => {
      const port = table.get(base, Cell.CheckPort)
      const address = table.addressOf(base)
      return port === NOT_CHECKED ? [] : [{ base, address, host: splitAddress(address).host, port }]
    })
  }

  #newChecker(): HealthChecker {
    const config = this.#config?.healthCheck as NonNullable<ClusterConfig['healthCheck']>
    return new HealthChecker({
      thread: this.#thread,
      network: this.#network,
      table: this.#table as HostTable,
      config,
      protocol: this.#protocolOf(config.check),
      stats: this.#checkStats as HealthCheckStats,
      onChecked: (host, verdict, detail) => this.#onChecked(host, verdict, detail),
    })
  }

  #protocolOf(check: NonNullable<ClusterConfig['healthCheck']>['check']): ProbeProtocol {
    if (check.kind === 'tcp') return new TcpCheck(check)
    return new CodecCheck(() => this.#thread.findCodec?.(check.codec.name), check.codec.options)
  }

  #onChecked(host: CheckedHost, verdict: Verdict, detail: string): void {
    const { isHealthy, isChange, isPending, isFirst } = verdict
    const { healthCheck, outlierDetection } = this.#config ?? {}
    const isLogged = isHealthy ? healthCheck?.alwaysLogSuccess : healthCheck?.alwaysLogFailures
    if (isChange || isLogged) {
      const message = isHealthy ? 'host passes its health check' : 'host fails its health check'
      const fields = { cluster: this.#name, host: host.address, isChange, isFirst, ...(isHealthy ? {} : { detail }) }
      this.#thread.log?.('warn', message, fields)
    }
    const mayReturn = isHealthy && !isPending && outlierDetection?.successfulActiveHealthCheckUnejectHost
    const isBack = mayReturn && (this.#detector?.uneject(host.base) ?? false)
    if (isChange && !isBack) this.settle()
  }

  #scheduleSweep(): void {
    const intervalMs = this.#detector?.config.intervalMs ?? 0
    this.#sweepTimer = this.#thread.clock.setTimer(intervalMs, () => {
      this.#sweepTimer = null
      this.#thread.turn.refresh()
      this.#detector?.sweep()
      if (this.#isLeader && this.#detector !== null) this.#scheduleSweep()
    })
  }

  #stopSweeps(): void {
    this.#sweepTimer?.cancel()
    this.#sweepTimer = null
  }

  #stopChecks(): void {
    this.#checker?.stop()
    this.#checker = null
  }

  #log({ base, action, cause, isEnforced, ejections }: OutlierEvent): void {
    const host = this.#table?.addressOf(base)
    const why = cause === undefined ? {} : { cause: CAUSE_NAMES[cause], isEnforced }
    const message = action === 'eject' ? 'host is ejected' : 'host is back'
    this.#thread.log?.('warn', message, { cluster: this.#name, host, ...why, ejections })
  }

  /** The same in all threads, modulo 2³². */
  #nowMs(): number {
    const { clock } = this.#thread
    return Math.floor((clock.originMs ?? 0) + clock.now()) | 0
  }
}
