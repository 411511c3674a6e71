import {
  type AdminAddress,
  type AdminCall,
  type AdminRoute,
  type AdminServer,
  type Logger,
  startAdminServer,
} from '@meltemi/runtime'
import { certsRoute } from './certs.ts'
import { clustersRoute } from './clusters.ts'
import { codecsRoutes } from './codecs.ts'
import { configDumpRoute } from './config-dump.ts'
import { drainListenersRoute } from './drain-listeners.ts'
import { healthCheckRoutes } from './health-check.ts'
import { helpRoute } from './help.ts'
import { hotRestartVersionRoute } from './hot-restart-version.ts'
import type { ProxyInspector } from './inspector.ts'
import { listenersRoute } from './listeners.ts'
import { loggingRoutes } from './logging.ts'
import { memoryRoute } from './memory.ts'
import { profileRoutes } from './profiles.ts'
import { quitRoute } from './quit.ts'
import { readyRoute } from './ready.ts'
import { reopenLogsRoute } from './reopen-logs.ts'
import { serverInfoRoute } from './server-info.ts'
import { statsRoutes } from './stats.ts'

export interface AdminOptions {
  readonly address: AdminAddress
  readonly inspector: ProxyInspector
  readonly logger: Logger
  /** Names by which the pages may be called, besides localhost and IP addresses. */
  readonly allowedHosts?: readonly string[]
  /** Stands in for the JSON content type on changes. */
  readonly token?: string
  /** Told of each call. */
  readonly onReply?: (call: AdminCall) => void
}

/** Serves the proxy's admin pages; rejects when the address cannot be had. */
export function startAdmin(options: AdminOptions): Promise<AdminServer> {
  const { inspector, ...server } = options
  return startAdminServer({ ...server, routes: adminRoutes(inspector) })
}

function adminRoutes(inspector: ProxyInspector): AdminRoute[] {
  const routes = [
    certsRoute(inspector),
    clustersRoute(inspector),
    ...codecsRoutes(inspector),
    configDumpRoute(inspector),
    drainListenersRoute(inspector),
    ...healthCheckRoutes(inspector),
    hotRestartVersionRoute(),
    listenersRoute(inspector),
    ...loggingRoutes(inspector),
    memoryRoute(inspector),
    ...profileRoutes(inspector),
    quitRoute(inspector),
    readyRoute(inspector),
    reopenLogsRoute(inspector),
    serverInfoRoute(inspector),
    ...statsRoutes(inspector),
  ]
  return [helpRoute(routes), ...routes]
}
