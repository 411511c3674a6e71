/**
 * Properties of a client's connection that came over TLS: what its handshake and its certificate say. Filters find them
 * in `connection.properties`; those of the certificate are there only when it was verified.
 */

/** Who the client is, as Envoy's `authenticated` names it: the first URI SAN, else the first DNS SAN, else the subject. */
export const TLS_PRINCIPAL = 'tls.principal'
/** URI SANs of the client's certificate, in order, joined by commas; a comma inside one is written `%2C`. */
export const TLS_URI_SANS = 'tls.uri_sans'
/** DNS SANs of the client's certificate, written the same way. */
export const TLS_DNS_SANS = 'tls.dns_sans'
/** Subject of the client's certificate as RFC 2253 writes it: `CN=client,O=Example`. */
export const TLS_SUBJECT = 'tls.subject'
/** Server name that the client asked for, in lower case. */
export const TLS_SNI = 'tls.sni'
/** Protocol that was agreed on by ALPN. */
export const TLS_ALPN = 'tls.alpn'
/** `TLSv1.2` or `TLSv1.3`. */
export const TLS_VERSION = 'tls.version'
/** SHA-256 of the client's certificate in DER, 64 lower case hex digits. */
export const TLS_FINGERPRINT = 'tls.fingerprint_sha256'
/** `true`: the client showed a certificate, and it was verified. Not there otherwise. */
export const TLS_MTLS = 'tls.mtls'

/** What all of them begin with: no client can set such keys itself. */
export const TLS_PREFIX = 'tls.'
