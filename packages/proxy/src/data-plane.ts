import type { Logger, MergedRegistry } from '@meltemi/runtime'
import type { ProfileKind } from './admin/inspector.ts'
import type { Configure } from './config/configure.ts'
import type { LiveConfig } from './config/live-config.ts'
import type { SecretStore } from './config/secret-store.ts'
import type { ModuleVersion } from './modules/module-version.ts'
import type { Inheritance, InheritedSocket } from './net/inheritance.ts'
import type { Exporters } from './observe/export/exporters.ts'
import type { EndpointStatus } from './proxy.ts'

/** Of the memory limit. About as much again is in use besides: what is being read and written, and garbage. */
const BUFFER_PART = 0.125
/** Two of the largest messages that are accepted where nothing is said. */
const LEAST_BUFFER_BYTES = 32 * 1024 * 1024

/** What the clients of one of so many threads may hold in buffers. */
export function bufferLimit(memoryLimitBytes: number, threads: number): number {
  return Math.max((memoryLimitBytes * BUFFER_PART) / threads, LEAST_BUFFER_BYTES)
}

/** The threads that carry traffic, however many there are. */
export interface DataPlane {
  /** Resolves when every port listens in every thread. */
  start(): Promise<void>
  drain(): Promise<void>
  /** What listens in all threads; rejects when one of them does not answer in time. */
  sockets(): Promise<readonly InheritedSocket[]>
  /** Another process accepts from now on; clients that are here are served as before, until `drain`. */
  handOver(): Promise<void>
  /** After the last client: what was written to services arrives, or a second passes. */
  finish(): Promise<void>
  stop(): Promise<void>
  /** Of all threads that answer in time. */
  endpoints(): Promise<readonly EndpointStatus[]>
  /** Gauges of what all threads share, before they are read. */
  updateStats(): void
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
  /** What certificates and keys say. */
  readonly secrets: SecretStore
  /** Where access logs and spans of all threads go. */
  readonly exporters: Exporters
  readonly overload: SharedArrayBuffer
  /** Of the whole process. */
  readonly memoryLimitBytes: number
  /** How long connections of a listener that is removed have to finish. */
  readonly drainMs: number
  /** What was handed on to this process. */
  readonly inheritance: Inheritance
  readonly logger: Logger
  onFault(fault: CodeFault): void
}
