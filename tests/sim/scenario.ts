import type { LimitPlan } from './add-local-limit.ts'
import type { Dynamics } from './draw-changes.ts'
import type { NetworkWeather } from './virtual-network.ts'
import type { StreamPlan } from './virtual-stream.ts'
import type { Wire } from './wire.ts'

export interface RequestPlan {
  readonly kind: 'request' | 'oneway' | 'heartbeat' | 'stream'
  readonly route: number
  readonly behaviour: number
  readonly delayMs: number
  readonly padBytes: number
  readonly replyBytes: number
  readonly parts: number
  /** Of a stream. */
  readonly stream: StreamPlan | undefined
}

export interface ClientPlan {
  readonly startMs: number
  /** Ids of one connection: counted from 1 as every client does, random, or the same all the time. */
  readonly ids: 'counted' | 'random' | 'same' | 'unique'
  readonly bursts: readonly { readonly atMs: number; readonly requests: readonly RequestPlan[] }[]
  /** Does not read in between. */
  readonly stall: { readonly fromMs: number; readonly toMs: number } | undefined
  readonly ending: 'close' | 'half-close' | 'destroy' | 'reset' | 'vanish' | 'garbage' | 'partial'
  readonly endMs: number
}

export interface ServicePlan {
  readonly host: string
  readonly port: number
  /** What becomes of connections made to it at first. */
  readonly fate: 'accepted' | 'refused' | 'lost'
  /** Ends everything and refuses between these times. */
  readonly outage: { readonly fromMs: number; readonly toMs: number } | undefined
  /** Is stopped between these times, as by SIGSTOP: it takes connections, reads nothing and says nothing; then it goes on. */
  readonly stop?: { readonly fromMs: number; readonly toMs: number }
  /** Of a mirror: what it does, in turn, instead of what it is asked to do. */
  readonly mirrorActs?: readonly number[]
}

export interface FilterPlan {
  readonly pauseShare: number
  readonly failShare: number
  readonly throwShare: number
}

/** One run: what is configured, who takes part, and what they will do. */
export interface Scenario extends Dynamics {
  readonly seed: number
  readonly wire: Wire
  /** Neither clients nor services do anything wrong. */
  readonly isCalm: boolean
  /** The listener passes bytes on unread. */
  readonly isTcp: boolean
  readonly weather: NetworkWeather
  readonly clients: readonly ClientPlan[]
  readonly services: readonly ServicePlan[]
  /** Names that are resolved, and when each of their addresses is to be found. */
  readonly names: readonly { readonly host: string; readonly addresses: readonly { host: string; untilMs: number }[] }[]
  readonly drainMs: number | undefined
  readonly overload: { readonly fromMs: number; readonly toMs: number; readonly level: number } | undefined
  readonly filter: FilterPlan | undefined
  readonly limit?: LimitPlan
  /** What would take it may not pass; default: everything may. */
  readonly deniedRoute?: number
}

/** Name of the cluster that gets copies, where there is one; the last of all. */
export const MIRROR = 'mirror'
/** Name of the cluster of the rate limit service. */
export const LIMITS = 'limits'

/** Clusters that requests are routed to. */
export function countClusters({ config }: Scenario): number {
  return config.clusters.filter((cluster) => cluster.name !== MIRROR && cluster.name !== LIMITS).length
}

export const LISTEN = { host: '198.51.100.1', port: 9000 } as const
