import type { MirrorPolicy } from '@meltemi/api/model'
import type { CompiledRoute } from '../../routing/route.ts'
import type { Cluster } from '../../upstream/cluster.ts'
import { LimitKind } from '../../upstream/limits.ts'
import type { Random } from '../../util/random.ts'
import type { RouterContext } from '../router/router-context.ts'
import { Copy } from './copy.ts'

/** Of a route and listener that let requests wait for ever: nobody misses a copy. */
const DEFAULT_TIMEOUT_MS = 15_000

/**
 * Sends copies of a request where its route says so, once the request itself is under way. Whatever becomes of them, the
 * exchange does not notice. Streams are not mirrored.
 */
export function mirrorRequest(context: RouterContext, route: CompiledRoute): void {
  const { request, mirroring, streamSink, thread, protocol } = context
  // what stands for a client that has not spoken yet
  if (request.message.length === 0) return
  if (streamSink !== null) {
    mirroring.stats.stream.add(1)
    return
  }
  for (const policy of route.mirrors) {
    if (!isChosen(policy, thread.random)) continue
    try {
      sendCopy(context, route, policy.cluster)
    } catch (error: unknown) {
      mirroring.stats.failed.add(1)
      thread.onCodecException(error, protocol.definition)
    }
  }
}

function isChosen({ numerator, denominator }: MirrorPolicy, random: Random): boolean {
  return numerator >= denominator || random.next() * denominator < numerator
}

function sendCopy(context: RouterContext, route: CompiledRoute, name: string): void {
  const { clusters, mirroring, protocol, request } = context
  mirroring.stats.total.add(1)
  // before anything is taken: it may throw
  const dialect = protocol.definition.dialect?.(request) ?? ''
  const cluster = clusters.get(name)
  if (cluster === undefined) mirroring.stats.failed.add(1)
  else if (!tryAcquire(context, cluster)) mirroring.stats.dropped.add(1)
  else {
    context.pickRequest.criteria = null
    const endpoint = cluster.pick(context.pickRequest.of(route, request))
    if (endpoint === undefined) giveUp(context, cluster)
    else {
      const timeoutMs = (route.timeoutMs ?? context.defaultTimeoutMs) || DEFAULT_TIMEOUT_MS
      const mutation = context.requestMutation
      new Copy({ mirroring, request, mutation, cluster, endpoint, timeoutMs }).start(endpoint.pool(protocol, dialect))
    }
  }
}

/** Takes the memory, and a place in the limits of the mirror's cluster. */
function tryAcquire({ mirroring, request }: RouterContext, { context }: Cluster): boolean {
  if (!mirroring.tryHold(request.message.length)) return false
  if (context.limits.tryAcquire(LimitKind.Requests)) return true
  mirroring.release(request.message.length)
  context.stats.rqOverflow.add(1)
  return false
}

function giveUp({ mirroring, request }: RouterContext, { context }: Cluster): void {
  mirroring.release(request.message.length)
  mirroring.stats.failed.add(1)
  context.limits.release(LimitKind.Requests)
  context.stats.cxNoneHealthy.add(1)
}
