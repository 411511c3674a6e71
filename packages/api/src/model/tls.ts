import { type ConfigSource, sourceKey } from './config-source.ts'
import type { StringMatch } from './match.ts'

/** Where a PEM text is: in a file, in the configuration itself, or in a variable of the environment. */
export type DataSource =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'inline'; readonly text: string }
  | { readonly kind: 'environment'; readonly name: string }

export interface TlsCertificateConfig {
  /** In PEM, the proxy's own first. */
  readonly chain: DataSource
  readonly privateKey: DataSource
  /** Of the private key; default: it has none. */
  readonly password?: DataSource
}

/** A name of a certificate, as `match_typed_subject_alt_names` asks for it; any: of whatever kind. */
export interface SanMatcherConfig {
  readonly type: 'uri' | 'dns' | 'ip' | 'email' | 'any'
  readonly match: StringMatch
}

/** What is asked of the peer's certificate. */
export interface TlsValidationConfig {
  /** In PEM: one of them must have signed it; default: nobody asks who has. */
  readonly trustedCa?: DataSource
  /** In PEM: what it must not be on. */
  readonly crl?: DataSource
  /** One must fit; empty: any name will do. */
  readonly sans: readonly SanMatcherConfig[]
  /** SHA-256 of the public key in base 64; with `hashes` one must be it, unless both are empty. */
  readonly spki: readonly string[]
  /** SHA-256 of the certificate in lower case hex. */
  readonly hashes: readonly string[]
}

/** Where a secret comes from: a control plane, or a file that holds it. */
export type SecretSource = ConfigSource | { readonly kind: 'path'; readonly path: string }

/** A secret that comes while the proxy runs, and changes. */
export interface SecretRef {
  readonly name: string
  readonly source: SecretSource
}

export type TlsVersion = 'TLSv1.2' | 'TLSv1.3'

/** Of either side. */
export interface CommonTlsConfig {
  /** What the proxy shows: one of them; empty: nothing. */
  readonly certificates: readonly TlsCertificateConfig[]
  readonly certificateSecrets: readonly SecretRef[]
  /** undefined: the peer is not verified, unless a secret says so. */
  readonly validation: TlsValidationConfig | undefined
  /** Added to `validation`. */
  readonly validationSecret: SecretRef | undefined
  /** In order of preference; empty: it is not spoken of. */
  readonly alpn: readonly string[]
  readonly minVersion: TlsVersion
  readonly maxVersion: TlsVersion
  /** Of TLS 1.2, by OpenSSL's names; empty: the runtime's. */
  readonly ciphers: readonly string[]
  /** Empty: the runtime's. */
  readonly curves: readonly string[]
}

export interface DownstreamTlsConfig extends CommonTlsConfig {
  readonly requireClientCertificate: boolean
  /** Sessions can be taken up again, at any worker; default true. */
  readonly resumption: boolean
  /** How long. */
  readonly sessionTimeoutS: number
  /** Before a handshake that is not over ends; 0: never. */
  readonly handshakeTimeoutMs: number
}

export interface UpstreamTlsConfig extends CommonTlsConfig {
  /** Empty: none is sent. */
  readonly sni: string
  /** Per endpoint; 0: no session is taken up again. Default 1. */
  readonly maxSessionKeys: number
}

/** One of `transport_socket_matches`. */
export interface TransportMatch {
  readonly name: string
  /** What the endpoint's metadata under `envoy.transport_socket_match` must hold; empty fits all. */
  readonly match: Readonly<Record<string, unknown>>
  /** undefined: plain. */
  readonly tls: UpstreamTlsConfig | undefined
}

/** A named secret. */
export type SecretConfig =
  | { readonly name: string; readonly kind: 'certificate'; readonly certificate: TlsCertificateConfig }
  | { readonly name: string; readonly kind: 'validation'; readonly validation: TlsValidationConfig }

/** One string per source, so that equal sources share their subscriptions. */
export function secretSourceKey(source: SecretSource): string {
  return source.kind === 'path' ? `path:${source.path}` : sourceKey(source)
}

/** Those that a side of TLS waits for. */
export function secretRefs({ certificateSecrets, validationSecret }: CommonTlsConfig): readonly SecretRef[] {
  return validationSecret === undefined ? certificateSecrets : [...certificateSecrets, validationSecret]
}
