import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { type IssuedCertificate, issueCertificate } from './issue-certificate.ts'
import type { ServingKey } from './webhook-server.ts'

/** What replicas share: the certificate that they serve, and perhaps the one that takes its place. In PEM. */
export interface CertificateBundle {
  readonly current: ServingKey
  /** Trusted already, and soon served. */
  readonly next: ServingKey | undefined
  /** Authorities of both. */
  readonly authorities: string
}

export interface BundleOptions {
  /** What API servers call the webhook by. */
  readonly names: readonly string[]
  readonly nowMs: number
  /** Whom the API server trusts now, as it says: authorities in PEM. */
  readonly trusted: string
  /** How long a certificate is good for. */
  readonly validMs: number
  /** How long the next one is trusted before it is served, so that every API server has heard of it. */
  readonly settleMs: number
}

/** One of which this part is left is replaced. */
const RENEW_PART = 1 / 3
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g

/**
 * The next step of a bundle's life, or the same object when there is none to take:
 *
 *   none, not good any more, or for other names ──► a new one, served at once
 *   a third of its time is left                  ──► the next one is made, and both are trusted
 *   the API server has trusted it for a while    ──► the next one is served
 */
export async function stepBundle(bundle: CertificateBundle, options: BundleOptions): Promise<CertificateBundle> {
  const { trusted, validMs, settleMs } = options
  const leftMs = leftOf(bundle.current, options)
  if (leftMs <= 0) return afresh(bundle, await issue(options))
  const { next, authorities } = bundle
  const nextLeftMs = next === undefined ? 0 : leftOf(next, options)
  if (next !== undefined && nextLeftMs > 0) {
    const isTrusted = authoritiesOf(authorities).every((one) => trusted.includes(one.trim()))
    return isTrusted && validMs - nextLeftMs >= settleMs ? { current: next, next: undefined, authorities } : bundle
  }
  if (leftMs > validMs * RENEW_PART) return bundle
  const { authority, ...key } = await issue(options)
  return { ...bundle, next: key, authorities: authority + (authoritiesOf(authorities)[0] ?? '') }
}

function issue({ names, nowMs, validMs }: BundleOptions): Promise<IssuedCertificate> {
  return issueCertificate({ names, nowMs, validMs })
}

/** The authority before stays trusted for those who have its certificate still. */
function afresh(before: CertificateBundle, { authority, ...current }: IssuedCertificate): CertificateBundle {
  const [old = ''] = authoritiesOf(before.authorities)
  return { current, next: undefined, authorities: authority + old }
}

/** Not above 0 where it is for other names, or no certificate. */
function leftOf({ chain }: ServingKey, { names, nowMs }: BundleOptions): number {
  try {
    const certificate = new X509Certificate(chain)
    const isFor = (name: string) => (isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name))
    return names.every(isFor) ? Date.parse(certificate.validTo) - nowMs : 0
  } catch {
    return 0
  }
}

function authoritiesOf(pem: string): readonly string[] {
  return (pem.match(CERTIFICATE) ?? []).map((one) => `${one.trim()}\n`)
}
