/** `meltemi analyze`: what is wrong with the resources of some files beside each other. */

import { formatProblem, type PlacedResource, type Problem } from '@meltemi/api/resource'
import { Command, Option } from 'commander'
import { CommandError } from '../command-error.ts'
import type { Console } from '../console.ts'
import { codecs } from '../modules.ts'
import { type CheckFlags, checkResources, isError, outputOption, reportResult } from './check-resources.ts'
import { defaultProtocols, parseIp } from './control-plane-options.ts'
import { collect } from './option-values.ts'

interface AnalyzeFlags extends CheckFlags {
  readonly domain: string
  readonly listenHost: string
  readonly module: readonly string[]
}

const HELP = `
Reads files as meltemi validate does, and checks them so first; when each resource is right by itself, all of them are
looked at together, as a control plane would: routes to services, subsets and ports that are not there, routes that no
message comes to, services with the same host or address, ports of an unknown protocol, services without workloads.
docs/resources.md lists the codes.

Examples:
  Everything that will be in force together:
    $ meltemi analyze resources/
  What would become of a new router beside it:
    $ meltemi analyze resources/ new-router.yaml
  With a codec that proxies have by --module:
    $ meltemi analyze resources/ --module ./my-codec.ts

Each line has the file, line, column and path of a problem, what it is, what to do about it, and its code.
Exit code: 0 without errors, whatever warnings there are; 1 with any error.
`

/** The command with its options; what they mean is said in `--help`. */
export function createAnalyzeCommand(console: Console, result: { exitCode: number }): Command {
  return new Command('analyze')
    .description('Checks the resources of files beside each other, without a control plane.')
    .argument('<path...>', 'files, and folders with files')
    .addOption(outputOption())
    .addOption(new Option('--domain <domain>', 'what names of Kubernetes services end in').default('cluster.local'))
    .addOption(
      new Option('--listen-host <address>', 'where proxies listen for services without addresses')
        .argParser(parseIp)
        .default('127.0.0.1'),
    )
    .addOption(
      new Option('--module <file>', 'module that proxies are given, TypeScript or JavaScript; repeatable')
        .argParser(collect)
        .default([], 'none'),
    )
    .addHelpText('after', HELP)
    .action(async (paths: readonly string[], flags: AnalyzeFlags) => {
      const names = await codecNames(flags.module)
      const checked = await checkResources(paths, (resources) => findProblems(resources, flags, names))
      result.exitCode = reportResult(checked, flags, console)
    })
}

/** Of the codecs that proxies have without a module from the control plane. Throws a CommandError with what is wrong. */
async function codecNames(modules: readonly string[]): Promise<readonly string[]> {
  const builtIn = codecs.map(({ name }) => name)
  if (modules.length === 0) return builtIn
  const { absoluteModulePaths, loadModules } = await import('@meltemi/proxy')
  const loaded = await loadModules(absoluteModulePaths(modules))
  if (loaded.problems.length > 0) throw new CommandError(loaded.problems.map(formatProblem))
  return [...builtIn, ...loaded.codecs.map(({ name }) => name)]
}

/** What follows from a resource that is wrong by itself would only hide it. */
async function findProblems(
  resources: readonly PlacedResource[],
  { domain, listenHost }: AnalyzeFlags,
  names: readonly string[],
): Promise<readonly Problem[]> {
  const { analyze, validateResources } = await import('@meltemi/control-plane')
  const own = validateResources(resources)
  if (own.some(isError)) return own
  return [...own, ...analyze(resources, { domain, listenHost, codecs: names, defaultProtocols: defaultProtocols() })]
}
