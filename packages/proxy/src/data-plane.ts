import type { ProxyConfig } from '@meltemi/api/model'
import type { Logger, MergedRegistry } from '@meltemi/runtime'
import type { ModuleVersion } from './modules/module-version.ts'
import type { EndpointStatus } from './proxy.ts'

/** The threads that carry traffic, however many there are. */
export interface DataPlane {
  /** Resolves when every port listens in every thread. */
  start(): Promise<void>
  drain(): Promise<void>
  stop(): Promise<void>
  /** Of all threads that answer in time. */
  endpoints(): Promise<readonly EndpointStatus[]>
  /**
   * Runs these versions from now on, for new connections: in all threads, or in none, and then it rejects with why.
   * `isUrgent`: threads that start meanwhile have them at once, and a thread that cannot take them is replaced.
   */
  load(modules: readonly ModuleVersion[], isUrgent: boolean): Promise<void>
}

/** Code of a module has done what it may not. */
export interface CodeFault {
  /** Id of the module version; 0: not known. */
  readonly module: number
  readonly kind: 'threw' | 'hung' | 'memory'
  readonly text: string
}

export interface DataPlaneOptions {
  /** With every port chosen. */
  readonly config: ProxyConfig
  readonly modules: readonly ModuleVersion[]
  readonly metrics: MergedRegistry
  readonly overload: SharedArrayBuffer
  /** Of the whole process. */
  readonly memoryLimitBytes: number
  readonly logger: Logger
  onFault(fault: CodeFault): void
}
