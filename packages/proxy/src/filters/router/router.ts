import { type DirectResponse, ERROR_TYPES } from '@meltemi/api/model'
import { FAILURES, failure, printId } from '../../observe/failure-table.ts'
import type { CompiledRoute } from '../../routing/route.ts'
import type { Cluster } from '../../upstream/cluster.ts'
import type { Endpoint } from '../../upstream/endpoint.ts'
import { LimitKind } from '../../upstream/limits.ts'
import { mirrorRequest } from '../mirror/mirror-request.ts'
import { Attempt } from './attempt.ts'
import { dialectOf } from './dialect-of.ts'
import { canRetry } from './retries.ts'
import type { RouterContext } from './router-context.ts'

/** The last filter: route → cluster → endpoint → connection. Every way out ends in the context, once. */
export function routeRequest(context: RouterContext): void {
  const route = context.routes.match(context.request)
  if (route === null) {
    context.fail(failure(FAILURES.noMatchedRoute, printId(context.request.requestId)))
    return
  }
  if (route.directResponse !== null) {
    answer(context, route, route.directResponse)
    return
  }
  const choice = route.chooseCluster(context.thread.random.next())
  const name = route.clusterKey === null ? (route.clusters[choice] as string) : context.request.find(route.clusterKey)
  if (name === undefined) {
    context.setRoute(route, '')
    context.fail(failure(FAILURES.noClusterKey, route.clusterKey as string))
    return
  }
  context.setRoute(route, name)
  context.pickRequest.criteria = route.criteria[choice] ?? null
  const cluster = context.clusters.get(name)
  if (cluster === undefined) context.fail(failure(FAILURES.unknownCluster, name))
  else if (!context.armTimeout(route.timeoutMs ?? context.defaultTimeoutMs, route.tryTimeoutMs)) {
    cluster.context.stats.rqTimeout.add(1)
    context.expire()
  } else if (sendTo(context, route, cluster) && route.mirrors.length > 0) mirrorRequest(context, route)
}

/** The proxy itself does. */
function answer(context: RouterContext, route: CompiledRoute, { errorType, message }: DirectResponse): void {
  context.setRoute(route, '')
  context.fail(failure(FAILURES.directResponse, message, ERROR_TYPES[errorType]))
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
  if (pinned !== null) {
    const attempt = new Attempt(context, cluster, pinned.pool.endpoint, null)
    context.attempt = attempt
    attempt.startOn(pinned)
    return true
  }
  const endpoint = cluster.pick(context.pickRequest.of(route, context.request))
  if (endpoint === undefined) {
    limits.release(LimitKind.Requests)
    stats.cxNoneHealthy.add(1)
    context.fail(failure(FAILURES.noHealthyUpstream, cluster.name))
    return false
  }
  const attempt = createAttempt(context, route, cluster, endpoint)
  context.attempt = attempt
  attempt.start(endpoint.pool(context.protocol, dialectOf(context)))
  context.retries?.hedge()
  return true
}

function createAttempt(context: RouterContext, route: CompiledRoute, cluster: Cluster, endpoint: Endpoint): Attempt {
  if (route.retry === null || !canRetry(context)) return new Attempt(context, cluster, endpoint, null)
  const attempt = new Attempt(context, cluster, endpoint, route)
  // what goes to one endpoint is followed when it has failed
  if (route.retry.hedge !== null) context.follow(attempt)
  return attempt
}
