import type { PlacedResource, RouteTableConfig } from '@meltemi/api'
import { WorldBuilder, type WorldOptions } from './store/build-world.ts'
import type { ServiceView } from './store/world.ts'
import { routesName } from './translate/names.ts'
import { translateRoutes } from './translate/routes.ts'

/** The routes of one port of a service, as proxies get them. */
export interface ServiceTable {
  readonly host: string
  readonly port: number
  /** Registered name of the codec. */
  readonly codec: string
  readonly table: RouteTableConfig
}

/** Of every port that speaks a protocol, by host. Each resource must be valid by itself. */
export function serviceTables(resources: readonly PlacedResource[], options: WorldOptions): readonly ServiceTable[] {
  const set = new Map(resources.map(({ key, resource }) => [key, resource]))
  // what modules hold does not matter to where requests go
  const { services } = new WorldBuilder(options).apply({ set, deleted: [], modules: new Map() })
  return [...services.values()].toSorted((a, b) => (a.host < b.host ? -1 : 1)).flatMap(tablesOf)
}

function tablesOf(view: ServiceView): readonly ServiceTable[] {
  const tables = new Map(translateRoutes(view).map((table) => [table.name, table]))
  return view.ports.flatMap(({ number: port, protocol }) => {
    const table = tables.get(routesName(view.host, port))
    return protocol === undefined || table === undefined
      ? []
      : [{ host: view.host, port, codec: protocol.codec, table }]
  })
}
