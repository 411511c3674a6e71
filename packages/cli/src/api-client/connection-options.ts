import { isIP } from 'node:net'
import type { SocketAddress } from '@meltemi/api'
import { defaultTokenPath, readTokenFile } from '@meltemi/runtime'
import { type Command, Option } from 'commander'
import { CommandError } from '../command-error.ts'
import { parseAddress } from '../commands/option-values.ts'
import { type Console, printLine } from '../console.ts'
import { ApiClient } from './api-client.ts'

const DEFAULT_ADDRESS: SocketAddress = { host: '127.0.0.1', port: 15_080 }

/** What `addConnectionOptions` adds to a command's flags. */
export interface ConnectionFlags {
  readonly controlPlane: SocketAddress
  readonly tokenFile?: string
}

export const CONNECTION_HELP = `
Changes need the token of the control plane. It leaves the token in a file of its user, where this command finds it; from
elsewhere name a copy by --token-file, or give the token itself in MELTEMI_TOKEN.
`

/** `--control-plane` and `--token-file`. */
export function addConnectionOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--control-plane <host:port>', 'address of the control plane')
        .env('MELTEMI_CONTROL_PLANE')
        .argParser(parseAddress)
        .default(DEFAULT_ADDRESS, '127.0.0.1:15080'),
    )
    .addOption(
      new Option('--token-file <file>', 'file with its token (default: where it has left it)').env(
        'MELTEMI_TOKEN_FILE',
      ),
    )
}

/** Warnings of the control plane go to standard error. */
export function createApiClient({ controlPlane, tokenFile }: ConnectionFlags, console: Console): ApiClient {
  return new ApiClient({
    address: controlPlane,
    token: () => findToken(controlPlane, tokenFile),
    onWarning: (text) => printLine(console, 'warning', text),
  })
}

function findToken(address: SocketAddress, tokenFile: string | undefined): string {
  if (tokenFile !== undefined) return readToken(tokenFile, 'give another file by --token-file')
  const given = process.env['MELTEMI_TOKEN']
  if (given !== undefined && given !== '') return given
  if (isLoopback(address.host))
    return readToken(defaultTokenPath(address.port), 'does the control plane run as this user?')
  // A token must not go to whoever happens to have this address.
  throw new CommandError(['a change over the network needs --token-file or MELTEMI_TOKEN'])
}

function readToken(file: string, hint: string): string {
  try {
    return readTokenFile(file)
  } catch (error: unknown) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new CommandError([`no token of the control plane: ${reason}; ${hint}`])
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
}
