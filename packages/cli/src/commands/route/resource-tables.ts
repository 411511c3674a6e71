import {
  formatProblem,
  KINDS,
  loadResources,
  type ParsedResources,
  type PlacedResource,
  type Problem,
  parseResources,
} from '@meltemi/api'
import { serviceTables, validateResource } from '@meltemi/control-plane'
import type { ApiClient } from '../../api-client/api-client.ts'
import { apiPath } from '../../api-client/api-paths.ts'
import { CommandError } from '../../command-error.ts'
import { defaultProtocols } from '../control-plane-options.ts'
import type { LoadedTables } from './bootstrap-tables.ts'

/** As a listener that the control plane makes says them. */
const LISTENER = { maxMessageBytes: 16 * 1024 * 1024, requestTimeoutMs: 15_000 } as const

/** Of the resources in a folder or file. Throws a CommandError with all that is wrong with any of them. */
export function loadFolderTables(path: string, domain: string): LoadedTables {
  const { resources, problems } = loadResources(path)
  refuse([...problems, ...resources.flatMap(validateResource)])
  return tablesOf(resources, domain)
}

/** Of the resources that a control plane has; those that it has not accepted are left out. */
export async function loadControlPlaneTables(client: ApiClient, domain: string): Promise<LoadedTables> {
  const parsed: ParsedResources[] = []
  for (const kind of KINDS) {
    const list = await client.call<unknown>(apiPath({ kind, namespace: '' }))
    parsed.push(parseResources(JSON.stringify(list), `${kind.plural} of the control plane`))
  }
  const resources = parsed.flatMap((each) => each.resources)
  return tablesOf(
    resources.filter((resource) => !validateResource(resource).some(isError)),
    domain,
  )
}

function tablesOf(resources: readonly PlacedResource[], domain: string): LoadedTables {
  const tables = serviceTables(resources, { domain, defaultProtocols: defaultProtocols() }).map(
    ({ host, port, codec, table }) => ({
      host,
      port,
      aliases: [],
      table,
      codec: { name: codec, options: undefined, moduleDigest: undefined },
      ...LISTENER,
    }),
  )
  return { tables, modules: [] }
}

function refuse(problems: readonly Problem[]): void {
  const errors = problems.filter(isError)
  if (errors.length > 0) throw new CommandError(errors.map(formatProblem))
}

function isError({ severity }: Problem): boolean {
  return severity === 'error'
}
