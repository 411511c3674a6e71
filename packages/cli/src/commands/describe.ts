/** `meltemi describe`: everything about resources, for people. */

import { Command } from 'commander'
import { apiPath } from '../api-client/api-paths.ts'
import { createApiClient } from '../api-client/connection-options.ts'
import { type DescribedResource, describeResourceText } from '../api-client/describe-resource.ts'
import { parseKindArguments } from '../api-client/kind-arguments.ts'
import { fetchProxies, type ProxyJson, runningVersions } from '../api-client/proxies.ts'
import { type Console, reportError } from '../console.ts'
import { addResourceOptions, DEFAULT_NAMESPACE, type ResourceFlags } from './resource-options.ts'

const HELP = `
Examples:
  One, or all of a kind:
    $ meltemi describe metarouter greeter
    $ meltemi describe serviceentries -n shop

Exit code: 0 when all were found, 1 for anything wrong.
`

interface ResourceList {
  readonly items: readonly DescribedResource[]
}

/** The command with its options; what they mean is said in `--help`. */
export function createDescribeCommand(console: Console, result: { exitCode: number }): Command {
  const command = new Command('describe')
    .description('Tells everything about resources: what they say, whether they are in force, which proxies have them.')
    .argument('<kind-and-names...>', 'KIND [NAME…], or KIND/NAME…')
  return addResourceOptions(command)
    .addHelpText('after', HELP)
    .action(async (words: readonly string[], flags: ResourceFlags) => {
      result.exitCode = await runDescribe(words, flags, console)
    })
}

async function runDescribe(words: readonly string[], flags: ResourceFlags, console: Console): Promise<number> {
  const client = createApiClient(flags, console)
  const namespace = flags.namespace ?? DEFAULT_NAMESPACE
  let exitCode = 0
  let printed = 0
  let proxies: readonly ProxyJson[] | undefined
  const print = async (resource: DescribedResource): Promise<void> => {
    const codec = codecOf(resource)
    if (codec !== undefined) proxies ??= await fetchProxies(client)
    const running = codec === undefined ? [] : runningVersions(proxies ?? [], codec)
    const described = codec === undefined ? resource : { ...resource, running }
    console.write(`${printed++ === 0 ? '' : '\n\n'}${describeResourceText(described)}`)
  }
  for (const { kind, names } of parseKindArguments(words)) {
    if (names.length === 0)
      for (const one of (await client.call<ResourceList>(apiPath({ kind, namespace }))).items) await print(one)
    for (const name of names) {
      try {
        await print(await client.call<DescribedResource>(apiPath({ kind, namespace, name })))
      } catch (error: unknown) {
        exitCode = reportError(error, console)
      }
    }
  }
  if (printed === 0 && exitCode === 0) console.writeError(`No resources found in ${namespace} namespace.\n`)
  return exitCode
}

/** Of protocols, as proxies may run different versions of it. */
function codecOf({ kind, spec }: DescribedResource): string | undefined {
  const { codec } = (spec ?? {}) as { readonly codec?: unknown }
  return kind === 'ApplicationProtocol' && typeof codec === 'string' ? codec : undefined
}
