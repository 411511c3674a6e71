/** A whole proxy in the test's own process, with threads and admin pages, whose configuration a test changes. */

import { fileURLToPath } from 'node:url'
import {
  type ClusterConfig,
  type ConfigChange,
  type ListenerConfig,
  type NamedRoutes,
  NO_CHANGE,
  rdsKey,
} from '@meltemi/api'
import { loadModules, type RunningProxy, startProxy, type VersionOf } from '@meltemi/proxy'
import { looping } from './codecs/looping.ts'
import { testCluster, testListener, testMetaProtocol, testRoute } from './test-proxy.ts'

const MODULE = fileURLToPath(new URL('./codecs/looping.ts', import.meta.url))
const BUILT_IN = fileURLToPath(new URL('../../packages/cli/src/modules.ts', import.meta.url))
const SOURCE = { kind: 'ads', initialFetchTimeoutMs: 0 } as const
const RDS = { routeConfigName: 'live', source: SOURCE } as const

export interface LiveProxyOptions {
  readonly concurrency: number
  readonly clusters?: readonly ClusterConfig[]
  /** There from the beginning, but not part of the bootstrap. */
  readonly listeners?: readonly ListenerConfig[]
  readonly drainTimeS?: number
  /** It has all codecs and filters that come with Meltemi, too. */
  readonly isComplete?: boolean
}

export class LiveProxy implements AsyncDisposable {
  readonly running: RunningProxy

  constructor(running: RunningProxy) {
    this.running = running
  }

  configure(change: Partial<ConfigChange>, versionOf?: VersionOf): Promise<void> {
    return this.running.configure({ ...NO_CHANGE, ...change }, versionOf)
  }

  /** Of the listener with this name. */
  port(name: string): number {
    return this.running.config.listeners.find((listener) => listener.name === name)?.address.port ?? 0
  }

  async get(path: string): Promise<string> {
    const { host, port } = this.running.adminAddress
    const reply = await fetch(`http://${host}:${port}${path}`, { headers: { connection: 'close' } })
    return reply.text()
  }

  /** The value of the metric with exactly this name; undefined when there is none. */
  async stat(name: string): Promise<number | undefined> {
    const line = (await this.get('/stats')).split('\n').find((candidate) => candidate.startsWith(`${name}: `))
    return line === undefined ? undefined : Number(line.slice(name.length + 2))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.running.stop()
  }
}

/** Its codec is `looping`, that is awesomerpc. */
export async function startLiveProxy(options: LiveProxyOptions): Promise<LiveProxy> {
  const { concurrency, clusters = [], listeners = [], drainTimeS = 30, isComplete = false } = options
  const modules = isComplete ? [BUILT_IN, MODULE] : [MODULE]
  const running = await startProxy({
    config: {
      node: { id: 'live', cluster: '', metadata: {} },
      admin: undefined,
      clusters,
      listeners: [],
      dynamic: { ads: undefined, listeners: undefined, clusters: undefined },
      modules: [],
    },
    bootstrap: {},
    modules: (await loadModules(modules)).modules.map(({ version }) => version),
    watchModules: false,
    concurrency,
    adminAddress: { host: '127.0.0.1', port: 0 },
    drainTimeS,
    logLevel: 'off',
    memoryLimitBytes: undefined,
  })
  const proxy = new LiveProxy(running)
  // those of a bootstrap that wait for their routes would have to have somewhere to get them from
  await proxy.configure({ listeners })
  return proxy
}

/** A listener whose routes come by `liveRoutes`. */
export function liveListener(name: string, changes: Partial<ListenerConfig> = {}): ListenerConfig {
  return testListener(name, testMetaProtocol(looping.name, { rds: RDS }), changes)
}

export const LIVE_ROUTES_KEY = rdsKey(RDS)

/** Everything goes to this cluster. */
export function liveRoutes(cluster: string): NamedRoutes {
  return { key: LIVE_ROUTES_KEY, table: { name: 'live', routes: [testRoute(cluster)] } }
}

/** A cluster whose endpoints come by `liveEndpoints`. */
export function liveCluster(name: string, changes: Partial<ClusterConfig> = {}): ClusterConfig {
  return testCluster(name, [], { discovery: 'eds', eds: { serviceName: name, source: SOURCE }, ...changes })
}

export function liveEndpoints(cluster: string, ports: readonly number[]): ConfigChange['endpoints'][number] {
  return { cluster, endpoints: testCluster(cluster, ports).endpoints }
}
