import { dirname, resolve } from 'node:path'
import {
  formatProblem,
  loadBootstrap,
  type Problem,
  type ProxyConfig,
  parseBootstrap,
  type SocketAddress,
} from '@meltemi/api'
import { callAdmin } from '../../admin-client.ts'
import { CommandError } from '../../command-error.ts'
import { filters } from '../../modules.ts'
import { mergeDump } from './merge-dump.ts'
import { type ServedTable, servedTables } from './served-table.ts'

/** Filters do not change where a request goes, but those of the proxy itself must be known. */
const RULES = { filters: new Map(filters.map((filter) => [filter.typeUrl, filter])) }

/** Tables, and the modules that may have their codecs. */
export interface LoadedTables {
  readonly tables: readonly ServedTable[]
  readonly modules: readonly string[]
}

/** Of a bootstrap file. Throws a CommandError with all that is wrong with it. */
export function loadBootstrapTables(file: string): LoadedTables {
  const { config, problems, modules } = loadBootstrap(file, RULES)
  const folder = dirname(file)
  return { tables: servedTables(checked(config, problems)), modules: modules.map((module) => resolve(folder, module)) }
}

/** Of a running proxy, as it has them now. Throws a CommandError when none answers. */
export async function loadProxyTables(address: SocketAddress): Promise<LoadedTables> {
  const dump = await callAdmin<Parameters<typeof mergeDump>[0]>(address, '/config_dump', 'GET')
  const { config, problems, modules } = parseBootstrap(JSON.stringify(mergeDump(dump)), 'config_dump', RULES)
  return { tables: servedTables(checked(config, problems)), modules }
}

function checked(config: ProxyConfig | undefined, problems: readonly Problem[]): ProxyConfig {
  if (config !== undefined) return config
  throw new CommandError(problems.filter(({ severity }) => severity === 'error').map(formatProblem))
}
