/** `meltemi route explain`: which route a request takes, and why it takes no other. */

import type { SocketAddress } from '@meltemi/api'
import { explainRoutes, loadModules } from '@meltemi/proxy'
import { type CodecDefinition, Metadata } from '@meltemi/sdk'
import { Command, Option } from 'commander'
import { createApiClient } from '../../api-client/connection-options.ts'
import { CommandError } from '../../command-error.ts'
import type { Console } from '../../console.ts'
import { builtInModule } from '../../modules.ts'
import { loadCodec } from '../codec/load-codec.ts'
import { collect, parseAddress, parseWhole } from '../option-values.ts'
import { type LoadedTables, loadBootstrapTables, loadProxyTables } from './bootstrap-tables.ts'
import { type Explained, explanationText } from './explanation-text.ts'
import { addPairs, decodeRequest, pairsOf } from './read-request.ts'
import { findTable, type ServedTable } from './served-table.ts'

interface ExplainFlags {
  readonly host?: string
  readonly port?: number
  readonly meta: readonly string[]
  readonly hex?: readonly string[]
  readonly codec?: string
  readonly module: readonly string[]
  readonly config?: string
  readonly dir?: string
  readonly controlPlane?: SocketAddress
  readonly adminAddress?: SocketAddress
  readonly domain: string
  readonly output: 'text' | 'json'
}

const MAX_PORT = 65_535

const HELP = `
The answer comes from the code that routes requests. What filters of a listener add to a request is not known here: give
it by --meta, beside --hex if need be.

Examples:
  What a running proxy does with a request of these properties:
    $ meltemi route explain --host users.mesh.svc.cluster.local --meta method=get --meta user=alice
  And with these bytes, as the codec of the listener reads them:
    $ meltemi route explain --host users.mesh.svc.cluster.local --hex 00 0000002a 0000000f 0001 0000 6869
  What would become of it with changed resources, before they are applied:
    $ meltemi route explain --dir resources/ --host users.mesh.svc.cluster.local --meta method=get
  With the routes of a bootstrap file, for a program:
    $ meltemi route explain -c proxy.yaml --meta method=get -o json

Exit code: 0 when a route gets the request; 1 when none does, or for anything wrong, with one line on stderr per fault.
`

/** The command with its options; what they mean is said in `--help`. */
export function createRouteExplainCommand(console: Console, result: { exitCode: number }): Command {
  return new Command('explain')
    .description('Says which route a request takes, and why each other one does not get it.')
    .option('--host <host>', 'host of the service, or the stat prefix or name of a listener')
    .addOption(new Option('--port <n>', 'port of the service, where it has several').argParser(parseWhole(1, MAX_PORT)))
    .addOption(
      new Option('--meta <key=value>', 'property of the request; repeatable').argParser(collect).default([], 'none'),
    )
    .option('--hex <bytes...>', 'the request itself, in hexadecimal')
    .option('--codec <name>', 'codec of --hex, built in or a module file (default: that of the listener)')
    .addOption(
      new Option('--module <file>', 'module that may have the codec; repeatable')
        .argParser(collect)
        .default([], 'none'),
    )
    .addOption(source('-c, --config <file>', 'routes of a bootstrap file'))
    .addOption(source('--dir <path>', 'routes that a control plane would make of these resources'))
    .addOption(
      source('--control-plane <host:port>', 'routes of the resources that a control plane has').argParser(parseAddress),
    )
    .addOption(
      source(
        '--admin-address <host:port>',
        `routes that a proxy has now (default: 127.0.0.1:15000, env: ${ADMIN_VARIABLE})`,
      ).argParser(parseAddress),
    )
    .addOption(
      new Option(
        '--domain <domain>',
        'what names of Kubernetes services end in, with --dir and --control-plane',
      ).default('cluster.local'),
    )
    .addOption(new Option('-o, --output <format>', 'text, or json').choices(['text', 'json']).default('text'))
    .addHelpText('after', HELP)
    .action(async (flags: ExplainFlags) => {
      const explained = await explain(flags, console)
      console.write(
        flags.output === 'json' ? `${JSON.stringify(jsonOf(explained), null, 2)}\n` : explanationText(explained),
      )
      result.exitCode = explained.explanation.winner === -1 ? 1 : 0
    })
}

const ADMIN_VARIABLE = 'MELTEMI_ADMIN_ADDRESS'

const SOURCES = ['config', 'dir', 'controlPlane', 'adminAddress'] as const

/** Where routes come from: only one of these makes sense. */
function source(flags: string, description: string): Option {
  const option = new Option(flags, description)
  return option.conflicts(SOURCES.filter((name) => name !== option.attributeName()))
}

async function explain(flags: ExplainFlags, console: Console): Promise<Explained> {
  if (flags.hex === undefined && flags.meta.length === 0) {
    throw new CommandError(['say what the request is: its bytes by --hex, or its properties by --meta'])
  }
  const loaded = await loadTables(flags, console)
  const served = findTable(loaded.tables, flags.host, flags.port)
  const request = flags.hex === undefined ? new Metadata() : await readFrame(flags.hex.join(' '), flags, loaded, served)
  addPairs(request, flags.meta)
  return {
    service: { host: served.host, port: served.port },
    request: pairsOf(request),
    listenerTimeoutMs: served.requestTimeoutMs,
    explanation: explainRoutes(served.table, request),
  }
}

async function loadTables(
  { config, dir, controlPlane, adminAddress, domain }: ExplainFlags,
  console: Console,
): Promise<LoadedTables> {
  if (config !== undefined) return loadBootstrapTables(config)
  if (dir === undefined && controlPlane === undefined) return loadProxyTables(adminAddress ?? usualAdminAddress())
  const { loadControlPlaneTables, loadFolderTables } = await import('./resource-tables.ts')
  if (controlPlane === undefined) return loadFolderTables(dir as string, domain)
  return loadControlPlaneTables(createApiClient({ controlPlane }, console), domain)
}

/** As an `env` of the option, it would be in conflict with the other sources. */
function usualAdminAddress(): SocketAddress {
  const text = process.env[ADMIN_VARIABLE] || '127.0.0.1:15000'
  try {
    return parseAddress(text)
  } catch (error: unknown) {
    throw new CommandError([`${ADMIN_VARIABLE} is ${text}: ${(error as Error).message}`])
  }
}

async function readFrame(
  hex: string,
  flags: ExplainFlags,
  loaded: LoadedTables,
  served: ServedTable,
): Promise<Metadata> {
  const { codec, maxMessageBytes } = served
  const modules = [...flags.module, ...loaded.modules]
  const definition =
    flags.codec === undefined ? await findCodec(codec.name, modules) : (await loadCodec(flags.codec)).definition
  return decodeRequest(hex, { definition, config: codec.options, maxMessageBytes })
}

/** By the name that the listener has for it, of the built-in ones or of a module. */
async function findCodec(name: string, modules: readonly string[]): Promise<CodecDefinition> {
  const { codecs } = await loadModules([builtInModule, ...modules])
  const found = codecs.find((codec) => underscored(codec.name) === underscored(name))
  if (found !== undefined) return found
  throw new CommandError([`the codec of the listener, ${name}, is not built in: name its file by --codec or --module`])
}

function underscored(name: string): string {
  return name.replaceAll('-', '_')
}

function jsonOf({ service, request, explanation }: Explained): unknown {
  return { service, request: Object.fromEntries(request), ...explanation }
}
