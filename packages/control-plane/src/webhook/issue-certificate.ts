import { type webcrypto as crypto, randomUUID, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import type { ServingKey } from './webhook-server.ts'

/** A certificate of a server, and whom to trust for it. All in PEM. */
export interface IssuedCertificate extends ServingKey {
  /** Has signed this one, and can sign no other: its key is forgotten. */
  readonly authority: string
}

export interface IssueOptions {
  /** What clients connect to: DNS names and IP addresses; at least one. */
  readonly names: readonly string[]
  readonly nowMs: number
  readonly validMs: number
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
/** Clocks of machines differ. */
const BEFORE_MS = 5 * 60_000

/** The library is loaded here and nowhere else: few processes need one. */
export async function issueCertificate({ names, nowMs, validMs }: IssueOptions): Promise<IssuedCertificate> {
  await import('reflect-metadata')
  const x509 = await import('@peculiar/x509')
  const validity = { notBefore: new Date(nowMs - BEFORE_MS), notAfter: new Date(nowMs + validMs) }
  const ownKeys = await newKeys()
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity,
    // unlike that of any other, for whoever trusts two of them looks for the right one by its name
    name: `CN=meltemi webhook authority ${randomUUID()}`,
    signingAlgorithm: ALGORITHM,
    keys: ownKeys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  })
  const keys = await newKeys()
  const certificate = await x509.X509CertificateGenerator.create({
    ...validity,
    subject: 'CN=meltemi webhook',
    issuer: authority.subject,
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: ownKeys.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value }) as const),
      ),
    ],
  })
  const privateKey = x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY')
  return { chain: `${certificate.toString('pem')}\n`, privateKey, authority: `${authority.toString('pem')}\n` }
}

function newKeys(): Promise<crypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']) as Promise<crypto.CryptoKeyPair>
}
