import type { ProxyConfig } from '@meltemi/api/model'
import type { MetricDefinition } from '@meltemi/runtime'
import type { EndpointStatus } from './proxy.ts'

/** What a worker is started with. */
export interface WorkerStart {
  readonly config: ProxyConfig
  /** Absolute paths; each thread loads them itself. */
  readonly modules: readonly string[]
  readonly workers: number
  readonly worker: number
  readonly limitCells: SharedArrayBuffer
  readonly overload: SharedArrayBuffer
  /** One Int32 that the worker counts up while its event loop turns. */
  readonly heartbeat: SharedArrayBuffer
}

export type ToWorker =
  | { readonly kind: 'drain' }
  | { readonly kind: 'stop' }
  | { readonly kind: 'endpoints'; readonly question: number }

export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly message: string; readonly code: string }
  | { readonly kind: 'metric'; readonly definition: MetricDefinition }
  | { readonly kind: 'endpoints'; readonly question: number; readonly endpoints: readonly EndpointStatus[] }
  | {
      readonly kind: 'log'
      readonly level: 'warn' | 'error'
      readonly message: string
      readonly fields: Readonly<Record<string, unknown>>
    }

/** How often a worker says that it lives. */
export const HEARTBEAT_MS = 100
