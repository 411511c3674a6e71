import type { ListenerConfig } from './listener.ts'
import type { DownstreamTlsConfig } from './tls.ts'

/** Keys of authorization rules that ask who the client is: of Envoy's RBAC, and of Istio's policies. */
const IDENTITY_KEYS = new Set(['authenticated', 'principal_name', 'source_principals'])
/** Properties of a connection that say who its client is: see tls-properties.ts of the proxy. */
const IDENTITY_PROPERTY = /^tls\.(principal|uri_sans|dns_sans|subject|fingerprint_sha256|mtls)$/
const MAX_DEPTH = 64

/**
 * Names of the filters of a listener that ask who the client is although clients need not say it: without TLS, or where
 * they need no certificate that somebody verifies, everybody is nobody to them.
 */
export function needsIdentity(listener: ListenerConfig): readonly string[] {
  const { filter } = listener
  if (knowsClients(listener) || listener.identityTlv !== undefined || filter.kind !== 'meta-protocol') return []
  return filter.filters.filter(({ config }) => asksForIdentity(config)).map(({ name }) => name)
}

type ClientTls = Pick<DownstreamTlsConfig, 'requireClientCertificate' | 'validation' | 'validationSecret'>

/** Whether every client of a listener has shown a certificate that was verified: by who has signed it, or by its hash. */
export function knowsClients({ tls }: { readonly tls?: ClientTls }): boolean {
  if (tls?.requireClientCertificate !== true) return false
  if (tls.validationSecret !== undefined) return true
  const { trustedCa, spki = [], hashes = [] } = tls.validation ?? {}
  return trustedCa !== undefined || spki.length + hashes.length > 0
}

/** Whether a rule, in JSON, asks who the client is. */
export function asksForIdentity(json: unknown, depth = 0): boolean {
  if (typeof json === 'string') return IDENTITY_PROPERTY.test(json)
  if (typeof json !== 'object' || json === null || depth > MAX_DEPTH) return false
  return Object.entries(json).some(([key, value]) => IDENTITY_KEYS.has(key) || asksForIdentity(value, depth + 1))
}
