import type {
  DataSource,
  SanMatcherConfig,
  SecretConfig,
  TlsCertificateConfig,
  TlsValidationConfig,
} from '../model/index.ts'
import type { ConfigMessage } from '../schema/config-message.ts'
import { convertStringMatch } from './match.ts'

const SAN_TYPES: Readonly<Record<string, SanMatcherConfig['type']>> = {
  URI: 'uri',
  DNS: 'dns',
  IP_ADDRESS: 'ip',
  EMAIL: 'email',
}
const SHA256_HEX = /^[0-9a-f]{64}$/
const SHA256_BASE64 = /^[A-Za-z0-9+/]{43}=$/

/** Reads a Secret of static_resources, or of a control plane; undefined, with problems: it is none of those that TLS uses. */
export function convertSecret(secret: ConfigMessage): SecretConfig | undefined {
  const name = secret.text('name')
  const certificate = secret.message('tls_certificate')
  if (certificate !== undefined) {
    const read = convertCertificate(certificate)
    return read === undefined ? undefined : { name, kind: 'certificate', certificate: read }
  }
  const validation = secret.message('validation_context')
  if (validation !== undefined) return { name, kind: 'validation', validation: convertValidation(validation) }
  if (!secret.has('session_ticket_keys') && !secret.has('generic_secret')) secret.reportMissing('tls_certificate')
  return undefined
}

/** Reads a TlsCertificate. */
export function convertCertificate(certificate: ConfigMessage): TlsCertificateConfig | undefined {
  const chain = convertDataSource(certificate, 'certificate_chain')
  const privateKey = convertDataSource(certificate, 'private_key')
  const password = convertDataSource(certificate, 'password')
  for (const [name, value] of [
    ['certificate_chain', chain],
    ['private_key', privateKey],
  ] as const)
    if (value === undefined && !certificate.has(name)) certificate.reportMissing(name)
  if (chain === undefined || privateKey === undefined) return undefined
  return { chain, privateKey, ...(password === undefined ? {} : { password }) }
}

/** Reads a CertificateValidationContext. */
export function convertValidation(validation: ConfigMessage): TlsValidationConfig {
  const trustedCa = convertDataSource(validation, 'trusted_ca')
  const crl = convertDataSource(validation, 'crl')
  const trust = validation.enumName('trust_chain_verification')
  if (trust !== 'VERIFY_TRUST_CHAIN') validation.error('trust_chain_verification', `${trust} is not supported`)
  if (crl !== undefined && trustedCa === undefined) validation.error('crl', 'needs trusted_ca')
  const spki = validation.texts('verify_certificate_spki')
  const hashes = validation.texts('verify_certificate_hash').map((text) => text.replaceAll(':', '').toLowerCase())
  if (!spki.every((text) => SHA256_BASE64.test(text)))
    validation.error('verify_certificate_spki', 'expected SHA-256 in base64')
  if (!hashes.every((text) => SHA256_HEX.test(text)))
    validation.error('verify_certificate_hash', 'expected SHA-256 in hex')
  const sans = convertSans(validation)
  return {
    ...(trustedCa === undefined ? {} : { trustedCa }),
    ...(crl === undefined ? {} : { crl }),
    sans,
    spki,
    hashes,
  }
}

function convertSans(validation: ConfigMessage): readonly SanMatcherConfig[] {
  const typed = validation.messages('match_typed_subject_alt_names').flatMap((each) => {
    const name = each.enumName('san_type')
    const type = SAN_TYPES[name]
    if (type === undefined) each.error('san_type', `${name} is not supported`)
    const match = convertStringMatch(each.message('matcher'))
    return type === undefined ? [] : [{ type, match }]
  })
  // the older form: whatever kind of name
  const any = validation
    .messages('match_subject_alt_names')
    .map((each) => ({ type: 'any' as const, match: convertStringMatch(each) }))
  return [...typed, ...any]
}

function convertDataSource(owner: ConfigMessage, name: string): DataSource | undefined {
  const source = owner.message(name)
  if (source === undefined) return undefined
  if (source.has('filename')) return { kind: 'file', path: source.text('filename') }
  if (source.has('inline_string')) return { kind: 'inline', text: source.text('inline_string') }
  if (source.has('inline_bytes'))
    return { kind: 'inline', text: Buffer.from(source.text('inline_bytes'), 'base64').toString('utf8') }
  if (source.has('environment_variable')) return { kind: 'environment', name: source.text('environment_variable') }
  source.reportMissing('filename')
  return undefined
}
