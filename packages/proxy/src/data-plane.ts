import type { ProxyConfig } from '@meltemi/api/model'
import type { Logger, MergedRegistry } from '@meltemi/runtime'
import type { EndpointStatus } from './proxy.ts'

/** The threads that carry traffic, however many there are. */
export interface DataPlane {
  /** Resolves when every port listens in every thread. */
  start(): Promise<void>
  drain(): Promise<void>
  stop(): Promise<void>
  /** Of all threads that answer in time. */
  endpoints(): Promise<readonly EndpointStatus[]>
}

export interface DataPlaneOptions {
  /** With every port chosen. */
  readonly config: ProxyConfig
  readonly modules: readonly string[]
  readonly metrics: MergedRegistry
  readonly overload: SharedArrayBuffer
  readonly logger: Logger
}
