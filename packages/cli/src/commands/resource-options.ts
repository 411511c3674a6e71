/** Options that the commands on resources share. */

import { type Command, Option } from 'commander'
import { addConnectionOptions, type ConnectionFlags } from '../api-client/connection-options.ts'

export interface ResourceFlags extends ConnectionFlags {
  readonly namespace?: string
  readonly dryRun?: true
}

export const DEFAULT_NAMESPACE = 'default'

/** `-n`, and those of the connection. */
export function addResourceOptions(command: Command): Command {
  const namespace = new Option('-n, --namespace <namespace>', 'namespace of the resources (default: "default")')
  return addConnectionOptions(command.addOption(namespace.env('MELTEMI_NAMESPACE')))
}

/** `--dry-run`; as kubectl it may say `server`, which is the only way there is. */
export function dryRunOption(): Option {
  return new Option('--dry-run [server]', 'check all of it and say what would be done, but do nothing')
    .choices(['server'])
    .preset('server')
}
