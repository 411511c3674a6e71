/** `meltemi codec list`, `reload` and `rollback`: the codecs of a running proxy, by its admin pages. */

import type { SocketAddress } from '@meltemi/api'
import type { ModuleChange, ModuleReport } from '@meltemi/proxy'
import { Command, Option } from 'commander'
import { callAdmin } from '../../admin-client.ts'
import { CommandError } from '../../command-error.ts'
import type { Console } from '../../console.ts'
import { parseAddress } from '../option-values.ts'

interface Flags {
  readonly adminAddress: SocketAddress
}

const LIST_HELP = `
Example:
  $ meltemi codec list

Exit code: 0, or 1 for anything wrong.
`

const RELOAD_HELP = `
A new version is tried in a thread of its own, loaded by all workers and then put in force by all of them, or by none.
New connections use it; those that are there go on with the version that they began with.

Example:
  $ meltemi codec reload aeraki.meta_protocol.codec.my_protocol

Exit code: 0 when every module is up to date, 1 when one was refused, with the reasons.
`

const ROLLBACK_HELP = `
Example:
  $ meltemi codec rollback aeraki.meta_protocol.codec.my_protocol

Exit code: 0 when the earlier version is in force, 1 when there is none.
`

export function createCodecListCommand(console: Console): Command {
  return withAddress(new Command('list'))
    .description('Shows the codecs of a running proxy with their versions and digests.')
    .addHelpText('after', LIST_HELP)
    .action(async ({ adminAddress }: Flags) => {
      const { modules } = await callAdmin<{ modules: readonly ModuleReport[] }>(adminAddress, '/codecs', 'GET')
      for (const module of modules) console.write(describeModule(module))
    })
}

export function createCodecReloadCommand(console: Console): Command {
  return withAddress(new Command('reload'))
    .argument('[name]', 'a codec, or the absolute path of a module; without it all modules')
    .description('Reads the modules of a running proxy again from the disk.')
    .addHelpText('after', RELOAD_HELP)
    .action((name: string | undefined, { adminAddress }: Flags) => change(console, adminAddress, 'reload', name))
}

export function createCodecRollbackCommand(console: Console): Command {
  return withAddress(new Command('rollback'))
    .argument('<name>', 'a codec, or the absolute path of a module')
    .description('Takes a codec of a running proxy back to the version before.')
    .addHelpText('after', ROLLBACK_HELP)
    .action((name: string, { adminAddress }: Flags) => change(console, adminAddress, 'rollback', name))
}

function withAddress(command: Command): Command {
  return command.addOption(
    new Option('--admin-address <host:port>', 'admin pages of the proxy')
      .env('MELTEMI_ADMIN_ADDRESS')
      .argParser(parseAddress)
      .default({ host: '127.0.0.1', port: 15_000 }, '127.0.0.1:15000'),
  )
}

async function change(console: Console, address: SocketAddress, what: string, name: string | undefined): Promise<void> {
  const path = `/codecs/${what}${name === undefined ? '' : `?name=${encodeURIComponent(name)}`}`
  const { modules } = await callAdmin<{ modules: readonly ModuleChange[] }>(address, path, 'POST')
  for (const { module, outcome, version, digest } of modules) {
    if (outcome !== 'refused') console.write(`${module}: ${outcome}, version ${version}, ${digest}\n`)
  }
  const faults = modules.flatMap(({ module, faults }) => faults.map((fault) => `${module}: ${fault}`))
  if (faults.length > 0) throw new CommandError(faults)
}

function describeModule({ module, version, digest, since, codecs, previous, refused }: ModuleReport): string {
  const lines = [
    `${module}  version ${version}${digest === '' ? '' : `  ${digest}`}  since ${since}`,
    ...codecs.map(({ name, contract, correlation }) => `  ${name}  contract ${contract}  replies by ${correlation}`),
    ...previous.map((before) => `  before: version ${before.version}  ${before.digest}`),
    ...(refused?.faults ?? []).map((fault) => `  refused: ${fault}`),
  ]
  return `${lines.join('\n')}\n`
}
