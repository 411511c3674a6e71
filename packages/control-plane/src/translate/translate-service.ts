import type { ClusterConfig, ClusterEndpoints, ListenerConfig, RouteTableConfig } from '@meltemi/api'
import type { ServiceView, StatusNote } from '../store/world.ts'
import { authorizationNotes } from './authorization/notes.ts'
import { translateClusters } from './clusters.ts'
import { translateEndpoints } from './endpoints.ts'
import { type ListenersOptions, translateListeners } from './listeners.ts'
import { isLoop, loopNotes, subsetNotes } from './notes.ts'
import { translateRoutes } from './routes.ts'

/** What proxies need for one service. */
export interface ServiceConfig {
  readonly listeners: readonly ListenerConfig[]
  readonly clusters: readonly ClusterConfig[]
  readonly endpoints: readonly ClusterEndpoints[]
  readonly routes: readonly RouteTableConfig[]
  readonly notes: readonly StatusNote[]
}

export type TranslateOptions = ListenersOptions

/** Pure: one service and the options decide everything. Throws for resources that should never have been accepted. */
export function translateService(view: ServiceView, options: TranslateOptions): ServiceConfig {
  const listeners = translateListeners(view, options)
  return {
    listeners: listeners.filter((listener) => !isLoop(view, listener)),
    clusters: translateClusters(view),
    endpoints: translateEndpoints(view),
    routes: translateRoutes(view),
    notes: [...loopNotes(view, listeners), ...subsetNotes(view), ...authorizationNotes(view)],
  }
}
