import type { Logger, MergedRegistry } from '@meltemi/runtime'
import type { ProfileKind } from './admin/inspector.ts'
import type { Configure } from './config/configure.ts'
import type { LiveConfig } from './config/live-config.ts'
import type { ModuleVersion } from './modules/module-version.ts'
import type { Exporters } from './observe/export/exporters.ts'
import type { EndpointStatus } from './proxy.ts'

/** The threads that carry traffic, however many there are. */
export interface DataPlane {
  /** Resolves when every port listens in every thread. */
  start(): Promise<void>
  drain(): Promise<void>
  stop(): Promise<void>
  /** Of all threads that answer in time. */
  endpoints(): Promise<readonly EndpointStatus[]>
  /** Of a worker thread, as JSON; undefined when there is none of that number, or when it does not answer. */
  profile(kind: ProfileKind, worker: number, durationMs: number): Promise<string | undefined>
  /**
   * Runs these versions from now on, for new connections: in all threads, or in none, and then it rejects with why.
   * `isUrgent`: threads that start meanwhile have them at once, and a thread that cannot take them is replaced.
   */
  load(modules: readonly ModuleVersion[], isUrgent: boolean): Promise<void>
  /** From `start` on, in turn with `load`; threads that start later have it too. */
  readonly configure: Configure
}

/** Code of a module has done what it may not. */
export interface CodeFault {
  /** Id of the module version; 0: not known. */
  readonly module: number
  readonly kind: 'threw' | 'hung' | 'memory'
  readonly text: string
}

export interface DataPlaneOptions {
  /** What is in force; the data plane keeps it up to date. */
  readonly live: LiveConfig
  readonly modules: readonly ModuleVersion[]
  readonly metrics: MergedRegistry
  /** Where access logs and spans of all threads go. */
  readonly exporters: Exporters
  readonly overload: SharedArrayBuffer
  /** Of the whole process. */
  readonly memoryLimitBytes: number
  /** How long connections of a listener that is removed have to finish. */
  readonly drainMs: number
  readonly logger: Logger
  onFault(fault: CodeFault): void
}
