import type { X509Certificate } from 'node:crypto'
import {
  TLS_ALPN,
  TLS_DNS_SANS,
  TLS_FINGERPRINT,
  TLS_MTLS,
  TLS_PRINCIPAL,
  TLS_SNI,
  TLS_SUBJECT,
  TLS_URI_SANS,
  TLS_VERSION,
} from '../tls-properties.ts'
import { subjectAltNames, subjectOf } from './peer-names.ts'

/** What was agreed on. */
export interface AgreedTls {
  readonly version: string
  readonly serverName: string
  readonly alpn: string
  /** undefined: none was shown, or nobody has verified it. */
  readonly certificate: X509Certificate | undefined
}

/** The properties of a connection: see tls-properties.ts. */
export function describeTls({ version, serverName, alpn, certificate }: AgreedTls): Map<string, string> {
  const properties = new Map([[TLS_VERSION, version]])
  if (serverName !== '') properties.set(TLS_SNI, serverName.toLowerCase())
  if (alpn !== '') properties.set(TLS_ALPN, alpn)
  if (certificate === undefined) return properties
  const names = subjectAltNames(certificate)
  const uris = names.flatMap(({ type, value }) => (type === 'uri' ? [value] : []))
  const hosts = names.flatMap(({ type, value }) => (type === 'dns' ? [value] : []))
  const subject = subjectOf(certificate)
  properties.set(TLS_MTLS, 'true')
  properties.set(TLS_PRINCIPAL, uris[0] ?? hosts[0] ?? subject)
  if (uris.length > 0) properties.set(TLS_URI_SANS, listOf(uris))
  if (hosts.length > 0) properties.set(TLS_DNS_SANS, listOf(hosts))
  properties.set(TLS_SUBJECT, subject)
  properties.set(TLS_FINGERPRINT, certificate.fingerprint256.replaceAll(':', '').toLowerCase())
  return properties
}

/** A comma inside a name must not make two of it. */
function listOf(names: readonly string[]): string {
  return names.map((name) => name.replaceAll(',', '%2C')).join(',')
}
