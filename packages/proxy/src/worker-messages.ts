import type { MetricNews } from '@meltemi/runtime'
import type { ProfileKind } from './admin/inspector.ts'
import type { WholeConfig } from './config/live-config.ts'
import type { ThreadPlan } from './config/thread-duty.ts'
import type { ModuleVersion } from './modules/module-version.ts'
import type { SharedInheritance } from './net/inheritance.ts'
import type { TlsMaterial } from './net/tls/tls-material.ts'
import type { Batch } from './observe/export/outlet.ts'
import type { ThreadUpdate } from './thread-updates.ts'
import type { NamedCells } from './upstream/shared-limits.ts'

/** What a worker is started with. */
export interface WorkerStart extends WholeConfig {
  readonly modules: readonly ModuleVersion[]
  readonly threads: ThreadPlan
  /** Its number among them. */
  readonly worker: number
  readonly limits: readonly NamedCells[]
  readonly inheritance: SharedInheritance
  readonly bufferLimitBytes: number
  /** What sessions of TLS are sealed with, in all threads. */
  readonly ticketKeys: Uint8Array
  readonly secrets: readonly TlsMaterial[]
  readonly drainMs: number
  readonly overload: SharedArrayBuffer
  readonly vitals: SharedArrayBuffer
}

/** Int32 cells that a worker writes and the main thread reads. */
export const Vital = {
  /** Counted up while the event loop turns. */
  Beats: 0,
  /** Id of the module version whose code runs now; 0: none. */
  Running: 1,
  /** Id of the one that ran last. */
  LastRun: 2,
  /** MiB that JavaScript and buffers take, without what connections are known to hold. */
  HeldMib: 3,
  /** Bytes of access logs and spans that the main thread was given and has not dealt with yet. */
  OutletBytes: 4,
} as const
export const VITAL_CELLS: number = Object.keys(Vital).length

/** What a worker answers; `question` says to which message. */
export type ToWorker =
  | { readonly kind: 'drain' }
  /** See Proxy. */
  | { readonly kind: 'hand-over' }
  | { readonly kind: 'stop' }
  /** Certificates and keys that are new or have changed, and ids of those that nobody needs. */
  | { readonly kind: 'secrets'; readonly materials: readonly TlsMaterial[]; readonly removed: readonly string[] }
  | ({ readonly question: number } & Question)

export type Question =
  /** Answer: EndpointStatus[]. */
  | { readonly kind: 'endpoints' }
  /** Answer: InheritedSocket[]. */
  | { readonly kind: 'sockets' }
  /** See ThreadUpdates. Answer: string[], why not. */
  | { readonly kind: 'prepare'; readonly update: ThreadUpdate }
  /** Answer: JSON, after that time; undefined where there was too much of it. */
  | { readonly kind: 'profile'; readonly what: ProfileKind; readonly durationMs: number }
  /** See Proxy. Answer: true. */
  | { readonly kind: 'finish' }
  /** Put in force what was prepared last, or forget it. Answer: true. */
  | { readonly kind: 'use' }
  | { readonly kind: 'discard' }

export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly message: string; readonly code: string }
  | { readonly kind: 'metrics'; readonly news: readonly MetricNews[] }
  | { readonly kind: 'answer'; readonly question: number; readonly value: unknown }
  /** Lines of access logs, or spans. */
  | { readonly kind: 'batch'; readonly batch: Batch }
  /** Code of this module version threw where it may not. */
  | { readonly kind: 'fault'; readonly module: number; readonly text: string }
  | {
      readonly kind: 'log'
      readonly level: 'warn' | 'error'
      readonly message: string
      readonly fields: Readonly<Record<string, unknown>>
    }

/** How often a worker says that it lives. */
export const HEARTBEAT_MS = 100
