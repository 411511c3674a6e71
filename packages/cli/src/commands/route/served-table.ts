import {
  type ListenerConfig,
  type MetaProtocolConfig,
  type ProxyConfig,
  parseTrafficName,
  type RouteTableConfig,
} from '@meltemi/api'
import { CommandError } from '../../command-error.ts'

/** A route table with the listener that clients meet it on. */
export interface ServedTable {
  readonly listener: ListenerConfig
  readonly filter: MetaProtocolConfig
  readonly table: RouteTableConfig
}

interface ServiceName {
  readonly host: string
  readonly port: number
}

/** Those that stand in the listeners; listeners that get their routes elsewhere are left out. */
export function servedTables({ listeners }: Pick<ProxyConfig, 'listeners'>): readonly ServedTable[] {
  return listeners.flatMap((listener) => {
    const { filter } = listener
    const isServed = filter.kind === 'meta-protocol' && filter.rds === undefined
    return isServed ? [{ listener, filter, table: filter.routes }] : []
  })
}

/**
 * The table of this service: a host as the control plane's names have it, or the stat prefix or name of a listener. Throws
 * a CommandError with those that there are when it is none, or more than one.
 */
export function findTable(
  tables: readonly ServedTable[],
  host: string | undefined,
  port: number | undefined,
): ServedTable {
  const named = host === undefined ? tables : tables.filter((served) => isNamed(served, host))
  const found = port === undefined ? named : named.filter((served) => serviceOf(served).port === port)
  const [only, ...others] = found
  if (only !== undefined && others.length === 0) return only
  const asked = [...(host === undefined ? [] : [host]), ...(port === undefined ? [] : [`port ${port}`])].join(', ')
  const shown = (found.length === 0 ? tables : found).map(describeService).join(', ')
  if (found.length > 0) throw new CommandError([`several tables, choose one by --host and --port: ${shown}`])
  throw new CommandError([`no routes for ${asked || 'any service'}; there are ${shown || 'none at all'}`])
}

function isNamed(served: ServedTable, host: string): boolean {
  const { listener, filter } = served
  return [serviceOf(served).host, listener.name, filter.statPrefix].includes(host)
}

/** As its clients call it. */
export function serviceOf({ listener, filter }: ServedTable): ServiceName {
  const name = parseTrafficName(filter.statPrefix)
  const host = name === undefined || name.host === '' ? filter.statPrefix : name.host
  return { host, port: name?.port ?? listener.address.port }
}

function describeService(served: ServedTable): string {
  const { host, port } = serviceOf(served)
  return `${host} port ${port}`
}
