import { createHash, type X509Certificate } from 'node:crypto'
import { subjectAltNames } from './peer-names.ts'
import type { CompileMatch, SanMatch } from './san-match.ts'
import { compileSans } from './san-match.ts'
import type { ValidationMaterial } from './tls-material.ts'
import type { TlsStats } from './tls-stats.ts'

/** What a handshake has found out about the peer. */
export interface Peer {
  readonly certificate: X509Certificate | undefined
  /** Why its chain is not good; null: it is, as far as anybody has asked. */
  readonly chainError: string | null
}

/** Asks of a peer what the configuration asks: who has signed it, its names, its hash. */
export class PeerVerifier {
  readonly asksForChain: boolean
  readonly #isRequired: boolean
  readonly #accepts: SanMatch
  readonly #spki: ReadonlySet<string>
  readonly #hashes: ReadonlySet<string>

  constructor(validation: ValidationMaterial | undefined, isRequired: boolean, compile: CompileMatch) {
    this.asksForChain = validation?.trustedCa !== undefined
    this.#isRequired = isRequired
    this.#accepts = compileSans(validation?.sans ?? [], compile)
    this.#spki = new Set(validation?.spki)
    this.#hashes = new Set(validation?.hashes)
  }

  /** Whether somebody who passes is who he says. */
  get proves(): boolean {
    return this.asksForChain || this.#spki.size + this.#hashes.size > 0
  }

  /** Returns why not, and counts it; undefined: the peer is good. */
  refusal({ certificate, chainError }: Peer, stats: TlsStats): string | undefined {
    if (certificate === undefined) {
      if (!this.#isRequired) return undefined
      stats.failVerifyNoCert.add(1)
      return 'the peer has shown no certificate'
    }
    if (this.asksForChain && chainError !== null) {
      stats.failVerifyError.add(1)
      return `the certificate is not good: ${chainError}`
    }
    // whoever shows one that is over has nothing to show, resumed session or not
    if (this.asksForChain && certificate.validToDate.getTime() < Date.now()) {
      stats.failVerifyError.add(1)
      return 'the certificate is not good: CERT_HAS_EXPIRED'
    }
    if (!this.#isPinned(certificate)) {
      stats.failVerifyCertHash.add(1)
      return 'the certificate is none of those whose hash is known'
    }
    if (!this.#accepts(subjectAltNames(certificate))) {
      stats.failVerifySan.add(1)
      return `no name of the certificate is wanted: ${certificate.subjectAltName ?? 'it has none'}`
    }
    return undefined
  }

  #isPinned(certificate: X509Certificate): boolean {
    if (this.#spki.size + this.#hashes.size === 0) return true
    if (this.#hashes.has(certificate.fingerprint256.replaceAll(':', '').toLowerCase())) return true
    const key = certificate.publicKey.export({ type: 'spki', format: 'der' })
    return this.#spki.has(createHash('sha256').update(key).digest('base64'))
  }
}
