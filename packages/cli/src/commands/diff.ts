/** `meltemi diff`: what `apply` would change. */

import { formatYaml, type Resource } from '@meltemi/api/resource'
import { Command, Option } from 'commander'
import type { ApiClient } from '../api-client/api-client.ts'
import { apiPath, targetOf } from '../api-client/api-paths.ts'
import { CONNECTION_HELP, createApiClient } from '../api-client/connection-options.ts'
import { unifiedDiff } from '../api-client/line-diff.ts'
import { readResourceFiles } from '../api-client/resource-files.ts'
import { isNotFound } from '../api-client/server-error.ts'
import { CommandError } from '../command-error.ts'
import { type Console, reportError } from '../console.ts'
import { collect } from './option-values.ts'
import { addResourceOptions, type ResourceFlags } from './resource-options.ts'

interface DiffFlags extends ResourceFlags {
  readonly filename: readonly string[]
}

interface ResourceJson {
  readonly metadata: Readonly<Record<string, unknown>>
  readonly status?: unknown
}

const SAME = 0
const DIFFERENT = 1
const FAILED = 2

const HELP = `
The control plane checks the resources as if they were applied; it changes nothing.
${CONNECTION_HELP}
Examples:
  What would be different, as diff -u says it:
    $ meltemi diff -f resources/
  Apply only what has been looked at:
    $ meltemi diff -f router.yaml && echo nothing to do

Exit code: 0 when there is no difference, 1 when there is one, 2 for anything wrong.
`

/** The command with its options; what they mean is said in `--help`. */
export function createDiffCommand(console: Console, result: { exitCode: number }): Command {
  const command = new Command('diff')
    .description('Shows what apply would change in a control plane.')
    .addOption(
      new Option('-f, --filename <path>', 'file, folder, or - for standard input; repeatable')
        .argParser(collect)
        .default([], 'none')
        .makeOptionMandatory(),
    )
  return addResourceOptions(command)
    .addHelpText('after', HELP)
    .action(async (flags: DiffFlags) => {
      result.exitCode = await runDiff(flags, console)
    })
}

async function runDiff(flags: DiffFlags, console: Console): Promise<number> {
  const resources = await readResourceFiles(flags.filename, { namespace: flags.namespace, console }).catch(asFailure)
  const client = createApiClient(flags, console)
  let exitCode = SAME
  for (const resource of resources) {
    try {
      const text = await diffOne(resource, client)
      console.write(text)
      if (text !== '' && exitCode === SAME) exitCode = DIFFERENT
    } catch (error: unknown) {
      reportError(error, console)
      exitCode = FAILED
    }
  }
  return exitCode
}

async function diffOne(resource: Resource, client: ApiClient): Promise<string> {
  const target = targetOf(resource)
  const { name, ...list } = target
  const live = await client.call<ResourceJson>(apiPath(target)).catch((error: unknown) => {
    if (!isNotFound(error)) throw error
  })
  const query = { dryRun: 'All' }
  const merged =
    live === undefined
      ? client.call<ResourceJson>(apiPath(list, query), { method: 'POST', body: resource })
      : client.call<ResourceJson>(apiPath(target, query), { method: 'PUT', body: resource })
  const path = [resource.apiVersion.replace('/', '.'), resource.kind, target.namespace, name]
  const file = path.filter((part) => part !== '').join('.')
  const before = live === undefined ? '' : comparable(live)
  return unifiedDiff(before, comparable(await merged), [`LIVE/${file}`, `MERGED/${file}`])
}

/** Without what the control plane adds. */
function comparable({ status: _, ...resource }: ResourceJson): string {
  const { resourceVersion, creationTimestamp, ...metadata } = resource.metadata
  return formatYaml({ ...resource, metadata })
}

/** Exit code 1 would say that there is a difference. */
function asFailure(error: unknown): never {
  if (error instanceof CommandError) throw new CommandError(error.lines, { exitCode: FAILED })
  throw error
}
