import type { ConnectionOptions, SecureContext } from 'node:tls'

/** TLS of a client that verifies its servers by rules of its own. */
export interface ClientTlsOptions {
  /** What it shows, and who may sign what servers show. */
  readonly context: SecureContext
  /** false: whoever has signed it. */
  readonly verifiesChain: boolean
  /** What servers are asked for by name; none: their host. */
  readonly serverName?: string
  /** Of the server's certificate in DER, whose chain is good; returns why it is not the one that is wanted. */
  check(certificate: Uint8Array): string | undefined
}

/** The same for Node's own clients. */
export function connectionOptions({ context, verifiesChain, serverName, check }: ClientTlsOptions): ConnectionOptions {
  return {
    secureContext: context,
    rejectUnauthorized: verifiesChain,
    ...(serverName === undefined ? {} : { servername: serverName }),
    checkServerIdentity: (_host, { raw }) => identityError(check, raw),
  }
}

export function identityError(check: ClientTlsOptions['check'], certificate: Uint8Array): Error | undefined {
  const refusal = check(certificate)
  return refusal === undefined ? undefined : new Error(refusal)
}
