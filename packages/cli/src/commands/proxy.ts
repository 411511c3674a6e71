/** `meltemi proxy`: loads modules and configuration, then validates or serves. */

import { dirname, resolve } from 'node:path'
import { formatProblem, loadBootstrap, type Problem, type ProxyConfig, type SocketAddress } from '@meltemi/api'
import { absoluteModulePaths, builtIn, loadModules, type ModuleVersion } from '@meltemi/proxy'
import { LOG_LEVELS, type LogLevel } from '@meltemi/runtime'
import { Command, Option } from 'commander'
import { CommandError } from '../command-error.ts'
import { type Console, printLine } from '../console.ts'
import { builtInModule } from '../modules.ts'
import { collect, parseAddress, parseLogLevel, parseWhole } from './option-values.ts'

interface ProxyFlags {
  readonly config: string
  readonly mode: 'serve' | 'validate'
  readonly concurrency: number
  readonly module: readonly string[]
  readonly watch?: true
  readonly adminAddress?: SocketAddress
  readonly drainTimeS: number
  readonly logLevel: LogLevel
  readonly allowUnknownFields?: true
  readonly memoryLimitBytes?: number
}

const DEFAULT_ADMIN_ADDRESS: SocketAddress = { host: '127.0.0.1', port: 15_000 }
const ADMIN_DEFAULT = "the bootstrap's, else 127.0.0.1:15000"
const MEMORY_DEFAULT = "90 % of the container's limit, else half of the machine"
const MAX_WORKERS = 256
const MAX_DRAIN_S = 24 * 60 * 60
const MIN_MEMORY_BYTES = 1 << 20

const HELP = `
An option that names a variable (env) takes it from the environment when it is not given itself.

Examples:
  Check a configuration, all problems with file, line and path; the exit code is 0 or 1:
    $ meltemi proxy -c proxy.yaml --mode validate
  Serve it on two threads, with a protocol of your own:
    $ meltemi proxy -c proxy.yaml --concurrency 2 --module ./my-codec.ts
  See what it does; http://127.0.0.1:15000/ lists all such pages:
    $ curl 127.0.0.1:15000/ready
    $ curl 127.0.0.1:15000/stats/prometheus

Signals:
  SIGTERM or SIGINT drains: no new connections, /ready says 503, requests in flight finish. A second one exits at once.

Exit code: 0 after a drain or a valid configuration, 1 for anything wrong, with one line on stderr per fault.
`

/** The command with its options; what they mean is said in `--help`. */
export function createProxyCommand(console: Console, result: { exitCode: number }): Command {
  const command = new Command('proxy')
    .description('Runs the data plane on an Envoy v3 bootstrap file.')
    .addOption(option('-c, --config <file>', 'bootstrap file, YAML or JSON; required', 'CONFIG').makeOptionMandatory())
    .addOption(
      option('--mode <mode>', 'serve, or only check the configuration', 'MODE')
        .choices(['serve', 'validate'])
        .default('serve'),
    )
    .addOption(
      option('--concurrency <n>', 'worker threads for traffic; 0: none, least memory', 'CONCURRENCY')
        .argParser(parseWhole(0, MAX_WORKERS))
        .default(1),
    )
    .addOption(
      new Option('--module <file>', 'module that exports codecs or filters, TypeScript or JavaScript; repeatable')
        .argParser(collect)
        .default([], 'none'),
    )
    .addOption(
      option('--watch', 'reload a module as soon as one of its files changes, without losing a connection', 'WATCH'),
    )
    .addOption(
      option(
        '--admin-address <host:port>',
        `admin pages, /ready among them (default: ${ADMIN_DEFAULT})`,
        'ADMIN_ADDRESS',
      ).argParser(parseAddress),
    )
    .addOption(
      option('--drain-time-s <n>', 'seconds that requests in flight have to finish', 'DRAIN_TIME_S')
        .argParser(parseWhole(0, MAX_DRAIN_S))
        .default(30),
    )
    .addOption(
      option('--log-level <level>', `least severe log lines: ${LOG_LEVELS.join(', ')}`, 'LOG_LEVEL')
        .argParser(parseLogLevel)
        .default('info'),
    )
    .addOption(new Option('--allow-unknown-fields', 'unknown fields are warnings instead of errors'))
  return command
    .addOption(
      option(
        '--memory-limit-bytes <n>',
        `memory of the process (default: ${MEMORY_DEFAULT})`,
        'MEMORY_LIMIT_BYTES',
      ).argParser(parseWhole(MIN_MEMORY_BYTES, Number.MAX_SAFE_INTEGER)),
    )
    .addHelpText('after', HELP)
    .action(async (flags: ProxyFlags) => {
      result.exitCode = await runProxy(flags, console)
    })
}

function option(flags: string, description: string, variable: string): Option {
  return new Option(flags, description).env(`MELTEMI_${variable}`)
}

async function runProxy(flags: ProxyFlags, console: Console): Promise<number> {
  const { config, bootstrap, modules } = await load(flags, console)
  if (flags.mode === 'validate') {
    const { listeners, clusters } = config
    console.write(`${flags.config}: valid, ${count(listeners, 'listener')}, ${count(clusters, 'cluster')}\n`)
    return 0
  }
  const { serve } = await import('./serve.ts') // validation needs no data plane
  return serve({
    config,
    bootstrap,
    modules,
    watchModules: flags.watch ?? false,
    concurrency: flags.concurrency,
    adminAddress: flags.adminAddress ?? config.admin ?? DEFAULT_ADMIN_ADDRESS,
    drainTimeS: flags.drainTimeS,
    logLevel: flags.logLevel,
    memoryLimitBytes: flags.memoryLimitBytes,
  })
}

interface Loaded {
  readonly config: ProxyConfig
  readonly bootstrap: Readonly<Record<string, unknown>>
  /** The built-in one first; worker threads load them again. */
  readonly modules: readonly ModuleVersion[]
}

/** Configuration names modules, and codecs of these modules check configuration: so it is read twice. */
async function load(flags: ProxyFlags, console: Console): Promise<Loaded> {
  const allowUnknownFields = flags.allowUnknownFields ?? false
  const folder = dirname(flags.config)
  const named = loadBootstrap(flags.config, { allowUnknownFields }).modules.map((file) => resolve(folder, file))
  const loaded = await loadModules(absoluteModulePaths([builtInModule, ...flags.module, ...named]))
  report(loaded.problems, console)
  const { config, bootstrap, problems } = loadBootstrap(flags.config, {
    allowUnknownFields,
    codecs: new Map(loaded.codecs.map((codec) => [codec.name, codec])),
    filters: new Map(loaded.filters.map((filter) => [filter.typeUrl, filter])),
  })
  report(problems, console)
  if (config === undefined) throw new CommandError([`${flags.config}: no configuration`])
  const modules = loaded.modules.map(({ version }) => (version.path === builtInModule ? builtIn(version) : version))
  return { config, bootstrap, modules }
}

/** Prints warnings; throws when there are errors, with all of them. */
function report(problems: readonly Problem[], console: Console): void {
  const errors = problems.filter((problem) => problem.severity === 'error')
  for (const problem of problems) {
    if (problem.severity === 'warning') printLine(console, 'warning', formatProblem(problem))
  }
  if (errors.length > 0) throw new CommandError(errors.map(formatProblem))
}

function count(list: readonly unknown[], noun: string): string {
  return `${list.length} ${noun}${list.length === 1 ? '' : 's'}`
}
