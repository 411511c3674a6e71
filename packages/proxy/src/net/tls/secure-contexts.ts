import { createHash } from 'node:crypto'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import type { CommonTlsConfig } from '@meltemi/api/model'
import { isHost, readCertificates, subjectAltNames } from './peer-names.ts'
import type { CertificateMaterial } from './tls-material.ts'
import type { TlsParts } from './tls-secrets.ts'

/** Those of TLS 1.3 are not a matter of configuration, as in Envoy. */
const TLS13_SUITES = 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256'

/** Throws an Error where the parts do not fit: a key that is another certificate's, for example. */
export function buildContext(
  config: CommonTlsConfig,
  { certificates, validation }: TlsParts,
  more: SecureContextOptions = {},
): SecureContext {
  const shown = oneOfEachKind(certificates)
  return createSecureContext({
    minVersion: config.minVersion,
    maxVersion: config.maxVersion,
    cert: shown.map(({ chain }) => chain),
    key: shown.map(keyOf),
    ...(config.ciphers.length === 0 ? {} : { ciphers: `${TLS13_SUITES}:${config.ciphers.join(':')}` }),
    ...(config.curves.length === 0 ? {} : { ecdhCurve: config.curves.join(':') }),
    // without any the runtime would take all that the world trusts
    ca: validation?.trustedCa ?? [],
    // as in Envoy who is trusted need not have signed himself
    allowPartialTrustChain: true,
    ...(validation?.crl === undefined ? {} : { crl: validation.crl }),
    ...more,
  })
}

/** A context has room for one certificate of each kind of key; the client chooses among them. */
function oneOfEachKind(certificates: readonly CertificateMaterial[]): readonly CertificateMaterial[] {
  const kinds = new Map<string, CertificateMaterial>()
  for (const certificate of certificates.toReversed())
    kinds.set(readCertificates(certificate.chain)[0]?.publicKey.asymmetricKeyType ?? '', certificate)
  return certificates.filter((certificate) => [...kinds.values()].includes(certificate))
}

function keyOf({ privateKey, password }: CertificateMaterial) {
  return password === undefined ? { pem: privateKey } : { pem: privateKey, passphrase: password }
}

/** Sessions are taken up again only by who has the same certificates and asks the same of its peer. */
export function sessionContext(config: CommonTlsConfig, parts: TlsParts): string {
  return createHash('sha256')
    .update(JSON.stringify([config, parts]))
    .digest('hex')
    .slice(0, 32)
}

/** Of several certificates: for a server name the first one that has it. */
export class ContextChoice {
  readonly first: SecureContext
  readonly #byNames: readonly { readonly names: readonly string[]; readonly context: SecureContext }[]

  constructor(config: CommonTlsConfig, parts: TlsParts, more: SecureContextOptions) {
    const { certificates } = parts
    this.first = buildContext(config, parts, more)
    this.#byNames =
      certificates.length < 2
        ? []
        : certificates.map((certificate) => ({
            names: namesOf(certificate.chain),
            context: buildContext(config, { ...parts, certificates: [certificate] }, more),
          }))
  }

  get hasChoice(): boolean {
    return this.#byNames.length > 0
  }

  for(serverName: string): SecureContext {
    return this.#byNames.find(({ names }) => names.some((name) => isHost(name, serverName)))?.context ?? this.first
  }
}

function namesOf(chain: string): readonly string[] {
  const [certificate] = readCertificates(chain)
  if (certificate === undefined) return []
  return subjectAltNames(certificate).flatMap(({ type, value }) => (type === 'dns' ? [value] : []))
}
