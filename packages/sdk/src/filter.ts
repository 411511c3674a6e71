/** The contract of a filter: what stands between a decoded request and the router, and sees its reply and its end. */

import type { Failure } from './failure.ts'
import type { Metadata, Mutation } from './message.ts'

/** Stop: the filter has ended the exchange. Pause: it will call `resume` or `fail` later. */
export const FilterStatus = { Continue: 0, Stop: 1, Pause: 2 } as const
export type FilterStatus = (typeof FilterStatus)[keyof typeof FilterStatus]

/** One object per configured filter, shared by all exchanges; handlers run in configured order both ways. */
export interface Filter {
  onRequest?(context: FilterContext): FilterStatus
  /** Runs for replies of the service and for local replies alike; `Stop` keeps the reply from the client. */
  onReply?(context: FilterContext): FilterStatus
  /** Runs once at the end for every filter whose `onRequest` ran. */
  onDone?(context: FilterContext): void
}

export interface ConnectionInfo {
  readonly remoteAddress: string
  readonly remotePort: number
  readonly localAddress: string
  readonly localPort: number
  /** Facts of the connection, for example PROXY protocol TLVs. */
  readonly properties: ReadonlyMap<string, string>
}

export interface RouteInfo {
  readonly name: string
  readonly cluster: string
}

/** One exchange as filters see it. Valid until `onDone` has returned. */
export interface FilterContext {
  readonly request: Metadata
  readonly reply: Metadata | null
  readonly failure: Failure | null
  /** Changes to the request; write with `set` through `mutateRequest`. */
  readonly requestMutation: Mutation
  readonly replyMutation: Mutation
  readonly connection: ConnectionInfo
  readonly route: RouteInfo | null
  /** One private place per filter: `slots[host.slot]`. */
  readonly slots: unknown[]
  /** Asks for a change of the request (`value` undefined: removal). */
  mutateRequest(key: string, value: string | undefined): void
  mutateReply(key: string, value: string | undefined): void
  /** Ends the exchange with a local reply; returns Stop. */
  fail(failure: Failure): FilterStatus
  /** Goes on after Pause. Inside `onRequest` it means Continue; twice, or after the end, it is ignored and counted. */
  resume(): void
}

export interface FilterHost {
  /** This filter's index in `FilterContext.slots`. */
  readonly slot: number
  /** Milliseconds, monotonic. */
  now(): number
  /** 0 ≤ n < 1. */
  random(): number
  counter(name: string): { add(n: number): void }
}

export interface FilterDefinition<Config = unknown> {
  readonly name: string
  readonly typeUrl: string
  /** Checks the JSON form of its configuration; every fault goes to `problem` with the path inside it. */
  parse(json: unknown, problem: (path: string, message: string) => void): Config
  create(config: Config, host: FilterHost): Filter
}
