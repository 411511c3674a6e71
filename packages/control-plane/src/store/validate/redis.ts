import {
  type RedisDestination,
  type RedisRoute,
  type RedisService,
  type ResourcePath,
  type ResourceProblems,
  tryParseDuration,
} from '@meltemi/api/resource'
import { checkHost } from './check-host.ts'
import { checkUnique } from './check-unique.ts'
import type { Loose } from './loose.ts'

const MIN_DURATION_MS = 1
/** What systems count keepalive probes in. */
const SECOND_MS = 1_000
/** 10,000 hours: what is longer cannot be told to every proxy. */
const MAX_DURATION_MS = 10_000 * 60 * 60 * 1_000
const MAX_PORT = 65_535

export function checkRedisService({ spec }: Loose<RedisService>, problems: ResourceProblems): void {
  if (spec === undefined) return
  const { host: hosts = [], settings, redis: routes = [], faults = [] } = spec
  for (const [index, host] of hosts.entries()) checkHost(host, ['spec', 'host', index], problems)
  checkUnique(hosts, (index) => ['spec', 'host', index], problems)
  for (const field of ['opTimeout', 'bufferFlushTimeout'] as const)
    checkDuration(settings?.[field], MIN_DURATION_MS, ['spec', 'settings', field], problems)
  for (const [index, route] of routes.entries()) checkTargets(route, ['spec', 'redis', index], problems)
  checkPrefixes(routes, settings?.caseInsensitive === true, problems)
  checkCatchAll(routes, problems)
  for (const [index, { type, delay }] of faults.entries()) {
    checkDuration(delay, MIN_DURATION_MS, ['spec', 'faults', index, 'delay'], problems)
    if (type === 'ERROR' || delay !== undefined) continue
    const message = 'a fault that delays needs a delay'
    problems.error({
      code: 'missing-field',
      path: ['spec', 'faults', index],
      message,
      fix: 'add delay, or type: ERROR',
    })
  }
}

export function checkRedisDestination({ spec }: Loose<RedisDestination>, problems: ResourceProblems): void {
  if (spec === undefined) return
  checkHost(spec.host, ['spec', 'host'], problems)
  const path = ['spec', 'trafficPolicy', 'connectionPool']
  const { tcp, redis } = spec.trafficPolicy?.connectionPool ?? {}
  checkDuration(tcp?.connectTimeout, MIN_DURATION_MS, [...path, 'tcp', 'connectTimeout'], problems)
  for (const field of ['time', 'interval'] as const)
    checkDuration(tcp?.tcpKeepalive?.[field], SECOND_MS, [...path, 'tcp', 'tcpKeepalive', field], problems)
  const endpoints = redis?.discoveryEndpoints ?? []
  const here = [...path, 'redis', 'discoveryEndpoints']
  for (const [index, endpoint] of endpoints.entries()) checkPort(endpoint, [...here, index], problems)
  if (redis?.discoveryEndpoints === undefined || redis.mode === 'CLUSTER') return
  const message = 'discoveryEndpoints are asked only in mode CLUSTER'
  problems.error({ code: 'conflicting-fields', path: here, message, fix: 'say mode: CLUSTER, or leave them out' })
}

function checkTargets({ route, mirror = [] }: Loose<RedisRoute>, path: ResourcePath, problems: ResourceProblems): void {
  checkHost(route?.host, [...path, 'route', 'host'], problems)
  for (const [index, { route: target }] of mirror.entries())
    checkHost(target?.host, [...path, 'mirror', index, 'route', 'host'], problems)
}

/** Envoy refuses to have two. */
function checkPrefixes(
  routes: readonly Loose<RedisRoute>[],
  isCaseInsensitive: boolean,
  problems: ResourceProblems,
): void {
  const prefixes = routes.map(({ match }) => (match?.key === undefined ? undefined : (match.key.prefix ?? '')))
  checkUnique(
    prefixes.map((prefix) => (isCaseInsensitive ? prefix?.toLowerCase() : prefix)),
    (index) => ['spec', 'redis', index, 'match', 'key', 'prefix'],
    problems,
  )
}

function checkCatchAll(routes: readonly Loose<RedisRoute>[], problems: ResourceProblems): void {
  const all = routes.flatMap(({ match }, index) => (match?.key === undefined ? [index] : []))
  for (const index of all.slice(0, -1)) {
    const message = 'a later route is for all other keys as well, and the last one counts'
    problems.warning({ code: 'no-effect', path: ['spec', 'redis', index], message, fix: 'leave out one of them' })
  }
}

function checkDuration(text: string | undefined, minMs: number, path: ResourcePath, problems: ResourceProblems): void {
  const ms = text === undefined ? undefined : tryParseDuration(text)
  if (ms === undefined || (ms >= minMs && ms <= MAX_DURATION_MS)) return
  const message = `expected at least ${minMs}ms and at most ${MAX_DURATION_MS / 3_600_000}h, found ${text}`
  problems.error({ code: 'invalid-value', path, message })
}

function checkPort(endpoint: string, path: ResourcePath, problems: ResourceProblems): void {
  const [, port] = /\]?:(\d+)$/.exec(endpoint) ?? []
  if (port === undefined || (Number(port) >= 1 && Number(port) <= MAX_PORT)) return
  const message = `expected a port from 1 to ${MAX_PORT}, found ${port}`
  problems.error({ code: 'invalid-value', path, message })
}
