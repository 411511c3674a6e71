import {
  type ClusterConfig,
  type ConfigChange,
  type EndpointConfig,
  type ListenerConfig,
  type NamedRoutes,
  NO_CHANGE,
  type ProxyConfig,
  type RouteConfig,
  rdsKey,
} from '@meltemi/api/model'
import type { Draw } from './draw.ts'

const SOURCE = { kind: 'ads', initialFetchTimeoutMs: 0 } as const
const RDS = { routeConfigName: 'routes', source: SOURCE } as const
const KEY = rdsKey(RDS)

/** What becomes different while requests are under way. */
export interface PlannedChange {
  readonly atMs: number
  readonly change: ConfigChange
}

/** How the configuration of one run begins, and goes on. */
export interface Dynamics {
  readonly config: ProxyConfig
  readonly routes: readonly NamedRoutes[]
  readonly changes: readonly PlannedChange[]
  /** How long connections of a listener that is removed may go on. */
  readonly listenerDrainMs: number
}

export interface DynamicsDraw {
  readonly draw: Draw
  /** Changes that no client may notice. */
  readonly isCalm: boolean
  readonly endMs: number
}

/** Of some runs nothing changes. Of the others some clusters and routes come from elsewhere. */
export function drawDynamics(whole: ProxyConfig, { draw, isCalm, endMs }: DynamicsDraw): Dynamics {
  const listenerDrainMs = draw.pick([200, 30_000])
  if (draw.chance(0.5)) return { config: whole, routes: [], changes: [], listenerDrainMs }
  const { config, routes } = fromElsewhere(whole, draw)
  const state = new State(config, routes)
  const changes = Array.from({ length: draw.int(1, 8) }, () => draw.int(10, endMs))
    .sort((a, b) => a - b)
    .map((atMs) => ({ atMs, change: drawChange(state, draw, isCalm) }))
  return { config, routes, changes, listenerDrainMs }
}

function fromElsewhere(whole: ProxyConfig, draw: Draw): { config: ProxyConfig; routes: readonly NamedRoutes[] } {
  const clusters = whole.clusters.map((cluster) => {
    const becomesEds = cluster.discovery === 'static' && draw.chance(0.6)
    if (!becomesEds) return cluster
    return { ...cluster, discovery: 'eds' as const, eds: { serviceName: cluster.name, source: SOURCE } }
  })
  const [listener] = whole.listeners as [ListenerConfig]
  const { filter } = listener
  if (filter.kind === 'tcp-proxy' || draw.chance(0.3)) return { config: { ...whole, clusters }, routes: [] }
  const following = { ...listener, filter: { ...filter, rds: RDS, routes: { name: '', routes: [] } } }
  return {
    config: { ...whole, clusters, listeners: [following] },
    routes: [{ key: KEY, table: { name: 'routes', routes: filter.routes.routes } }],
  }
}

/** What is in force when all changes drawn so far have been made. */
class State {
  /** As they were at first, those that are gone too. */
  readonly known: ReadonlyMap<string, ClusterConfig>
  readonly clusters: Map<string, ClusterConfig>
  readonly firstListener: ListenerConfig
  readonly firstRoutes: readonly RouteConfig[]
  listener: ListenerConfig | undefined

  constructor(config: ProxyConfig, routes: readonly NamedRoutes[]) {
    this.known = new Map(config.clusters.map((cluster) => [cluster.name, cluster]))
    this.clusters = new Map(this.known)
    this.firstListener = config.listeners[0] as ListenerConfig
    this.firstRoutes = routes[0]?.table.routes ?? []
    this.listener = this.firstListener
  }
}

type Kind = (state: State, draw: Draw, isCalm: boolean) => Partial<ConfigChange>

function drawChange(state: State, draw: Draw, isCalm: boolean): ConfigChange {
  const kind = draw.pick(isCalm || draw.chance(0.7) ? QUIET : RUDE)
  return { ...NO_CHANGE, ...kind(state, draw, isCalm) }
}

const assignEndpoints: Kind = (state, draw, isCalm) => {
  const followers = [...state.clusters.values()].filter(({ discovery }) => discovery === 'eds')
  if (followers.length === 0) return {}
  const { name } = draw.pick(followers)
  return {
    endpoints: [{ cluster: name, endpoints: drawEndpoints(state.known.get(name)?.endpoints ?? [], draw, isCalm) }],
  }
}

const changeCluster: Kind = (state, draw, isCalm) => {
  if (state.clusters.size === 0) return {}
  const cluster = draw.pick([...state.clusters.values()])
  const changed: ClusterConfig = {
    ...cluster,
    // another name in stats is another cluster, that takes the place of the old one
    statName: draw.chance(0.3) ? `${cluster.name}-${draw.int(1, 3)}` : cluster.statName,
    loadBalancer: draw.chance(0.5) ? { kind: 'round-robin' } : { kind: 'random' },
    connectTimeoutMs: draw.pick([100, 500]),
    dnsRefreshMs: draw.pick([200, 1000]),
    endpoints: cluster.discovery === 'static' ? drawEndpoints(cluster.endpoints, draw, isCalm) : cluster.endpoints,
  }
  state.clusters.set(cluster.name, changed)
  return { clusters: [changed] }
}

const changeRoutes: Kind = (state, draw) => {
  const names = [...state.known.keys()]
  const routes = state.firstRoutes.map((route) => ({
    ...route,
    clusters: route.clusters.map(({ cluster, weight }) =>
      state.known.has(cluster) ? { cluster: draw.pick(names), weight } : { cluster, weight },
    ),
  }))
  return routes.length === 0 ? {} : { routes: [{ key: KEY, table: { name: 'routes', routes } }] }
}

const changeListener: Kind = (state, draw) => {
  const { listener } = state
  if (listener === undefined) return {}
  const { filter } = listener
  const changed = {
    ...listener,
    bufferLimitBytes: draw.pick([16_384, 1 << 20]),
    filter: filter.kind === 'tcp-proxy' ? filter : { ...filter, maxInFlightPerConnection: draw.pick([1, 3, 1024]) },
  }
  state.listener = changed
  return { listeners: [changed] }
}

const removeCluster: Kind = (state, draw) => {
  if (state.clusters.size === 0) return {}
  const name = draw.pick([...state.clusters.keys()])
  state.clusters.delete(name)
  return { clustersRemoved: [name] }
}

const addCluster: Kind = (state, draw) => {
  const gone = [...state.known.values()].filter(({ name }) => !state.clusters.has(name))
  if (gone.length === 0) return {}
  const cluster = draw.pick(gone)
  state.clusters.set(cluster.name, cluster)
  return { clusters: [cluster] }
}

const removeRoutes: Kind = (state) => (state.firstRoutes.length === 0 ? {} : { routesRemoved: [KEY] })

const removeListener: Kind = (state) => {
  const { listener } = state
  state.listener = undefined
  return listener === undefined ? {} : { listenersRemoved: [listener.name] }
}

const addListener: Kind = (state) => {
  if (state.listener !== undefined) return {}
  state.listener = state.firstListener
  return { listeners: [state.firstListener] }
}

const QUIET = [assignEndpoints, assignEndpoints, changeCluster, changeRoutes, changeRoutes, changeListener] as const
const RUDE = [
  removeCluster,
  addCluster,
  addCluster,
  removeRoutes,
  changeRoutes,
  removeListener,
  addListener,
  addListener,
] as const

/** Some of them, never none where nobody may notice. */
function drawEndpoints(all: readonly EndpointConfig[], draw: Draw, isCalm: boolean): readonly EndpointConfig[] {
  const some = all.filter(() => draw.chance(0.6))
  const chosen = isCalm && some.length === 0 ? all : some
  return chosen.map((endpoint) => ({
    ...endpoint,
    weight: draw.int(1, 3),
    healthy: isCalm ? endpoint.healthy : draw.chance(0.8),
  }))
}
