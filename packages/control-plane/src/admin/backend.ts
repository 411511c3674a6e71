import type { Problem, Resource, ResourceKey } from '@meltemi/api'
import type { NodeInfo, ProxyStatus, Snapshot } from '../xds/xds-resource.ts'

/** What the HTTP API needs of the control plane; everything it reads is the state of one moment. */
export interface Backend {
  /** False until every source has told its first state. */
  isReady(): boolean
  /** Every resource that could be read, the refused ones among them. Replaced whole with each change, never changed. */
  resources(): ReadonlyMap<ResourceKey, StoredResource>
  /** What could not be read at all, and what the log says of resources: `meltemi up` prints them as they come and go. */
  problems(): readonly Problem[]
  /**
   * Calls `listener` after each change, in the turn of the event loop in which `resources()` and `problems()` became
   * different, so that what was read before and what is told from then on leave no gap. Returns what ends it.
   */
  subscribe(listener: (change: BackendChange) => void): () => void
  /**
   * Puts a change through to where resources are kept, atomically and one after the other; resolves when it is in force
   * (in the world, not yet on every proxy). Rejects only for bugs.
   */
  write(write: ResourceWrite): Promise<WriteOutcome>
  /** Of the proxies that are connected now, in the order in which they came. */
  proxies(): readonly ProxyStatus[]
  /** What a node was sent, or is about to be; undefined: no such proxy is connected. */
  snapshotOf(nodeId: string): Snapshot | undefined
}

/** A resource with what became of it. */
export interface StoredResource {
  /** With `metadata.resourceVersion` and, where it is known, `metadata.creationTimestamp`. */
  readonly resource: Resource
  readonly status: ResourceStatus
  /** Where it comes from, for people: a file with its line, or the name of a source. */
  readonly origin: string
}

/** `status` as it stands in the JSON. */
export interface ResourceStatus {
  readonly conditions: readonly Condition[]
  /** Absent for what is refused. */
  readonly proxies?: {
    /** How many of those that it concerns have it. */
    readonly synced: number
    readonly total: number
    /** At most 10 of those that have it not, with why. */
    readonly notSynced: readonly { readonly proxy: string; readonly reason: string }[]
  }
}

/** As in Kubernetes. */
export interface Condition {
  readonly type: 'Accepted'
  readonly status: 'True' | 'False'
  /** One word, for programs: `Accepted`, `UnknownProtocol`, `AddressInUse` … */
  readonly reason: string
  /** For people, with a fix where there is one; empty: nothing to say. */
  readonly message: string
  /** RFC 3339. */
  readonly lastTransitionTime: string
}

export interface BackendChange {
  readonly events: readonly ResourceEvent[]
  /** Whether `problems()` gives another list than before. */
  readonly hasOtherProblems: boolean
}

/** A change of the status alone is a `MODIFIED`, too. */
export interface ResourceEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly key: ResourceKey
  /** After the change; of a deleted one, the last. */
  readonly stored: StoredResource
}

export type ResourceWrite =
  /** Only what is not there yet. */
  | { readonly kind: 'create'; readonly resource: Resource; readonly isDryRun: boolean }
  /** Only what is there, and only while it has `expectedVersion`; empty: whichever it has. */
  | {
      readonly kind: 'replace'
      readonly resource: Resource
      readonly expectedVersion: string
      readonly isDryRun: boolean
    }
  | {
      readonly kind: 'delete'
      readonly key: ResourceKey
      readonly expectedVersion: string
      readonly isDryRun: boolean
    }

export type WriteOutcome =
  /** With a dry run: as it would be. Of a deleted one, the last. */
  | { readonly kind: 'done'; readonly stored: StoredResource }
  | { readonly kind: 'exists' }
  | { readonly kind: 'missing' }
  | { readonly kind: 'conflict'; readonly version: string }
  /** Problems that only show beside the other resources, or in the file that it would go to. */
  | { readonly kind: 'invalid'; readonly problems: readonly Problem[] }
  /** The place where it is kept takes no changes now: read-only, disk full. Nothing has changed. */
  | { readonly kind: 'unwritable'; readonly reason: string }

export type { NodeInfo, ProxyStatus, Snapshot }
