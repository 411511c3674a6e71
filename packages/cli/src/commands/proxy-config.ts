/** `meltemi proxy-config`: what a proxy was sent. */

import { Command, Option } from 'commander'
import { addConnectionOptions, type ConnectionFlags, createApiClient } from '../api-client/connection-options.ts'
import { formatTable } from '../api-client/print-table.ts'
import { chooseProxy, fetchProxies } from '../api-client/proxies.ts'
import { CONFIG_TABLES, type ConfigReport, type ConfigType } from '../api-client/proxy-config-tables.ts'
import type { Console } from '../console.ts'

interface ConfigFlags extends ConnectionFlags {
  readonly output: 'text' | 'json'
}

const DESCRIPTIONS: Readonly<Record<ConfigType, string>> = {
  listeners: 'Addresses that the proxy listens on, and by which routes their messages go.',
  clusters: 'Services and their subsets, and how one of their workloads is chosen.',
  routes: 'Routes in the order in which they are tried.',
  endpoints: 'Workloads of each cluster.',
}

function helpOf(type: ConfigType): string {
  return `
Without a proxy it is the only one that is connected.

Examples:
  $ meltemi proxy-config ${type}
  $ meltemi proxy-config ${type} greeter -o json

Exit code: 0, or 1 for anything wrong.
`
}

/** The command with one command for each type of configuration. */
export function createProxyConfigCommand(console: Console): Command {
  const command = new Command('proxy-config').description('Shows the configuration that a proxy was sent.')
  for (const type of Object.keys(DESCRIPTIONS) as ConfigType[]) command.addCommand(createTypeCommand(type, console))
  return command
}

function createTypeCommand(type: ConfigType, console: Console): Command {
  const command = new Command(type)
    .description(DESCRIPTIONS[type])
    .argument('[proxy]', 'id of a proxy, or a part that only its id has')
    .addOption(
      new Option('-o, --output <format>', "text, or json: the messages of Envoy's API")
        .choices(['text', 'json'])
        .default('text'),
    )
  return addConnectionOptions(command)
    .addHelpText('after', helpOf(type))
    .action((proxy: string | undefined, flags: ConfigFlags) => runProxyConfig(type, proxy, flags, console))
}

async function runProxyConfig(
  type: ConfigType,
  name: string | undefined,
  flags: ConfigFlags,
  console: Console,
): Promise<void> {
  const client = createApiClient(flags, console)
  const { node } = chooseProxy(await fetchProxies(client), name)
  const report = await client.call<ConfigReport>(`/proxies/${encodeURIComponent(node.id)}/config?type=${type}`)
  const configs = report.resources.map(({ config }) => config)
  if (flags.output === 'json') console.write(`${JSON.stringify(configs, undefined, 2)}\n`)
  else console.write(formatTable(CONFIG_TABLES[type](configs)))
}
