import { FAILURES, failure, printId } from '../../observe/failure-table.ts'
import type { CompiledRoute } from '../../routing/route.ts'
import type { Cluster } from '../../upstream/cluster.ts'
import { LimitKind } from '../../upstream/limits.ts'
import type { Target } from '../../upstream/target.ts'
import { mirrorRequest } from '../mirror/mirror-request.ts'
import { Attempt } from './attempt.ts'
import type { RouterContext } from './router-context.ts'

/** The last filter: route → cluster → endpoint → connection. Every way out ends in the context, once. */
export function routeRequest(context: RouterContext): void {
  const route = context.routes.match(context.request)
  if (route === null) {
    context.fail(failure(FAILURES.noMatchedRoute, printId(context.request.requestId)))
    return
  }
  const choice = route.chooseCluster(context.thread.random.next())
  const name = route.clusters[choice] as string
  context.setRoute(route, name)
  context.pickRequest.criteria = route.criteria[choice] ?? null
  const cluster = context.clusters.get(name)
  if (cluster === undefined) context.fail(failure(FAILURES.unknownCluster, name))
  else if (sendTo(context, route, cluster) && route.mirrors.length > 0) mirrorRequest(context, route)
}

/** False when there was no place, or no endpoint, to send it to: then it has failed. */
function sendTo(context: RouterContext, route: CompiledRoute, cluster: Cluster): boolean {
  const { limits, stats } = cluster.context
  const { pinned } = context
  const hasSlot = pinned === null || pinned.hasSlot
  if (!hasSlot || !limits.tryAcquire(LimitKind.Requests)) {
    stats.rqOverflow.add(1)
    context.fail(failure(FAILURES.overflow, ''))
    return false
  }
  arm(context, route)
  if (pinned !== null) {
    begin(context, cluster, pinned.pool.endpoint).startOn(pinned)
    return true
  }
  const endpoint = cluster.pick(context.pickRequest.of(route, context.request))
  if (endpoint === undefined) {
    limits.release(LimitKind.Requests)
    stats.cxNoneHealthy.add(1)
    context.fail(failure(FAILURES.noHealthyUpstream, cluster.name))
    return false
  }
  begin(context, cluster, endpoint).start(endpoint.pool(context.protocol, dialectOf(context)))
  return true
}

function begin(context: RouterContext, cluster: Cluster, target: Target): Attempt {
  const attempt = new Attempt(context, cluster, target)
  context.attempt = attempt
  return attempt
}

/** One-way messages and streams are over once sent, but a message that waits for a connection must not wait forever. */
function arm(context: RouterContext, route: CompiledRoute): void {
  const delayMs = route.timeoutMs ?? context.defaultTimeoutMs
  if (delayMs > 0) context.armTimeout(delayMs)
}

function dialectOf(context: RouterContext): string {
  const { definition } = context.protocol
  return definition.dialect === undefined ? '' : definition.dialect(context.request)
}
