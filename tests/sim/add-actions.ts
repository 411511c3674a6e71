import type { FilterConfig, FilterOverride, MetaProtocolConfig, ProxyConfig, RouteConfig } from '@meltemi/api/model'
import { abort, delay, FAULT, faultFilter } from '../harness/actions.ts'
import type { Draw } from './draw.ts'

/**
 * A third of the listeners that are in trouble anyway delay and abort requests on purpose; some of their routes do it
 * otherwise, or not at all, and the one that leads nowhere may answer itself.
 */
export function addActions(config: ProxyConfig, draw: Draw): ProxyConfig {
  if (draw.chance(0.65)) return config
  const listeners = config.listeners.map((listener) =>
    listener.filter.kind === 'tcp-proxy' ? listener : { ...listener, filter: acting(listener.filter, draw) },
  )
  return { ...config, listeners }
}

function acting(filter: MetaProtocolConfig, draw: Draw): MetaProtocolConfig {
  const routes = filter.routes.routes.map((route) => answering({ ...route, ...drawOverride(draw) }, draw))
  return { ...filter, filters: [drawFault(draw)], routes: { ...filter.routes, routes } }
}

function drawFault(draw: Draw): FilterConfig {
  const share = (numerator: number) => ({ numerator, denominator: 100 }) as const
  return faultFilter({
    ...(draw.chance(0.7) ? delay(draw.pick([1, 20, 300]), share(draw.pick([10, 50, 100]))) : {}),
    ...(draw.chance(0.5) ? abort(share(draw.pick([10, 30]))) : {}),
    maxActiveFaults: draw.pick([1, 3, 1_024]),
  })
}

function drawOverride(draw: Draw): { readonly overrides?: readonly FilterOverride[] } {
  if (draw.chance(0.5)) return {}
  return { overrides: [{ name: FAULT, filter: draw.chance(0.3) ? undefined : drawFault(draw) }] }
}

function answering(route: RouteConfig, draw: Draw): RouteConfig {
  if (route.clusters[0]?.cluster !== 'nowhere' || draw.chance(0.5)) return route
  const directResponse = { errorType: 'Denied', message: 'sim: closed' } as const
  const nothing = { clusters: [], hashPolicy: [], mirrors: [], timeoutMs: undefined }
  return { ...route, ...nothing, requestMutation: [], responseMutation: [], directResponse }
}
