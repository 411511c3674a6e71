import { type Failure, MessageType, type Metadata, ResponseStatus } from '@meltemi/sdk'
import type { Cluster } from './cluster.ts'
import type { ClusterContext } from './context.ts'
import { LimitKind } from './limits.ts'
import type { Target } from './target.ts'

/** A request whose place in the limits of `cluster` has been taken goes to `target`. */
export function bookRequest(cluster: Cluster, target: Target): void {
  const { stats } = cluster.context
  stats.rqTotal.add(1)
  stats.rqActive.add(1)
  target.activeRequests++
  target.requestsTotal++
}

/** The service has answered, well or badly. `isJudged`: outlier detection has counted the request already. */
export function bookReply(target: Target, reply: Metadata, isJudged = false): void {
  const isGood = reply.status === ResponseStatus.Ok && reply.type !== MessageType.Error
  if (isGood) target.requestsSucceeded++
  else target.requestsFailed++
  if (target.outlier === null || isJudged) return
  if (isGood) target.outlier.onSuccess()
  else target.outlier.onErrorReply()
}

/**
 * There will be no reply. What this proxy does itself is nothing that the service has done. The host may be ejected for it,
 * and its connections closed, before this returns: who is over says so first.
 */
export function bookFailure(target: Target, { source }: Failure, isJudged = false): void {
  target.requestsFailed++
  if (source === 'upstream' && !isJudged) target.outlier?.onNoReply()
}

/** It has not, in time; as Envoy counts it, that is a failure as well. As `bookFailure`. */
export function bookTimeout(target: Target, isJudged = false): void {
  target.requestsTimedOut++
  target.requestsFailed++
  if (!isJudged) target.outlier?.onNoReply()
}

/** It is over, and its place is free again. */
export function closeRequest(cluster: Cluster, target: Target, startedMs: number): void {
  const { stats, limits, turn } = cluster.context
  target.activeRequests--
  stats.rqActive.add(-1)
  stats.rqTimeMs.record(turn.nowMs - startedMs)
  limits.release(LimitKind.Requests)
}

/** The endpoint has replied. */
export function noteReply({ context }: Cluster, { latency }: Target, startedMs: number): void {
  latency?.observe(context.turn.nowMs - startedMs, context.turn.nowMs)
}

/** It has not, and nobody waits any more. */
export function noteNoReply({ context }: Cluster, { latency }: Target, startedMs: number): void {
  latency?.observeAtLeast(context.turn.nowMs - startedMs, context.turn.nowMs)
}

/** Who refuses at once is not quick: it counts as if it had taken all the time that a connection may take. */
export function noteConnectFailure({ connectTimeoutMs, turn }: ClusterContext, { latency }: Target): void {
  latency?.observeAtLeast(connectTimeoutMs, turn.nowMs)
}
