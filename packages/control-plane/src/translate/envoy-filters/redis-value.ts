import type { RedisFault, RedisMirror, RedisPercent, RedisRoute, RedisSettings } from '@meltemi/api'
import type { ServicePort, ServiceView } from '../../store/world.ts'
import { clusterName, statPrefix } from '../names.ts'
import { durationJson } from './duration-json.ts'
import type { NetworkFilter } from './envoy-filter.ts'
import { inboundStatPrefix } from './meta-protocol-value.ts'
import type { RedisInputs } from './redis-inputs.ts'

type Value = NetworkFilter['typed_config']['value']

/** Whose port it is, and what is said of it elsewhere. */
export interface RedisContext {
  readonly view: ServiceView
  readonly port: ServicePort
  readonly redis: RedisInputs
}

const OP_TIMEOUT = '60s'
/** There the proxy in front of the client decides. */
const INBOUND_OP_TIMEOUT = '3600s'
const MILLIONTHS_PER_PERCENT = 10_000

/** A RedisProxy in front of clients. Throws where a Secret cannot be had. */
export function redisOutbound(context: RedisContext): Value {
  const { view, port, redis } = context
  const { settings, redis: routes = [], faults = [] } = redis.serviceOf(view)?.spec ?? {}
  return {
    statPrefix: statPrefix(view.host, port.number),
    settings: settingsJson(settings),
    prefixRoutes: {
      ...routesJson(routes, context),
      ...(settings?.caseInsensitive === true ? { caseInsensitive: true } : {}),
    },
    ...(settings?.auth === undefined ? {} : authJson(context, settings.auth)),
    ...(faults.length === 0 ? {} : { faults: faults.map(faultJson) }),
  }
}

/** A RedisProxy in front of a workload, which listens at `workloadPort`. */
export function redisInbound({ port }: RedisContext, workloadPort: number): Value {
  return {
    statPrefix: inboundStatPrefix(port.number),
    settings: { opTimeout: INBOUND_OP_TIMEOUT },
    prefixRoutes: { catchAllRoute: { cluster: `inbound|${workloadPort}||` } },
  }
}

/** A DataSource; none for nothing. */
export function inline(field: string, text: string): Value {
  return text === '' ? {} : { [field]: { inlineString: text } }
}

function authJson({ redis, view }: RedisContext, auth: NonNullable<RedisSettings['auth']>): Value {
  const { username, password } = redis.login(auth, view.namespace)
  return { ...inline('downstreamAuthPassword', password), ...inline('downstreamAuthUsername', username) }
}

/** Without what is zero, false, or the first of an enum. */
function settingsJson(settings: RedisSettings = {}): Value {
  const { opTimeout, bufferFlushTimeout, maxBufferSizeBeforeFlush = 0, maxUpstreamUnknownConnections } = settings
  const { readPolicy = 'MASTER' } = settings
  const flags = (['enableHashtagging', 'enableRedirection', 'enableCommandStats'] as const).filter(
    (flag) => settings[flag] === true,
  )
  return {
    opTimeout: durationJson(opTimeout ?? OP_TIMEOUT),
    ...Object.fromEntries(flags.map((flag) => [flag, true])),
    ...(maxBufferSizeBeforeFlush === 0 ? {} : { maxBufferSizeBeforeFlush }),
    ...(bufferFlushTimeout === undefined ? {} : { bufferFlushTimeout: durationJson(bufferFlushTimeout) }),
    ...(maxUpstreamUnknownConnections === undefined ? {} : { maxUpstreamUnknownConnections }),
    ...(readPolicy === 'MASTER' ? {} : { readPolicy }),
  }
}

/** Without routes all goes to the service itself; of several for all other keys the last one counts. */
function routesJson(routes: readonly RedisRoute[], context: RedisContext): Value {
  const { view, port } = context
  if (routes.length === 0) return { catchAllRoute: { cluster: clusterName(view.host, port.number) } }
  const prefixed = routes.filter(({ match }) => match?.key !== undefined)
  const rest = routes.findLast(({ match }) => match?.key === undefined)
  return {
    ...(prefixed.length === 0 ? {} : { routes: prefixed.map((route) => routeJson(route, context)) }),
    ...(rest === undefined ? {} : { catchAllRoute: routeJson(rest, context) }),
  }
}

function routeJson({ match, route, mirror = [] }: RedisRoute, context: RedisContext): Value {
  const { prefix = '', removePrefix = false } = match?.key ?? {}
  return {
    ...(prefix === '' ? {} : { prefix }),
    ...(removePrefix ? { removePrefix } : {}),
    cluster: targetCluster(route, context),
    ...(mirror.length === 0 ? {} : { requestMirrorPolicy: mirror.map((each) => mirrorJson(each, context)) }),
  }
}

function mirrorJson({ route, percentage, excludeReadCommands = false }: RedisMirror, context: RedisContext): Value {
  return {
    cluster: targetCluster(route, context),
    runtimeFraction: fractionJson(percentage),
    ...(excludeReadCommands ? { excludeReadCommands } : {}),
  }
}

function targetCluster({ host, port }: RedisRoute['route'], { redis, port: from }: RedisContext): string {
  return clusterName(host, port ?? redis.portOf(host, from))
}

function faultJson({ type = 'DELAY', percentage, delay, commands = [] }: RedisFault): Value {
  return {
    ...(type === 'DELAY' ? {} : { faultType: type }),
    faultEnabled: fractionJson(percentage),
    ...(delay === undefined ? {} : { delay: durationJson(delay) }),
    ...(commands.length === 0 ? {} : { commands }),
  }
}

/** Of a hundred, cut off after the millionth as Go does; all of them unless said otherwise. */
function fractionJson({ value }: RedisPercent = { value: 100 }): Value {
  const numerator = Math.trunc(value * MILLIONTHS_PER_PERCENT)
  return { defaultValue: { ...(numerator === 0 ? {} : { numerator }), denominator: 'MILLION' } }
}
