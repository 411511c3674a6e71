import type { Clock } from '@meltemi/runtime'
import type { CodecDefinition } from '@meltemi/sdk'
import type { Network } from '../net/network.ts'
import type { Flusher } from '../net/outbox.ts'
import type { TlsThread } from '../net/tls/tls-thread.ts'
import type { Random } from '../util/random.ts'
import type { TimerWheel } from '../util/timer-wheel.ts'
import type { TurnClock } from '../util/turn-clock.ts'
import type { LocalZones } from './balance/zone-aware.ts'
import type { GrpcTls } from './grpc/grpc-tls.ts'
import type { HostHealth } from './health/host-health.ts'
import type { Limits } from './limits.ts'
import type { Places } from './places.ts'
import type { ClusterStats } from './stats.ts'

/** What every part of one thread's data plane shares. */
export interface ThreadContext {
  readonly clock: Clock
  readonly turn: TurnClock
  readonly network: Network
  readonly flusher: Flusher
  readonly timers: TimerWheel
  readonly random: Random
  /** undefined: there is no TLS here. */
  readonly tls?: TlsThread
  /** A codec threw something that is not a ProtocolError: its own fault, not the bytes'. */
  onCodecException(error: unknown, codec: CodecDefinition): void
  onFilterException(error: unknown): void
  /** One line per connection to a service that broke its protocol. */
  logBadReply(endpoint: string, reason: string): void
  /** News of hosts. */
  log?(level: 'warn', message: string, fields: Readonly<Record<string, unknown>>): void
  /** Of those that the proxy has now, by registered name: for health checks. */
  findCodec?(name: string): CodecDefinition | undefined
}

/** What everything of one cluster shares. */
export interface ClusterContext extends ThreadContext {
  readonly stats: ClusterStats
  readonly limits: Limits
  readonly places: Places
  /** For what the proxy itself asks there in gRPC; undefined: plain. */
  readonly grpcTls?: GrpcTls | undefined
  /** Of its hosts, as far as the cluster asks for it; absent where nobody could. */
  readonly health?: HostHealth
  /** Where this proxy and those like it are; undefined: nobody knows. */
  localZones?(): LocalZones | undefined
  /** These two change with the cluster's configuration. */
  connectTimeoutMs: number
  bufferLimitBytes: number
}
