/** Modules and configuration of a proxy, from a file or from what stands in for one. */

import { resolve } from 'node:path'
import { formatProblem, type Problem, type ProxyConfig, type ValidateOptions } from '@meltemi/api'
import { absoluteModulePaths, builtIn, loadModules, type ModuleVersion } from '@meltemi/proxy'
import { CommandError } from '../command-error.ts'
import { type Console, printLine } from '../console.ts'
import { builtInModule } from '../modules.ts'
import type { ConfigSource } from './proxy-source.ts'

export interface LoadFlags {
  /** Files, besides those that the bootstrap names. */
  readonly module: readonly string[]
  readonly allowUnknownFields?: true
}

export interface LoadedProxy {
  readonly config: ProxyConfig
  readonly bootstrap: Readonly<Record<string, unknown>>
  /** The built-in one first; worker threads load them again. */
  readonly modules: readonly ModuleVersion[]
  /** What comes while the proxy runs is checked against. */
  readonly rules: ValidateOptions
}

/**
 * Configuration names modules, and codecs of these modules check configuration: so it is read twice. Prints warnings;
 * throws a CommandError with all faults.
 */
export async function loadProxy(source: ConfigSource, flags: LoadFlags, console: Console): Promise<LoadedProxy> {
  const allowUnknownFields = flags.allowUnknownFields ?? false
  const named = source.load({ allowUnknownFields }).modules.map((file) => resolve(source.folder, file))
  const loaded = await loadModules(absoluteModulePaths([builtInModule, ...flags.module, ...named]))
  report(loaded.problems, console)
  const filters = new Map(loaded.filters.map((filter) => [filter.typeUrl, filter]))
  const codecs = new Map(loaded.codecs.map((codec) => [codec.name, codec]))
  const { config, bootstrap, problems } = source.load({ allowUnknownFields, codecs, filters })
  report(problems, console)
  if (config === undefined) throw new CommandError([`${source.name}: no configuration`])
  const modules = loaded.modules.map(({ version }) => (version.path === builtInModule ? builtIn(version) : version))
  // codecs can be other ones by the time that a listener comes: the threads, which run them, check it against them
  return { config, bootstrap, modules, rules: { allowUnknownFields, filters } }
}

/** Prints warnings; throws when there are errors, with all of them. */
function report(problems: readonly Problem[], console: Console): void {
  const errors = problems.filter((problem) => problem.severity === 'error')
  for (const problem of problems) {
    if (problem.severity === 'warning') printLine(console, 'warning', formatProblem(problem))
  }
  if (errors.length > 0) throw new CommandError(errors.map(formatProblem))
}
