import type { LogLevel, MetricReader, MetricRegistry } from '@meltemi/runtime'
import type { LiveConfig } from '../config/live-config.ts'
import type { CertificateSet, LoadedCertificate, NamedSecret } from '../config/secret-store.ts'

/** INITIALIZING: traffic may flow, but the first configuration from the control plane is not in force yet. */
export type ServerState = 'PRE_INITIALIZING' | 'INITIALIZING' | 'LIVE' | 'DRAINING'

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

/** What one thread tells of one endpoint; the admin pages add the threads up. */
export interface EndpointReport {
  readonly cluster: string
  /** `ip:port`. */
  readonly address: string
  readonly hostname: string
  readonly weight: number
  readonly healthy: boolean
  readonly degraded: boolean
  /** 0, the highest, if not said. */
  readonly priority?: number
  /** undefined: it has none. */
  readonly locality?: { readonly region: string; readonly zone: string; readonly subZone: string } | undefined
  readonly cxActive: number
  readonly cxTotal: number
  readonly cxConnectFail: number
  readonly rqActive: number
  readonly rqTotal: number
  readonly rqError: number
  /** Those that wait for a connection. */
  readonly rqPendingActive: number
  readonly rqSuccess: number
  readonly rqTimeout: number
  /** By the configuration alone; `healthy` if not said. */
  readonly saidHealthy?: boolean
  /** What was found of it, see HostFlag; 0 if not said. */
  readonly flags?: number
  /** Discovery does not name it any more. */
  readonly isLeaving?: boolean
  /** Of outlier detection; undefined: there is none. */
  readonly outlier?: OutlierReport | undefined
}

export interface MemoryReport {
  readonly limitBytes: number
  readonly usedBytes: number
  readonly overloadLevel: number
  /** In the heaps of all threads, and what their objects hold outside of them. */
  readonly allocatedBytes: number
  /** What the heaps have taken for that. */
  readonly heapBytes: number
}

/** cpu: where time goes. heap: where memory was taken that is still held. */
export type ProfileKind = 'cpu' | 'heap'

export type { CertificateSet, LoadedCertificate }

/** One module and its versions. */
export interface ModuleReport {
  /** Absolute path; `built-in` for what comes along. */
  readonly module: string
  readonly version: number
  /** `sha256:…`; empty for what comes along. */
  readonly digest: string
  /** ISO 8601. */
  readonly since: string
  readonly codecs: readonly { readonly name: string; readonly contract: number; readonly correlation: string }[]
  readonly filters: readonly string[]
  /** That can be gone back to, oldest first. */
  readonly previous: readonly { readonly version: number; readonly digest: string }[]
  /** Of the last attempt to reload, when it failed. */
  readonly refused: { readonly digest: string; readonly at: string; readonly faults: readonly string[] } | null
}

/** What came of a wish to reload or to go back. */
export interface ModuleChange {
  readonly module: string
  readonly outcome: 'reloaded' | 'unchanged' | 'rolled back' | 'refused'
  /** In force now. */
  readonly version: number
  readonly digest: string
  /** Why not. */
  readonly faults: readonly string[]
}

/** What the admin pages may see and do; the process implements it on the main thread. */
export interface ProxyInspector {
  /** What is in force, with the ports that were really taken. */
  readonly live: LiveConfig
  /** As it was loaded, in proto JSON. */
  readonly bootstrap: Readonly<Record<string, unknown>>
  readonly metrics: MetricReader & Pick<MetricRegistry, 'counter'>
  /** Threads with traffic; 0: it runs in the main thread. */
  readonly workers: number
  readonly version: string
  /** Milliseconds since 1970. */
  readonly startedAtMs: number
  /** Shown on `/server_info`. */
  readonly commandLineOptions: Readonly<Record<string, unknown>>
  state(): ServerState
  /** Before they are read. */
  updateStats(): void
  endpoints(): Promise<readonly EndpointReport[]>
  memory(): MemoryReport
  certificates(): readonly CertificateSet[]
  /** Those that come from elsewhere, by name. */
  secrets(): readonly NamedSecret[]
  /** As JSON, after that time; undefined when the thread has ended, or does not answer. */
  profile(kind: ProfileKind, thread: number | 'main', durationMs: number): Promise<string | undefined>
  modules(): readonly ModuleReport[]
  /** Of the modules that `name` means, a codec or a file; without it of all. */
  changeModules(what: 'reload' | 'rollback', name: string | undefined): Promise<readonly ModuleChange[]>
  logLevels(): ReadonlyMap<string, LogLevel>
  /** Of one component, or of all; false when there is no such component. */
  setLogLevel(level: LogLevel, component?: string): boolean
  /** Access logs that were renamed get new files under their names. */
  reopenLogs(): void
  /** Whether the state is DRAINING although nothing is drained. */
  setHealthCheck(isFailing: boolean): void
  /** Accepts no more connections; those that exist go on. */
  drainListeners(): void
  /** Ends the process in an orderly way. */
  quit(): void
}
