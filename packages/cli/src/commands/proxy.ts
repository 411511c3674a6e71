/** `meltemi proxy`: loads modules and configuration, then validates or serves. */

import { hostname } from 'node:os'
import { resolve } from 'node:path'
import type { ProxyConfig, SocketAddress } from '@meltemi/api'
import { LOG_LEVELS, type LogLevel } from '@meltemi/runtime'
import { Command, Option } from 'commander'
import { CommandError } from '../command-error.ts'
import type { Console } from '../console.ts'
import { xdsCacheFolder } from '../xds-cache-folder.ts'
import { loadProxy } from './load-proxy.ts'
import { collect, collectPairs, parseAddress, parseLogLevel, parseWhole } from './option-values.ts'
import { chooseSource, type SourceFlags } from './proxy-source.ts'

interface ProxyFlags extends SourceFlags {
  readonly xdsCacheDir?: string | false
  readonly mode: 'serve' | 'validate'
  readonly concurrency: number
  readonly ownThread: readonly string[]
  readonly module: readonly string[]
  readonly watch?: true
  readonly adminAddress?: SocketAddress
  readonly drainTimeS: number
  readonly parentShutdownTimeS: number
  readonly pidFile?: string
  readonly logLevel: LogLevel
  readonly allowUnknownFields?: true
  readonly memoryLimitBytes?: number
  readonly referenceByteCounters?: true
}

const DEFAULT_ADMIN_ADDRESS: SocketAddress = { host: '127.0.0.1', port: 15_000 }
const ADMIN_DEFAULT = "the bootstrap's, else 127.0.0.1:15000"
const MEMORY_DEFAULT = "90 % of the container's limit, else half of the machine"
const CACHE_DEFAULT = '$XDG_CACHE_HOME/meltemi/xds/NODE'
const MAX_WORKERS = 256
const MAX_DRAIN_S = 24 * 60 * 60
const MIN_MEMORY_BYTES = 1 << 20

const HELP = `
An option that names a variable (env) takes it from the environment when it is not given itself.

Examples:
  Check a configuration, all problems with file, line and path; the exit code is 0 or 1:
    $ meltemi proxy -c proxy.yaml --mode validate
  Have everything from a control plane, as far as it concerns one service:
    $ meltemi proxy --xds 127.0.0.1:15010 --node-id edge-1 --scope hello.default.svc.cluster.local
  Serve a file on two threads, with a protocol of your own:
    $ meltemi proxy -c proxy.yaml --concurrency 2 --module ./my-codec.ts
  See what it does; http://127.0.0.1:15000/ lists all such pages:
    $ curl 127.0.0.1:15000/ready
    $ curl 127.0.0.1:15000/stats/prometheus

Control plane:
  A bootstrap with dynamic_resources, or --xds, has listeners, clusters, endpoints, routes and codecs come while the proxy
  runs; what is refused stays as it was, and the control plane is told why. /ready says 503 until the first configuration
  is in force, or has not come in time. The last good one outlasts the control plane, and, on the disk, the process.
  A node sees what is exported to its namespace: that of its id (sidecar~IP~NAME.NAMESPACE~DOMAIN), else NAMESPACE in its
  metadata, else default.

Signals:
  SIGTERM or SIGINT drains: no new connections, /ready says 503, requests in flight finish. A second one exits at once.
  SIGUSR1 has access logs that were renamed begin new files.
  SIGUSR2 restarts without losing a client: the same command, from what lies on the disk now, gets the sockets that listen;
  when it serves, this process accepts no more and ends with its last client. If it cannot, this process goes on.

Exit code: 0 after a drain or a valid configuration, 1 for anything wrong, with one line on stderr per fault.
`

/** The command with its options; what they mean is said in `--help`. */
export function createProxyCommand(console: Console, result: { exitCode: number }): Command {
  const command = new Command('proxy')
    .description('Runs the data plane on an Envoy v3 bootstrap file, or on what a control plane says.')
    .addOption(option('-c, --config <file>', 'bootstrap file, YAML or JSON; this or --xds is required', 'CONFIG'))
    .addOption(
      option('--xds <host:port>', 'control plane that everything comes from, instead of a file', 'XDS').argParser(
        parseAddress,
      ),
    )
    .addOption(option('--node-id <id>', `with --xds: the proxy's name (default: ${hostname()})`, 'NODE_ID'))
    .addOption(
      option(
        '--node-cluster <name>',
        'with --xds: the service that the proxy stands at (default: none)',
        'NODE_CLUSTER',
      ),
    )
    .addOption(
      new Option('--node-metadata <key=value>', 'with --xds: what else the control plane shall know; repeatable')
        .argParser(collectPairs)
        .default(new Map(), 'none'),
    )
    .addOption(
      new Option('--scope <host>', 'with --xds: only what concerns this service; repeatable')
        .argParser(collect)
        .default([], 'everything'),
    )
    .addOption(
      option(
        '--xds-cache-dir <folder>',
        `where the last good configuration is kept (default: ${CACHE_DEFAULT})`,
        'XDS_CACHE_DIR',
      ),
    )
    .addOption(new Option('--no-xds-cache-dir', 'keep no configuration on the disk'))
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
      new Option('--own-thread <listener>', 'one more worker thread, which serves this listener alone; repeatable')
        .argParser(collect)
        .default([], 'none'),
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
      option(
        '--parent-shutdown-time-s <n>',
        'after a hot restart, seconds that the process before serves clients that do not leave',
        'PARENT_SHUTDOWN_TIME_S',
      )
        .argParser(parseWhole(0, MAX_DRAIN_S))
        .default(900),
    )
    .addOption(option('--pid-file <file>', 'has the process id of who serves, also after a hot restart', 'PID_FILE'))
    .addOption(
      option('--log-level <level>', `least severe log lines: ${LOG_LEVELS.join(', ')}`, 'LOG_LEVEL')
        .argParser(parseLogLevel)
        .default('info'),
    )
    .addOption(new Option('--allow-unknown-fields', 'unknown fields are warnings instead of errors'))
    .addOption(
      option(
        '--reference-byte-counters',
        'BYTES_RECEIVED and BYTES_SENT of access logs change places, as in MetaProtocol Proxy',
        'REFERENCE_BYTE_COUNTERS',
      ),
    )
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
  const source = chooseSource(flags)
  const { config, bootstrap, modules, rules } = await loadProxy(source, flags, console)
  if (flags.mode === 'validate') {
    const { listeners, clusters } = config
    console.write(`${source.name}: valid, ${count(listeners, 'listener')}, ${count(clusters, 'cluster')}\n`)
    return 0
  }
  const { serve } = await import('./serve.ts') // validation needs no data plane
  return serve({
    config: flags.referenceByteCounters ? { ...config, referenceByteCounters: true } : config,
    bootstrap,
    modules,
    watchModules: flags.watch ?? false,
    concurrency: flags.concurrency,
    ownThreads: ownThreads(flags),
    adminAddress: flags.adminAddress ?? config.admin ?? DEFAULT_ADMIN_ADDRESS,
    drainTimeS: flags.drainTimeS,
    parentShutdownTimeS: flags.parentShutdownTimeS,
    pidFile: flags.pidFile === undefined ? undefined : resolve(flags.pidFile),
    logLevel: flags.logLevel,
    memoryLimitBytes: flags.memoryLimitBytes,
    xds: { rules, cacheFolder: cacheFolder(flags, config) },
  })
}

/** Throws for threads that cannot be. */
function ownThreads({ ownThread, concurrency }: ProxyFlags): readonly string[] {
  if (ownThread.length === 0) return []
  if (concurrency === 0) throw new CommandError(['--own-thread needs a --concurrency of at least 1'])
  if (concurrency + ownThread.length > MAX_WORKERS)
    throw new CommandError([`there can be ${MAX_WORKERS} threads at most`])
  if (new Set(ownThread).size < ownThread.length) throw new CommandError(['--own-thread names a listener twice'])
  return ownThread
}

function cacheFolder({ xdsCacheDir }: ProxyFlags, { node }: ProxyConfig): string | undefined {
  if (xdsCacheDir === false || node.id === '') return undefined
  return xdsCacheDir === undefined ? xdsCacheFolder(node.id) : resolve(xdsCacheDir)
}

function count(list: readonly unknown[], noun: string): string {
  return `${list.length} ${noun}${list.length === 1 ? '' : 's'}`
}
