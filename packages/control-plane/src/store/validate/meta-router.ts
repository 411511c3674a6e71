/** The rules of the reference's webhook that a schema cannot say, and those that it lacks. */

import {
  type MetaRoute,
  type MetaRouter,
  type ResourcePath,
  type ResourceProblems,
  tryParseDuration,
} from '@meltemi/api/resource'
import { checkExportTo } from './check-export-to.ts'
import { checkHost } from './check-host.ts'
import { checkMatch } from './check-match.ts'
import { checkRateLimits } from './check-rate-limits.ts'
import { checkRetries } from './check-retries.ts'
import type { Loose } from './loose.ts'

type Route = Loose<MetaRoute>

const PERCENT = 100
const MAX_DELAY_MS = 3_600_000

export function checkMetaRouter({ spec, metadata }: Loose<MetaRouter>, problems: ResourceProblems): void {
  if (spec === undefined) return
  const { routes = [], hosts = [], localRateLimit, globalRateLimit } = spec
  checkHost(hosts[0], ['spec', 'hosts', 0], problems)
  if (routes.length === 0 && localRateLimit === undefined && globalRateLimit === undefined) {
    const message = 'expected at least one of routes, localRateLimit and globalRateLimit'
    problems.error({ code: 'nothing-to-do', path: ['spec'], message, fix: 'add routes, or delete it' })
  }
  for (const [index, route] of routes.entries()) checkRoute(route, ['spec', 'routes', index], problems)
  checkOrder(routes, problems)
  checkRateLimits(spec, problems)
  checkExportTo(spec.exportTo, metadata?.namespace ?? '', problems)
  if ((spec.gateways?.length ?? 0) > 0) {
    const message =
      'is for gateways of Istio, by EnvoyFilters of a control plane with --envoy-filters, and for none of ours'
    problems.warning({ code: 'no-effect', path: ['spec', 'gateways'], message })
  }
}

function checkRoute(route: Route, path: ResourcePath, problems: ResourceProblems): void {
  checkMatch(route.match, [...path, 'match'], problems)
  for (const [index, { destination }] of (route.route ?? []).entries())
    checkHost(destination?.host, [...path, 'route', index, 'destination', 'host'], problems)
  checkWeights(route, path, problems)
  checkActions(route, path, problems)
  checkHost(route.mirror?.host, [...path, 'mirror', 'host'], problems)
  checkRetries(route, path, problems)
  if (route.mirrorPercentage === undefined || route.mirror !== undefined) return
  problems.error({
    code: 'conflicting-fields',
    path: [...path, 'mirrorPercentage'],
    message: 'needs a mirror that gets the copies',
    fix: 'add mirror, or leave this out',
  })
}

/** What a proxy answers itself goes nowhere; a delay has its bounds. */
function checkActions(route: Route, path: ResourcePath, problems: ResourceProblems): void {
  const { directResponse, fault } = route
  for (const field of ['mirror', 'requestMutation', 'responseMutation'] as const) {
    if (directResponse === undefined || route[field] === undefined) continue
    const message = 'has no meaning beside directResponse: no message is sent on'
    problems.error({ code: 'conflicting-fields', path: [...path, field], message, fix: 'leave it out' })
  }
  const delayMs = tryParseDuration(fault?.delay?.fixedDelay ?? '')
  if (delayMs === undefined || (delayMs >= 1 && delayMs <= MAX_DELAY_MS)) return
  const message = 'expected a duration from 1ms to 1h'
  problems.error({ code: 'invalid-value', path: [...path, 'fault', 'delay', 'fixedDelay'], message })
}

function checkWeights({ route = [] }: Route, path: ResourcePath, problems: ResourceProblems): void {
  const sum = route.reduce((total, { weight = 0 }) => total + weight, 0)
  if (route.length > 1 && sum !== PERCENT) {
    const message = `the weights of its ${route.length} destinations add up to ${sum}, not to ${PERCENT}`
    problems.error({ code: 'weights', path: [...path, 'route'], message, fix: 'change them so that they do' })
  }
  const lone = route.length === 1 ? route[0]?.weight : undefined
  if (lone === undefined || lone === 0 || lone === PERCENT) return
  const message = 'the only destination gets all messages, whatever its weight'
  problems.warning({ code: 'weights', path: [...path, 'route', 0, 'weight'], message, fix: 'leave it out' })
}

/** Only the last route can have no match: those that follow one without it are never looked at. */
function checkOrder(routes: readonly Route[], problems: ResourceProblems): void {
  const catchAll = routes.findIndex(({ match }) => Object.keys(match?.attributes ?? {}).length === 0)
  if (catchAll < 0) return
  for (const index of routes.keys()) {
    if (index <= catchAll) continue
    problems.warning({
      code: 'unreachable-route',
      path: ['spec', 'routes', index],
      message: `no message comes to this route: an earlier one, routes[${catchAll}], has no match and takes them all`,
      fix: `move routes[${catchAll}] to the end`,
    })
  }
}
