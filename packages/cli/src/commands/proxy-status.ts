/** `meltemi proxy-status`: which proxies have what. */

import { Command, Option } from 'commander'
import { addConnectionOptions, type ConnectionFlags, createApiClient } from '../api-client/connection-options.ts'
import { formatTable } from '../api-client/print-table.ts'
import { chooseProxy, fetchProxies, type ProxyJson, type ProxyTypeJson, shortDigest } from '../api-client/proxies.ts'
import type { Console } from '../console.ts'

interface StatusFlags extends ConnectionFlags {
  readonly output: 'text' | 'json'
}

/** Names of types as the control plane has them, and as people read them; in the order in which they are sent. */
const TYPES = new Map([
  ['extensionConfig', 'codecs'],
  ['cluster', 'clusters'],
  ['endpoint', 'endpoints'],
  ['listener', 'listeners'],
  ['route', 'routes'],
])

const HELP = `
  SYNCED     the proxy runs on what it was sent last
  STALE      it was sent something newer, and has not answered yet
  REJECTED   it does not take what it was sent last, and goes on with what it had; below the table is why
  NOT SENT   it has not asked for it

Codecs that did not come with a proxy follow below the table, as the proxy reports them each two seconds: the first
digits of the SHA-256 of the module that each is from. -o json has all digits.

Examples:
  $ meltemi proxy-status
  $ meltemi proxy-status greeter -o json

Exit code: 0, also when a proxy rejects something; 1 for anything wrong with the call.
`

/** The command with its options; what they mean is said in `--help`. */
export function createProxyStatusCommand(console: Console): Command {
  const command = new Command('proxy-status')
    .description('Lists the connected proxies: whether each has what it should, and if not, why not.')
    .argument('[proxy]', 'id of one, or a part that only its id has')
    .addOption(new Option('-o, --output <format>', 'text or json').choices(['text', 'json']).default('text'))
  return addConnectionOptions(command)
    .addHelpText('after', HELP)
    .action((proxy: string | undefined, flags: StatusFlags) => runProxyStatus(proxy, flags, console))
}

async function runProxyStatus(proxy: string | undefined, flags: StatusFlags, console: Console): Promise<void> {
  const all = await fetchProxies(createApiClient(flags, console))
  const proxies = proxy === undefined ? all : [chooseProxy(all, proxy)]
  if (flags.output === 'json') console.write(`${JSON.stringify(proxies, undefined, 2)}\n`)
  else if (proxies.length === 0) console.writeError('No proxy is connected.\n')
  else
    console.write(formatTable({ head: [...HEAD], rows: proxies.map(rowOf) }) + codecsOf(proxies) + reasonsOf(proxies))
}

const HEAD = ['proxy', ...TYPES.values(), 'agent', 'connected since']

function rowOf({ node, types, connectedAt }: ProxyJson): readonly string[] {
  const states = [...TYPES.keys()].map((type) => types.find((one) => one.type === type)?.state ?? 'not sent')
  return [node.id, ...states.map((state) => state.toUpperCase()), node.userAgent, connectedAt]
}

function codecsOf(proxies: readonly ProxyJson[]): string {
  const lines = proxies.flatMap(({ node, codecs = [] }) =>
    codecs.map(({ codec, digest }) => `${node.id}: runs ${codec} of module ${shortDigest(digest)}\n`),
  )
  return lines.length === 0 ? '' : `\n${lines.join('')}`
}

function reasonsOf(proxies: readonly ProxyJson[]): string {
  const lines = proxies.flatMap(({ node, types }) =>
    types.filter(({ state }) => state === 'rejected').map((type) => `${node.id}: ${reasonOf(type)}\n`),
  )
  return lines.length === 0 ? '' : `\n${lines.join('')}`
}

function reasonOf({ type, sentVersion, ackedVersion, error }: ProxyTypeJson): string {
  const goesOn = ackedVersion === '' ? 'has none' : `goes on with ${ackedVersion}`
  return `${TYPES.get(type) ?? type}: rejects ${sentVersion}, ${goesOn}: ${error.replaceAll(/[\p{Cc}\s]+/gu, ' ')}`
}
