import type { ClusterConfig, ClusterEndpoints, ListenerConfig, RouteTableConfig } from '@meltemi/api'
import type { ServiceView, StatusNote } from '../store/world.ts'
import { translateClusters } from './clusters.ts'
import { translateEndpoints } from './endpoints.ts'
import { translateListeners } from './listeners.ts'
import { isLoop, loopNotes, outlierNotes, subsetNotes } from './notes.ts'
import { translateRoutes } from './routes.ts'

/** What proxies need for one service. */
export interface ServiceConfig {
  readonly listeners: readonly ListenerConfig[]
  readonly clusters: readonly ClusterConfig[]
  readonly endpoints: readonly ClusterEndpoints[]
  readonly routes: readonly RouteTableConfig[]
  readonly notes: readonly StatusNote[]
}

export interface TranslateOptions {
  /** Where services without an address of their own listen. */
  readonly listenHost: string
}

/** Pure: one service and the options decide everything. Throws for resources that should never have been accepted. */
export function translateService(view: ServiceView, { listenHost }: TranslateOptions): ServiceConfig {
  const listeners = translateListeners(view, listenHost)
  return {
    listeners: listeners.filter((listener) => !isLoop(view, listener)),
    clusters: translateClusters(view),
    endpoints: translateEndpoints(view),
    routes: translateRoutes(view),
    notes: [...loopNotes(view, listeners), ...subsetNotes(view), ...outlierNotes(view)],
  }
}
