/** The contract of a filter: what stands between a decoded request and the router, and sees its reply and its end. */

import type { Failure } from './failure.ts'
import type { Metadata, Mutation } from './message.ts'

/** What a handler of a filter returns. Anything else, a promise for example, fails the exchange. */
export const FilterStatus = {
  /** The next filter, then the router; of a reply: the client. */
  Continue: 0,
  /** The exchange is over. After `fail` the client has its answer; without it the client gets none. */
  Stop: 1,
  /** The filter will call `resume` or `fail`, before the request's timeout is over. Of `onRequest` only. */
  Pause: 2,
} as const
/** One of the values of `FilterStatus`. */
export type FilterStatus = (typeof FilterStatus)[keyof typeof FilterStatus]

/**
 * One object per configured filter and thread, shared by all exchanges; handlers run in configured order both ways.
 * What `onRequest` and `onReply` throw becomes a local reply, `filter_failed`.
 */
export interface Filter {
  /** Runs once for each request, one-way message and opening of a stream, before the router chooses where it goes. */
  onRequest?(context: FilterContext): FilterStatus
  /**
   * Runs for each reply of the service, of which `reply.last` tells the last one, and for a local reply; then `failure`
   * is set and `reply` may be null. `Stop` keeps the reply from the client.
   */
  onReply?(context: FilterContext): FilterStatus
  /** Runs once at the end, whatever it was, for every filter whose turn came with the request. */
  onDone?(context: FilterContext): void
}

/** The client's connection. */
export interface ConnectionInfo {
  /** The client's IP address; where a PROXY header has come, the one that it tells. */
  readonly remoteAddress: string
  /** The client's port; see `remoteAddress`. */
  readonly remotePort: number
  /** The address that the client has connected to. */
  readonly localAddress: string
  /** The port that the client has connected to. */
  readonly localPort: number
  /** Facts of the connection, for example PROXY protocol TLVs. */
  readonly properties: ReadonlyMap<string, string>
}

/** Which way a request goes. */
export interface RouteInfo {
  /** Of the route, as configured; may be empty. */
  readonly name: string
  /** The cluster that the route has chosen. */
  readonly cluster: string
}

/** One exchange as filters see it. Valid until `onDone` has returned. */
export interface FilterContext {
  /** What the client has sent. What a filter sets in it, routes match on; the bytes that are sent stay as they are. */
  readonly request: Metadata
  /** The last reply that has come from the service; null before it, and in a local reply without one. */
  readonly reply: Metadata | null
  /** Why there is a local reply; null when there is none. */
  readonly failure: Failure | null
  /** The changes to the request so far; `mutateRequest` adds some. */
  readonly requestMutation: Mutation
  /** The changes to the reply so far; `mutateReply` adds some. */
  readonly replyMutation: Mutation
  /** Of the client. */
  readonly connection: ConnectionInfo
  /** Null until the router has chosen: in `onRequest` always, later when no route matched. */
  readonly route: RouteInfo | null
  /** One private place per filter: `slots[host.slot]`. */
  readonly slots: unknown[]
  /**
   * Asks for a change of a property in the request that is sent to the service; undefined removes it. Codecs whose
   * definition has no `mutation` send it unchanged.
   */
  mutateRequest(key: string, value: string | undefined): void
  /** The same for the reply to the client. */
  mutateReply(key: string, value: string | undefined): void
  /** Ends the exchange with a local reply, and returns Stop. A one-way message has none and just ends. */
  fail(failure: Failure): FilterStatus
  /** Goes on after Pause. Inside `onRequest` it means Continue; twice, or after the end, it is ignored and counted. */
  resume(): void
}

/** What the proxy gives a filter when it is made. */
export interface FilterHost {
  /** This filter's index in `FilterContext.slots`. */
  readonly slot: number
  /** Milliseconds, monotonic. */
  now(): number
  /** 0 ≤ n < 1. */
  random(): number
  /** A counter among the stats, `meta_protocol.<protocol>.<stat_prefix>.<name>`, over all threads. Make it once, in `create`. */
  counter(name: string): { add(n: number): void }
}

/** What a filter module exports: `export const filters: FilterDefinition[] = [mine]`. */
export interface FilterDefinition<Config = unknown> {
  /** The name that an entry of configuration without `config` is known by. */
  readonly name: string
  /** The `@type` of its configuration, for example `type.googleapis.com/example.Guard`. */
  readonly typeUrl: string
  /**
   * Checks the JSON form of its configuration, `{}` when there is none; every fault goes to `problem` with the path
   * inside it, and then nothing starts. Called when configuration is checked, and again in each thread.
   */
  parse(json: unknown, problem: (path: string, message: string) => void): Config
  /** Makes the filter of one listener in one thread. */
  create(config: Config, host: FilterHost): Filter
}
