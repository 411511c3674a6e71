/** `meltemi up`: control plane and proxy in one process, from resources alone. */

import type { SocketAddress } from '@meltemi/api'
import type { ControlPlane } from '@meltemi/control-plane'
import type { RunningProxy } from '@meltemi/proxy'
import { Command, Option } from 'commander'
import type { Console } from '../console.ts'
import {
  addControlPlaneOptions,
  CONTROL_PLANE_HELP,
  type ControlPlaneFlags,
  describeControlPlane,
  toControlPlaneOptions,
} from './control-plane-options.ts'
import { formatHostPort, formatHttp } from './format-address.ts'
import { loadProxy } from './load-proxy.ts'
import { collect, parseAddress, parseWhole } from './option-values.ts'
import { ProblemPrinter } from './problem-printer.ts'
import { chooseSource } from './proxy-source.ts'
import type { Served } from './serve-until-signal.ts'

interface UpFlags extends ControlPlaneFlags {
  readonly namespace: string
  readonly concurrency: number
  readonly module: readonly string[]
  readonly adminAddress: SocketAddress
  readonly drainTimeS: number
}

const MAX_WORKERS = 256
const MAX_DRAIN_S = 24 * 60 * 60
const READY_POLL_MS = 25
/** Addresses in the line that says that everything is ready. */
const MAX_NAMED = 10

const HELP = `${CONTROL_PLANE_HELP}
What is wrong with a resource is printed when it comes, and again when it is solved. The proxy has its configuration from
the control plane over xDS, as any other; more of them may come.

An option that names a variable (env) takes it from the environment when it is not given itself.

Examples:
  Everything that a folder describes, then a look at it:
    $ meltemi up resources/
    $ meltemi get metarouters -A
  With a protocol of your own:
    $ meltemi up resources/ --module ./my-codec.ts

Signals:
  SIGTERM or SIGINT drains: no new connections, requests in flight finish. A second one exits at once.

Exit code: 0 after a drain, 1 for anything wrong, with one line on stderr per fault.
`

/** The command with its options; what they mean is said in `--help`. */
export function createUpCommand(console: Console, result: { exitCode: number }): Command {
  const command = new Command('up')
    .description('Runs a control plane and a proxy in one process, from the resources of a folder.')
    .argument('<directory>', 'folder with resources, or one file')
  addControlPlaneOptions(command)
    .addOption(
      option('--admin-address <host:port>', "the proxy's admin pages, /ready among them", 'ADMIN_ADDRESS')
        .argParser(parseAddress)
        .default({ host: '127.0.0.1', port: 15_000 }, '127.0.0.1:15000'),
    )
    .addOption(
      option(
        '--namespace <namespace>',
        'namespace of the proxy: it has the services that this one may use',
        'NAMESPACE',
      ).default('default'),
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
      option('--drain-time-s <n>', 'seconds that requests in flight have to finish', 'DRAIN_TIME_S')
        .argParser(parseWhole(0, MAX_DRAIN_S))
        .default(30),
    )
  return command.addHelpText('after', HELP).action(async (directory: string, flags: UpFlags) => {
    result.exitCode = await runUp(directory, flags, console)
  })
}

function option(flags: string, description: string, variable: string): Option {
  return new Option(flags, description).env(`MELTEMI_${variable}`)
}

async function runUp(directory: string, flags: UpFlags, console: Console): Promise<number> {
  const { startControlPlane } = await import('@meltemi/control-plane')
  const { serveUntilSignal } = await import('./serve-until-signal.ts')
  return serveUntilSignal(async () => {
    const controlPlane = await startControlPlane({ ...toControlPlaneOptions(directory, flags), logsProblems: false })
    try {
      return await startBoth(controlPlane, flags, console)
    } catch (error: unknown) {
      await controlPlane.close()
      throw error
    }
  })
}

async function startBoth(controlPlane: ControlPlane, flags: UpFlags, console: Console): Promise<Served> {
  const printer = new ProblemPrinter(controlPlane.backend, console)
  const proxy = await startProxyOf(controlPlane, flags, console)
  const ending = new AbortController()
  void whenReady(proxy, ending.signal).then(() => {
    if (!ending.signal.aborted) console.write(readyLine(controlPlane, proxy, flags))
  })
  const end = async (): Promise<number> => {
    const exitCode = await proxy.done
    ending.abort()
    printer.close()
    await controlPlane.close()
    return exitCode
  }
  return { drain: () => proxy.drain(), done: end() }
}

async function startProxyOf({ xdsPort }: ControlPlane, flags: UpFlags, console: Console): Promise<RunningProxy> {
  const source = chooseSource({
    xds: connectable({ host: flags.xdsAddress.host, port: xdsPort }),
    nodeMetadata: new Map([['NAMESPACE', flags.namespace]]),
    scope: [],
  })
  const { config, bootstrap, modules, rules } = await loadProxy(source, flags, console)
  const { startProxy } = await import('@meltemi/proxy')
  return startProxy({
    config,
    bootstrap,
    modules,
    watchModules: false,
    concurrency: flags.concurrency,
    adminAddress: flags.adminAddress,
    drainTimeS: flags.drainTimeS,
    logLevel: flags.logLevel,
    memoryLimitBytes: undefined,
    // the control plane cannot be gone while the proxy is there
    xds: { rules, cacheFolder: undefined },
  })
}

/** A server that listens everywhere is reached on this machine. */
function connectable({ host, port }: SocketAddress): SocketAddress {
  if (host === '0.0.0.0') return { host: '127.0.0.1', port }
  return host === '::' ? { host: '::1', port } : { host, port }
}

/** Resolves when the proxy has its first configuration, or with `signal`. */
async function whenReady({ adminAddress }: RunningProxy, signal: AbortSignal): Promise<void> {
  const url = `${formatHttp(connectable(adminAddress))}ready`
  while (!signal.aborted) {
    const isReady = await fetch(url, { signal }).then(
      ({ ok, body }) => body?.cancel().then(() => ok),
      () => false,
    )
    if (isReady) return
    await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS))
  }
}

function readyLine(controlPlane: ControlPlane, { adminAddress, config }: RunningProxy, flags: UpFlags): string {
  const listeners = config.listeners.map(({ address }) => formatHostPort(address))
  const more = listeners.length > MAX_NAMED ? ` and ${listeners.length - MAX_NAMED} more` : ''
  const listening = listeners.length === 0 ? 'nothing yet' : listeners.slice(0, MAX_NAMED).join(' ') + more
  const proxy = `proxy admin ${formatHttp(adminAddress)}, listening on ${listening}`
  return `ready: ${describeControlPlane(controlPlane, flags)}, ${proxy}\n`
}
