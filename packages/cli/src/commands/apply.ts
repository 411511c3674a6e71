/** `meltemi apply`: resources from files become those of a control plane. */

import { keyOf, type Resource } from '@meltemi/api/resource'
import { Command, Option } from 'commander'
import type { ApiClient } from '../api-client/api-client.ts'
import { apiPath, kindName, targetOf } from '../api-client/api-paths.ts'
import { CONNECTION_HELP, createApiClient } from '../api-client/connection-options.ts'
import { inBatches } from '../api-client/in-batches.ts'
import { readResourceFiles } from '../api-client/resource-files.ts'
import { isNotFound } from '../api-client/server-error.ts'
import { type Console, reportError } from '../console.ts'
import { collect } from './option-values.ts'
import { addResourceOptions, dryRunOption, type ResourceFlags } from './resource-options.ts'

interface ApplyFlags extends ResourceFlags {
  readonly filename: readonly string[]
}

/** As far as it is needed here. */
interface Versioned {
  readonly metadata: { readonly resourceVersion: string }
}

const HELP = `
What the files say takes the place of what the control plane has under the same kind, namespace and name; it keeps it in
its own files. A resource with a resourceVersion is applied only while the control plane has that version. What cannot be
applied is said, and the others are applied.
${CONNECTION_HELP}
Examples:
  Everything in a folder, then again when something has changed:
    $ meltemi apply -f resources/
  One document from standard input, without doing it:
    $ meltemi apply -f - --dry-run < router.yaml

Exit code: 0 when all are applied, 1 for anything wrong.
`

/** The command with its options; what they mean is said in `--help`. */
export function createApplyCommand(console: Console, result: { exitCode: number }): Command {
  const command = new Command('apply')
    .description('Creates or changes resources of a control plane as files say.')
    .addOption(
      new Option('-f, --filename <path>', 'file, folder, or - for standard input; repeatable')
        .argParser(collect)
        .default([], 'none')
        .makeOptionMandatory(),
    )
    .addOption(dryRunOption())
  return addResourceOptions(command)
    .addHelpText('after', HELP)
    .action(async (flags: ApplyFlags) => {
      result.exitCode = await runApply(flags, console)
    })
}

async function runApply(flags: ApplyFlags, console: Console): Promise<number> {
  const resources = await readResourceFiles(flags.filename, { namespace: flags.namespace, console })
  const client = createApiClient(flags, console)
  const query: Readonly<Record<string, string>> = flags.dryRun === undefined ? {} : { dryRun: 'All' }
  const mark = flags.dryRun === undefined ? '' : ' (server dry run)'
  const applied = inBatches(resources, keyOf, async (resource) => {
    const { kind, name } = targetOf(resource)
    return `${kindName(kind)}/${name} ${await applyOne(resource, client, query)}${mark}\n`
  })
  let exitCode = 0
  for await (const outcome of applied) {
    if (outcome.status === 'fulfilled') console.write(outcome.value)
    else exitCode = reportError(outcome.reason, console)
  }
  return exitCode
}

async function applyOne(
  resource: Resource,
  client: ApiClient,
  query: Readonly<Record<string, string>>,
): Promise<'created' | 'configured' | 'unchanged'> {
  const target = targetOf(resource)
  const { name: _, ...list } = target
  const before = await client.call<Versioned>(apiPath(target)).catch(undefinedIfNotFound)
  if (before === undefined) {
    await client.call(apiPath(list, query), { method: 'POST', body: resource })
    return 'created'
  }
  const after = await client.call<Versioned>(apiPath(target, query), { method: 'PUT', body: resource })
  return after.metadata.resourceVersion === before.metadata.resourceVersion ? 'unchanged' : 'configured'
}

function undefinedIfNotFound(error: unknown): undefined {
  if (!isNotFound(error)) throw error
}
