import { closeSync } from 'node:fs'
import type { ProxyConfig, SocketAddress } from '@meltemi/api/model'
import { type AdminServer, type Logger, type LogLevel, type MergedRegistry, systemClock } from '@meltemi/runtime'
import { AdminAccessLog } from './admin/access-log.ts'
import type {
  CertificateSet,
  EndpointReport,
  MemoryReport,
  ModuleChange,
  ModuleReport,
  ProfileKind,
  ProxyInspector,
  ServerState,
} from './admin/inspector.ts'
import { startAdmin } from './admin/start-admin.ts'
import type { Configure } from './config/configure.ts'
import type { LiveConfig } from './config/live-config.ts'
import type { NamedSecret, SecretStore } from './config/secret-store.ts'
import type { DataPlane } from './data-plane.ts'
import { describeLine } from './describe-line.ts'
import { startSuccessor, tellPredecessor } from './hot-restart.ts'
import { IdleCollector } from './idle-collector.ts'
import { warnOfNobody } from './live-changes.ts'
import type { ModuleStore } from './module-store.ts'
import type { Inheritance } from './net/inheritance.ts'
import { droppedLines } from './observe/export/export-stats.ts'
import type { Exporters } from './observe/export/exporters.ts'
import type { MemoryBudget } from './observe/memory-budget.ts'
import { PidFile } from './pid-file.ts'
import type { ProxyOptions, RunningProxy } from './proxy-options.ts'
import { ServerStats } from './server-stats.ts'
import { takeProfile } from './take-profile.ts'
import { VERSION } from './version.ts'
import type { XdsConfig } from './xds-config.ts'

/** At most this part of the drain time, and at most 5 s, passes between "not ready" and the end of accepting. */
const ANNOUNCE_SHARE = 0.1
const ANNOUNCE_MAX_MS = 5000
const POLL_MS = 50
/** As Envoy's `--parent-shutdown-time-s`. */
const PARENT_SHUTDOWN_S = 900

export interface ProcessParts {
  readonly options: ProxyOptions
  readonly live: LiveConfig
  readonly logger: Logger
  readonly metrics: MergedRegistry
  readonly budget: MemoryBudget
  readonly dataPlane: DataPlane
  readonly modules: ModuleStore
  readonly xds: XdsConfig
  readonly exporters: Exporters
  readonly inheritance: Inheritance
  readonly secrets: SecretStore
}

/**
 * The life of the whole process, on the main thread.
 *
 *   PRE_INITIALIZING ──► INITIALIZING ──► LIVE ──► DRAINING: /ready says 503 ─ wait ─► accepts no more ─ finish ─► ended
 *                                           └─ hot restart ─► DRAINING: another process accepts ─ clients leave ─► ended
 */
export class ProxyProcess implements RunningProxy, ProxyInspector {
  readonly live: LiveConfig
  readonly bootstrap: Readonly<Record<string, unknown>>
  readonly metrics: MergedRegistry
  readonly version = VERSION
  readonly startedAtMs = Date.now()
  readonly commandLineOptions: Readonly<Record<string, unknown>>
  readonly workers: number
  readonly done: Promise<number>
  readonly #parts: ProcessParts
  readonly #stats: ServerStats
  readonly #resolveDone: (code: number) => void
  readonly #accessLog: AdminAccessLog
  readonly #collector = new IdleCollector()
  #admin: AdminServer | undefined
  #state: ServerState = 'PRE_INITIALIZING'
  /** Somebody wants it to look as if it drained. */
  #isFailing = false
  readonly #pidFile: PidFile | undefined
  #isDraining = false
  #isStopping = false
  /** Ends a successor that does not serve yet. */
  #restart: AbortController | undefined

  constructor(parts: ProcessParts) {
    const { promise, resolve } = Promise.withResolvers<number>()
    this.live = parts.live
    this.metrics = parts.metrics
    this.workers = parts.options.concurrency + (parts.options.ownThreads?.length ?? 0)
    this.#stats = new ServerStats(parts.metrics, this.workers, this.startedAtMs)
    const { config, bootstrap, modules, xds, estate: _, ...commandLineOptions } = parts.options
    const adminLogger = parts.logger.child('admin')
    this.#accessLog = new AdminAccessLog(config.adminAccessLogs ?? [], adminLogger, droppedLines(parts.metrics))
    this.bootstrap = bootstrap
    const xdsCacheFolder = xds?.cacheFolder
    this.commandLineOptions = { ...commandLineOptions, xdsCacheFolder, modules: modules.map(({ path }) => path) }
    this.done = promise
    this.#pidFile = parts.options.pidFile === undefined ? undefined : new PidFile(parts.options.pidFile)
    this.#resolveDone = resolve
    this.#parts = parts
  }

  get config(): ProxyConfig {
    return this.live.config
  }

  get configure(): Configure {
    return this.#parts.dataPlane.configure
  }

  /** With the port that was really taken. */
  get adminAddress(): SocketAddress {
    const { adminAddress } = this.#parts.options
    return { host: adminAddress.host, port: this.#admin?.port ?? adminAddress.port }
  }

  state(): ServerState {
    return this.#state === 'LIVE' && this.#isFailing ? 'DRAINING' : this.#state
  }

  updateStats(): void {
    this.#stats.update(this.state())
    this.#parts.dataPlane.updateStats()
  }

  setHealthCheck(isFailing: boolean): void {
    if (this.#isFailing !== isFailing) this.#parts.logger.info('health check', { isFailing })
    this.#isFailing = isFailing
  }

  certificates(): readonly CertificateSet[] {
    return this.#parts.secrets.certificates(this.config)
  }

  secrets(): readonly NamedSecret[] {
    return this.#parts.secrets.named
  }

  async profile(kind: ProfileKind, thread: number | 'main', durationMs: number): Promise<string | undefined> {
    return thread === 'main' ? takeProfile(kind, durationMs) : this.#parts.dataPlane.profile(kind, thread, durationMs)
  }

  endpoints(): Promise<readonly EndpointReport[]> {
    return this.#parts.dataPlane.endpoints()
  }

  memory(): MemoryReport {
    const { limitBytes, usedBytes, level } = this.#parts.budget
    const [allocatedBytes, heapBytes] = this.#stats.heap()
    return { limitBytes, usedBytes, overloadLevel: level, allocatedBytes, heapBytes }
  }

  modules(): readonly ModuleReport[] {
    return this.#parts.modules.lines.map(describeLine)
  }

  async changeModules(what: 'reload' | 'rollback', name: string | undefined): Promise<readonly ModuleChange[]> {
    const { modules } = this.#parts
    const changes: ModuleChange[] = []
    for (const line of modules.find(name)) {
      const { version, outcome, faults } = await modules[what](line)
      changes.push({ module: line.path, outcome, version: version.version, digest: `sha256:${version.digest}`, faults })
    }
    return changes
  }

  logLevels(): ReadonlyMap<string, LogLevel> {
    return this.#parts.logger.levels()
  }

  setLogLevel(level: LogLevel, component?: string): boolean {
    return this.#parts.logger.setLevel(level, component)
  }

  reopenLogs(): void {
    this.#parts.exporters.reopenLogs()
  }

  drainListeners(): void {
    void this.#parts.dataPlane.drain()
  }

  quit(): void {
    void this.stop()
  }

  async start(): Promise<void> {
    const { dataPlane, budget, logger, modules, options } = this.#parts
    try {
      // first, so that a port in use is known before any other opens; after a hot restart the one before answers meanwhile
      if (options.estate === undefined) await this.#openAdmin()
      await dataPlane.start()
    } catch (error: unknown) {
      await this.stop()
      throw error
    }
    if (this.#isStopping) return
    this.#stats.onStarted()
    budget.start()
    this.#collector.start(systemClock)
    modules.start(dataPlane, options.watchModules)
    await this.#startXds()
    const { host, port } = this.adminAddress
    logger.info('admin pages', { address: `${host}:${port}` })
    for (const listener of this.config.listeners) warnOfNobody(listener, logger)
    for (const { name, address } of this.config.listeners) {
      logger.info('listening', { listener: name, address: `${address.host}:${address.port}` })
    }
  }

  async #startXds(): Promise<void> {
    this.#state = 'INITIALIZING'
    try {
      await this.#parts.xds.start(() => {
        if (this.#state !== 'INITIALIZING') return
        this.#state = 'LIVE'
        this.#stats.onInitialized()
        this.#takeOver().catch((error: unknown) => {
          this.#parts.logger.error('cannot serve', { error: error instanceof Error ? error.message : error })
          void this.stop(1)
        })
      })
    } catch (error: unknown) {
      await this.stop()
      throw error
    }
  }

  drain(): void {
    if (this.#isDraining || this.#isStopping) return
    this.#isDraining = true
    this.#state = 'DRAINING'
    this.#restart?.abort()
    this.#drain().catch((error: unknown) => {
      this.#parts.logger.error('drain failed', { error: String(error) })
      void this.stop()
    })
  }

  hotRestart(): void {
    const { logger } = this.#parts
    if (this.#state !== 'LIVE' || this.#restart !== undefined) {
      logger.warn('hot restart: not now', { state: this.#state, isUnderWay: this.#restart !== undefined })
      return
    }
    this.#restart = new AbortController()
    this.#hotRestart(this.#restart.signal).catch((error: unknown) => {
      logger.error('hot restart failed, this process goes on', {
        error: error instanceof Error ? error.message : error,
      })
      this.#restart = undefined
    })
  }

  async stop(exitCode = 0): Promise<void> {
    if (this.#isStopping) return
    this.#isStopping = true
    this.#restart?.abort()
    const wasLive = this.#state !== 'PRE_INITIALIZING'
    this.#state = 'DRAINING'
    const { dataPlane, budget, logger, modules, xds, exporters, secrets } = this.#parts
    budget.stop()
    this.#collector.stop()
    secrets.close()
    await xds.close()
    modules.close()
    await dataPlane.stop()
    await exporters.close()
    await this.#admin?.close()
    await this.#accessLog.close()
    if (wasLive) logger.info('stopped')
    logger.flush()
    this.#pidFile?.remove()
    this.#resolveDone(exitCode)
  }

  /** It serves; from here on a process before this one is not needed. */
  async #takeOver(): Promise<void> {
    const { options, inheritance } = this.#parts
    const isSuccessor = options.estate !== undefined
    if (isSuccessor) await this.#openAdmin()
    // after all that can fail: until then the file is that of the one before
    this.#pidFile?.write()
    if (!isSuccessor) return
    inheritance.closeRest()
    tellPredecessor()
  }

  async #hotRestart(signal: AbortSignal): Promise<void> {
    const { dataPlane, logger } = this.#parts
    if (process.pid === 1) throw new Error('a container ends with its first process, which this is')
    const fd = this.#admin?.fd
    if (fd === undefined) throw new Error('the socket of the admin pages cannot be handed on')
    const sockets = await dataPlane.sockets()
    logger.info('hot restart: another process starts', { sockets: sockets.length })
    const pid = await startSuccessor({ sockets, admin: { address: this.adminAddress, fd } }, signal)
    logger.info('hot restart: another process serves', { pid })
    // from now on it is on its own
    this.#restart = undefined
    await this.#leave()
  }

  /** Serves those that are here until they leave; then, or when that takes too long, drains. */
  async #leave(): Promise<void> {
    const { dataPlane, logger, options, xds } = this.#parts
    this.#state = 'DRAINING'
    await xds.close()
    await dataPlane.handOver()
    await this.#admin?.close()
    const endMs = performance.now() + (options.parentShutdownTimeS ?? PARENT_SHUTDOWN_S) * 1000
    while (this.#stats.activeConnections() > 0 && performance.now() < endMs && !this.#isDraining) await delay(POLL_MS)
    if (this.#stats.activeConnections() > 0)
      logger.warn('hot restart: clients stay', { drainTimeS: options.drainTimeS })
    this.drain()
  }

  async #openAdmin(): Promise<void> {
    const { adminAddress, estate, config } = this.#parts.options
    const there = estate?.admin
    const isThere =
      there?.address.host === adminAddress.host && (adminAddress.port === 0 || there.address.port === adminAddress.port)
    if (there !== undefined && !isThere) closeSync(there.fd)
    this.#admin = await this.#startAdmin(isThere ? { fd: there.fd } : adminAddress, config.adminAccessLogs ?? [])
  }

  async #startAdmin(
    address: SocketAddress | { readonly fd: number },
    logFiles: readonly string[],
  ): Promise<AdminServer> {
    const { logger } = this.#parts
    const onReply = logFiles.length === 0 ? {} : { onReply: this.#accessLog.add }
    try {
      await this.#accessLog.open()
    } catch (cause: unknown) {
      throw new Error(`the log of the admin pages cannot be written: ${(cause as Error).message}`, { cause })
    }
    try {
      return await startAdmin({ address, inspector: this, logger: logger.child('admin'), ...onReply })
    } catch (cause: unknown) {
      const { code, message } = cause as NodeJS.ErrnoException
      const why = code === 'EADDRINUSE' ? 'the port is in use, choose another by --admin-address' : message
      const { host, port } = this.adminAddress
      throw new Error(`admin pages cannot listen on ${host}:${port}: ${why}`, { cause })
    }
  }

  async #drain(): Promise<void> {
    const { dataPlane, budget, logger, options, xds } = this.#parts
    const drainMs = options.drainTimeS * 1000
    const endMs = performance.now() + drainMs
    logger.info('draining', { drainTimeS: options.drainTimeS })
    budget.stop()
    // nothing new from now on
    await xds.close()
    // load balancers must have time to see that this one is not ready
    await delay(Math.min(drainMs * ANNOUNCE_SHARE, ANNOUNCE_MAX_MS))
    await dataPlane.drain()
    while (this.#stats.activeConnections() > 0 && performance.now() < endMs && !this.#isStopping) await delay(POLL_MS)
    const left = this.#stats.activeConnections()
    if (left > 0) logger.warn('drain time is over', { connections: left })
    else if (!this.#isStopping) await keepingAlive(dataPlane.finish())
    await this.stop()
  }
}

/** Node ends a process that has nothing but a promise left, and the timers of the data plane keep nothing alive. */
async function keepingAlive(task: Promise<void>): Promise<void> {
  const timer = setInterval(() => {}, POLL_MS)
  try {
    await task
  } finally {
    clearInterval(timer)
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
