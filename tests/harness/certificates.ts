/** Certificates for tests, made when they are asked for: no key lies in the repository. */

import 'reflect-metadata'
import { type webcrypto as crypto, webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'

x509.cryptoProvider.set(webcrypto as never)

const DAY_MS = 86_400_000
const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const RSA = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
}

const AUTHORITY = [
  new x509.BasicConstraintsExtension(true, undefined, true),
  new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
]

/** A certificate with its key, in PEM. */
export interface Identity {
  readonly chain: string
  readonly privateKey: string
}

export interface IdentityOptions {
  readonly commonName?: string
  readonly uris?: readonly string[]
  readonly hosts?: readonly string[]
  readonly ips?: readonly string[]
  readonly emails?: readonly string[]
  /** Days from now; a year ago to a day ago is `[-365, -1]`. */
  readonly days?: readonly [from: number, to: number]
  readonly algorithm?: 'ecdsa' | 'rsa'
}

let serial = Math.floor(Math.random() * 1e9)

/** Signs the certificates of one test. */
export class TestAuthority {
  /** In PEM. */
  readonly pem: string
  readonly #certificate: x509.X509Certificate
  readonly #keys: crypto.CryptoKeyPair

  private constructor(certificate: x509.X509Certificate, keys: crypto.CryptoKeyPair) {
    this.#certificate = certificate
    this.#keys = keys
    this.pem = certificate.toString('pem')
  }

  static async create(name = 'Test CA'): Promise<TestAuthority> {
    const keys = (await webcrypto.subtle.generateKey(ECDSA, true, ['sign', 'verify'])) as crypto.CryptoKeyPair
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: nextSerial(),
      name: `CN=${name}`,
      notBefore: new Date(Date.now() - 3650 * DAY_MS),
      notAfter: new Date(Date.now() + 3650 * DAY_MS),
      signingAlgorithm: ECDSA,
      keys: keys as never,
      extensions: AUTHORITY,
    })
    return new TestAuthority(certificate, keys)
  }

  /** One that this one has signed. */
  async subordinate(name: string): Promise<TestAuthority> {
    const keys = (await webcrypto.subtle.generateKey(ECDSA, true, ['sign', 'verify'])) as crypto.CryptoKeyPair
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: nextSerial(),
      subject: `CN=${name}`,
      issuer: this.#certificate.subject,
      notBefore: new Date(Date.now() - DAY_MS),
      notAfter: new Date(Date.now() + 30 * DAY_MS),
      signingAlgorithm: ECDSA,
      publicKey: keys.publicKey as never,
      signingKey: this.#keys.privateKey as never,
      extensions: AUTHORITY,
    })
    return new TestAuthority(certificate, keys)
  }

  async issue(options: IdentityOptions = {}): Promise<Identity> {
    const { commonName = 'test', uris = [], hosts = [], ips = [], emails = [], days = [-1, 30] } = options
    const algorithm = options.algorithm === 'rsa' ? RSA : ECDSA
    const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as crypto.CryptoKeyPair
    const names = [
      ...uris.map((value) => ({ type: 'url' as const, value })),
      ...hosts.map((value) => ({ type: 'dns' as const, value })),
      ...ips.map((value) => ({ type: 'ip' as const, value })),
      ...emails.map((value) => ({ type: 'email' as const, value })),
    ]
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: nextSerial(),
      subject: `CN=${commonName}, O=Meltemi`,
      issuer: this.#certificate.subject,
      notBefore: new Date(Date.now() + days[0] * DAY_MS),
      notAfter: new Date(Date.now() + days[1] * DAY_MS),
      signingAlgorithm: ECDSA,
      publicKey: keys.publicKey as never,
      signingKey: this.#keys.privateKey as never,
      extensions: [
        new x509.BasicConstraintsExtension(false),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
        ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
      ],
    })
    return {
      chain: certificate.toString('pem'),
      privateKey: pemOf('PRIVATE KEY', await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)),
    }
  }

  /** In PEM: a list with these on it. */
  async revoke(identities: readonly Identity[]): Promise<string> {
    const crl = await x509.X509CrlGenerator.create({
      issuer: this.#certificate.subject,
      thisUpdate: new Date(Date.now() - DAY_MS),
      nextUpdate: new Date(Date.now() + DAY_MS),
      signingAlgorithm: ECDSA,
      signingKey: this.#keys.privateKey as never,
      entries: identities.map(({ chain }) => ({
        serialNumber: new x509.X509Certificate(chain).serialNumber,
        revocationDate: new Date(Date.now() - DAY_MS),
      })),
    })
    return pemOf('X509 CRL', crl.rawData)
  }
}

function nextSerial(): string {
  serial++
  return serial.toString(16).padStart(10, '0')
}

function pemOf(label: string, bytes: ArrayBuffer): string {
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
