/** `meltemi delete`: takes resources away from a control plane. */

import { Command, Option } from 'commander'
import type { ApiClient } from '../api-client/api-client.ts'
import { type ApiTarget, apiPath, kindName, targetOf } from '../api-client/api-paths.ts'
import { CONNECTION_HELP, createApiClient } from '../api-client/connection-options.ts'
import { inBatches } from '../api-client/in-batches.ts'
import { parseKindArguments } from '../api-client/kind-arguments.ts'
import { readResourceFiles } from '../api-client/resource-files.ts'
import { isNotFound } from '../api-client/server-error.ts'
import { CommandError } from '../command-error.ts'
import { type Console, reportError } from '../console.ts'
import { collect } from './option-values.ts'
import { addResourceOptions, DEFAULT_NAMESPACE, dryRunOption, type ResourceFlags } from './resource-options.ts'

interface DeleteFlags extends ResourceFlags {
  readonly filename: readonly string[]
  readonly ignoreNotFound?: true
}

type NamedTarget = ApiTarget & { readonly name: string }

const HELP = `${CONNECTION_HELP}
Examples:
  By kind and name, or by file:
    $ meltemi delete metarouter greeter
    $ meltemi delete serviceentry/greeter destinationrule/greeter -n shop
    $ meltemi delete -f router.yaml --ignore-not-found

Exit code: 0 when all are deleted, 1 for anything wrong.
`

/** The command with its options; what they mean is said in `--help`. */
export function createDeleteCommand(console: Console, result: { exitCode: number }): Command {
  const command = new Command('delete')
    .description('Deletes resources of a control plane, by kind and name or as files name them.')
    .argument('[kind-and-names...]', 'KIND NAME…, or KIND/NAME…')
    .addOption(
      new Option('-f, --filename <path>', 'file, folder, or - for standard input; repeatable')
        .argParser(collect)
        .default([], 'none'),
    )
    .addOption(new Option('--ignore-not-found', 'what is not there counts as deleted'))
    .addOption(dryRunOption())
  return addResourceOptions(command)
    .addHelpText('after', HELP)
    .action(async (words: readonly string[], flags: DeleteFlags) => {
      result.exitCode = await runDelete(words, flags, console)
    })
}

async function runDelete(words: readonly string[], flags: DeleteFlags, console: Console): Promise<number> {
  const targets = await findTargets(words, flags, console)
  const client = createApiClient(flags, console)
  let exitCode = 0
  for await (const outcome of inBatches(targets, apiPath, (target) => deleteOne(target, flags, client))) {
    if (outcome.status === 'fulfilled') console.write(outcome.value)
    else exitCode = reportError(outcome.reason, console)
  }
  return exitCode
}

async function findTargets(
  words: readonly string[],
  flags: DeleteFlags,
  console: Console,
): Promise<readonly NamedTarget[]> {
  if (words.length > 0 === flags.filename.length > 0) {
    throw new CommandError(['name what to delete: either by KIND and NAME, or by -f'])
  }
  if (words.length === 0) {
    return (await readResourceFiles(flags.filename, { namespace: flags.namespace, console })).map(targetOf)
  }
  const namespace = flags.namespace ?? DEFAULT_NAMESPACE
  return parseKindArguments(words).flatMap(({ kind, names }) => {
    if (names.length === 0) throw new CommandError([`resource(s) were provided, but no name was specified`])
    return names.map((name) => ({ kind, namespace, name }))
  })
}

async function deleteOne(target: NamedTarget, flags: DeleteFlags, client: ApiClient): Promise<string> {
  const query: Readonly<Record<string, string>> = flags.dryRun === undefined ? {} : { dryRun: 'All' }
  try {
    await client.call(apiPath(target, query), { method: 'DELETE' })
  } catch (error: unknown) {
    if (flags.ignoreNotFound && isNotFound(error)) return ''
    throw error
  }
  return `${kindName(target.kind)} "${target.name}" deleted${flags.dryRun === undefined ? '' : ' (server dry run)'}\n`
}
