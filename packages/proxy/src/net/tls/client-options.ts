import { X509Certificate } from 'node:crypto'
import type { UpstreamTlsConfig } from '@meltemi/api/model'
import type { ClientTlsOptions } from '@meltemi/runtime'
import type { CompileMatch } from './san-match.ts'
import { buildContext } from './secure-contexts.ts'
import { tlsNeeds } from './tls-material.ts'
import type { TlsSecrets } from './tls-secrets.ts'
import type { TlsStats } from './tls-stats.ts'
import { PeerVerifier } from './verify-peer.ts'

export interface ClientOptionsParts {
  readonly secrets: TlsSecrets
  readonly compile: CompileMatch
  readonly stats: TlsStats
}

/** TLS of the services that the main thread itself calls: control planes and collectors. Throws where a secret is missing. */
export function clientTlsOptions(config: UpstreamTlsConfig, parts: ClientOptionsParts): ClientTlsOptions {
  const { secrets, compile, stats } = parts
  const found = secrets.parts(tlsNeeds(config))
  if (found === undefined) throw new Error('TLS: a secret is not here yet')
  const verifier = new PeerVerifier(found.validation, true, compile)
  const { sans = [], spki = [], hashes = [] } = found.validation ?? {}
  const isNamed = sans.length + spki.length + hashes.length > 0
  if (!verifier.asksForChain && isNamed) throw new Error('TLS: without trusted_ca a service cannot be verified')
  return {
    context: buildContext(config, found),
    verifiesChain: verifier.asksForChain,
    ...(config.sni === '' ? {} : { serverName: config.sni }),
    check: (der) => verifier.refusal({ certificate: new X509Certificate(der), chainError: null }, stats),
  }
}
