/** `meltemi get`: resources of a control plane, as tables or as they are. */

import { Command, Option } from 'commander'
import type { ApiClient } from '../api-client/api-client.ts'
import { apiPath, kindName } from '../api-client/api-paths.ts'
import { createApiClient } from '../api-client/connection-options.ts'
import { type KindTarget, parseKindArguments } from '../api-client/kind-arguments.ts'
import { formatTable } from '../api-client/print-table.ts'
import { type ResourceTable, selectColumns } from '../api-client/resource-table.ts'
import { CommandError } from '../command-error.ts'
import { type Console, reportError } from '../console.ts'
import { formatObject, type GetFlags, isTableOutput, namespaceOf, tableOptions } from './get-output.ts'
import { addResourceOptions } from './resource-options.ts'
import { watchTarget } from './watch-target.ts'

const HELP = `
Besides the columns of its kind a table tells of each resource whether it is accepted, and how many proxies have it, of
those that it concerns. -o wide says why.

Examples:
  All routers of all namespaces, and why one is not accepted:
    $ meltemi get metarouters -A -o wide
  One as YAML, to be edited and applied:
    $ meltemi get metarouter greeter -o yaml
  Services by label, as they change:
    $ meltemi get se -l team=shop -w

Exit code: 0 when all were found, 1 for anything wrong.
`

/** The command with its options; what they mean is said in `--help`. */
export function createGetCommand(console: Console, result: { exitCode: number }): Command {
  const command = new Command('get')
    .description('Lists resources of a control plane with their status.')
    .argument('<kind-and-names...>', 'KIND[,KIND] [NAME…], or KIND/NAME…')
    .addOption(new Option('-A, --all-namespaces', 'of every namespace'))
    .addOption(new Option('-l, --selector <labels>', 'only with these labels: app=a,tier!=b,old').default('', 'none'))
    .addOption(
      new Option('-o, --output <format>', 'yaml, json, wide or name (default: a table)').choices([
        'yaml',
        'json',
        'wide',
        'name',
      ]),
    )
    .addOption(new Option('-w, --watch', 'after the list go on with every change'))
  return addResourceOptions(command)
    .addHelpText('after', HELP)
    .action(async (words: readonly string[], flags: GetFlags) => {
      result.exitCode = await runGet(words, flags, console)
    })
}

async function runGet(words: readonly string[], flags: GetFlags, console: Console): Promise<number> {
  const targets = parseKindArguments(words)
  const client = createApiClient(flags, console)
  const isSeveral = targets.length > 1
  if (flags.watch) {
    const [target] = targets
    if (target === undefined || isSeveral || target.names.length > 1) {
      throw new CommandError(['a watch is about one kind, or one resource'])
    }
    return watchTarget(target, { flags, client, console })
  }
  return isTableOutput(flags)
    ? printTables(targets, flags, client, console)
    : printObjects(targets, flags, client, console)
}

async function printTables(
  targets: readonly KindTarget[],
  flags: GetFlags,
  client: ApiClient,
  console: Console,
): Promise<number> {
  const isSeveral = targets.length > 1
  let exitCode = 0
  let printed = 0
  for (const target of targets) {
    const { found, errors } = await fetchAll<ResourceTable>(target, flags, client, true)
    for (const error of errors) exitCode = reportError(error, console)
    const rows = found.flatMap((table) => table.rows)
    const [first] = found
    if (first === undefined || rows.length === 0) continue
    if (printed++ > 0) console.write('\n')
    console.write(formatTable(selectColumns({ ...first, rows }, tableOptions(target, flags, isSeveral))))
  }
  if (printed === 0 && exitCode === 0) console.writeError(`No resources found${placeOf(targets, flags)}.\n`)
  return exitCode
}

async function printObjects(
  targets: readonly KindTarget[],
  flags: GetFlags,
  client: ApiClient,
  console: Console,
): Promise<number> {
  let exitCode = 0
  const objects: unknown[] = []
  for (const target of targets) {
    const { found, errors } = await fetchAll<ObjectOrList>(target, flags, client, false)
    for (const error of errors) exitCode = reportError(error, console)
    const items = found.flatMap((one) => (target.names.length === 0 ? (one.items ?? []) : [one]))
    if (flags.output === 'name')
      for (const item of items) console.write(`${kindName(target.kind)}/${item.metadata?.name}\n`)
    objects.push(...items)
  }
  const isOne = targets.length === 1 && targets[0]?.names.length === 1
  if (flags.output === 'name' || (isOne && objects.length === 0)) return exitCode
  console.write(formatObject(isOne ? objects[0] : listOf(objects), flags.output))
  return exitCode
}

interface ObjectOrList {
  readonly metadata?: { readonly name?: string }
  readonly items?: readonly ObjectOrList[]
}

/** One call for all of a kind, or one for each name; what is not there does not hide the others. */
async function fetchAll<T>(
  { kind, names }: KindTarget,
  flags: GetFlags,
  client: ApiClient,
  asTable: boolean,
): Promise<{ found: readonly T[]; errors: readonly unknown[] }> {
  const namespace = namespaceOf(flags)
  if (names.length > 0 && (flags.allNamespaces || flags.selector !== '')) {
    throw new CommandError(['a resource cannot be retrieved by name across all namespaces or with a selector'])
  }
  const query: Readonly<Record<string, string>> = flags.selector === '' ? {} : { labelSelector: flags.selector }
  const paths =
    names.length === 0 ? [apiPath({ kind, namespace }, query)] : names.map((name) => apiPath({ kind, namespace, name }))
  const outcomes = await Promise.allSettled(paths.map((path) => client.call<T>(path, { asTable })))
  return {
    found: outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : [])),
    errors: outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : [])),
  }
}

function listOf(items: readonly unknown[]): unknown {
  return { apiVersion: 'v1', items, kind: 'List', metadata: { resourceVersion: '' } }
}

function placeOf(targets: readonly KindTarget[], flags: GetFlags): string {
  const isEverywhere = flags.allNamespaces || !targets.some(({ kind }) => kind.isNamespaced)
  return isEverywhere ? '' : ` in ${namespaceOf(flags)} namespace`
}
