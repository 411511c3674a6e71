import {
  type CodecConfig,
  type ListenerConfig,
  type MetaProtocolConfig,
  type ProxyConfig,
  parseTrafficName,
  type RouteTableConfig,
} from '@meltemi/api'
import { CommandError } from '../../command-error.ts'

/** The routes of one port of a service, and what its listener says of requests. */
export interface ServedTable {
  /** As its clients call it. */
  readonly host: string
  readonly port: number
  /** By what else it may be asked for. */
  readonly aliases: readonly string[]
  readonly table: RouteTableConfig
  readonly codec: CodecConfig
  readonly maxMessageBytes: number
  /** Where a route says nothing; 0: none. */
  readonly requestTimeoutMs: number
}

/** Those that stand in the listeners; listeners that get their routes elsewhere are left out. */
export function servedTables({ listeners }: Pick<ProxyConfig, 'listeners'>): readonly ServedTable[] {
  return listeners.flatMap((listener) => {
    const { filter } = listener
    return filter.kind === 'meta-protocol' && filter.rds === undefined ? [servedTable(listener, filter)] : []
  })
}

function servedTable(listener: ListenerConfig, filter: MetaProtocolConfig): ServedTable {
  const { routes: table, statPrefix, codec, maxMessageBytes, requestTimeoutMs } = filter
  const name = parseTrafficName(statPrefix)
  return {
    host: name === undefined || name.host === '' ? statPrefix : name.host,
    port: name?.port ?? listener.address.port,
    aliases: [statPrefix, listener.name],
    table,
    codec,
    maxMessageBytes,
    requestTimeoutMs,
  }
}

/** Throws a CommandError with the services that there are when it is none of them, or more than one. */
export function findTable(
  tables: readonly ServedTable[],
  host: string | undefined,
  port: number | undefined,
): ServedTable {
  const found = tables.filter(
    (served) =>
      (host === undefined || served.host === host || served.aliases.includes(host)) &&
      (port === undefined || served.port === port),
  )
  const [only, ...others] = found
  if (only !== undefined && others.length === 0) return only
  const asked = [...(host === undefined ? [] : [host]), ...(port === undefined ? [] : [`port ${port}`])].join(', ')
  const shown = (found.length === 0 ? tables : found).map((served) => `${served.host} port ${served.port}`).join(', ')
  if (found.length > 0) throw new CommandError([`several tables, choose one by --host and --port: ${shown}`])
  throw new CommandError([`no routes for ${asked || 'any service'}; there are ${shown || 'none at all'}`])
}
