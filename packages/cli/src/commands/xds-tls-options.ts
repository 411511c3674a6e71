/** Options for TLS of a control plane's xDS. */

import type { TlsFiles } from '@meltemi/control-plane'
import type { Command } from 'commander'

export interface XdsTlsFlags {
  readonly xdsTlsCert?: string
  readonly xdsTlsKey?: string
  readonly xdsTlsClientCa?: string
}

export function addXdsTlsOptions(command: Command): Command {
  return command
    .option('--xds-tls-cert <file>', 'certificate for xDS, PEM, read again as it changes (default: no TLS)')
    .option('--xds-tls-key <file>', 'its private key, PEM')
    .option('--xds-tls-client-ca <file>', 'who signs the certificates that proxies must show')
}

/** Ends the command when one is missing. */
export function toXdsTls(
  { xdsTlsCert, xdsTlsKey, xdsTlsClientCa }: XdsTlsFlags,
  command: Command,
): TlsFiles | undefined {
  if (xdsTlsCert === undefined && xdsTlsKey === undefined && xdsTlsClientCa === undefined) return undefined
  if (xdsTlsCert !== undefined && xdsTlsKey !== undefined)
    return { certificates: xdsTlsCert, privateKey: xdsTlsKey, clientAuthorities: xdsTlsClientCa }
  return command.error('error: --xds-tls-cert and --xds-tls-key are needed together, also by --xds-tls-client-ca')
}
