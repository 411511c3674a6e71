import type { ListenerConfig, MetaProtocolConfig } from '@meltemi/api/model'
import type { FilterChain } from '../filters/chain.ts'
import type { Mirroring } from '../filters/mirror/mirroring.ts'
import type { RouteFiltersSlot } from '../filters/route-filters.ts'
import type { PickRequest } from '../filters/router/pick-request.ts'
import type { AccessLog } from '../observe/access-log/access-log.ts'
import type { RequestMetrics } from '../observe/request-metrics.ts'
import type { RequestIds } from '../observe/tracing/request-ids.ts'
import type { Tracing } from '../observe/tracing/tracing.ts'
import type { RouteSlot } from '../routing/route-slots.ts'
import type { ClusterManager } from '../upstream/cluster-manager.ts'
import type { ThreadContext } from '../upstream/context.ts'
import type { UpstreamProtocol } from '../upstream/protocol.ts'
import type { BufferShare } from './buffer-share.ts'
import type { DownstreamStats } from './stats.ts'

/** What all connections of one MetaProtocolProxy listener share on one thread; built with the snapshot. */
export interface ListenerContext {
  readonly thread: ThreadContext
  readonly listener: ListenerConfig
  readonly config: MetaProtocolConfig
  readonly protocol: UpstreamProtocol
  readonly chain: FilterChain
  /** What routes say to the filters of the chain. */
  readonly routeFilters: RouteFiltersSlot
  /** Those of the next request may be others. */
  readonly routes: RouteSlot
  readonly clusters: ClusterManager
  readonly stats: DownstreamStats
  readonly requestMetrics: RequestMetrics
  readonly pickRequest: PickRequest
  readonly mirroring: Mirroring
  readonly buffers: BufferShare
  /** null: nothing is traced. */
  readonly tracing: Tracing | null
  readonly accessLogs: readonly AccessLog[]
  /** There are logs, traces or filters that look at the properties of messages. */
  readonly isObserved: boolean
  /** There are logs or filters that want to know what has become of each exchange. */
  readonly isRecorded: boolean
  /** Every request has an `x-request-id`; where it is traced it has one anyway. */
  readonly needsRequestId: boolean
  readonly requestIds: RequestIds
  /** The codec can write other properties into requests. */
  readonly canChangeRequests: boolean
  /** 0 normal … 3: see docs/operations.md, overload. */
  overloadLevel(): number
  /** A filter threw: its own fault. */
  onFilterException(error: unknown): void
  /** One line per bad connection, limited in rate. */
  logBadBytes(remoteAddress: string, reason: string): void
}
