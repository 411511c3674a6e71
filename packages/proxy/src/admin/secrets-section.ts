import type { SecretConfig } from '@meltemi/api/model'
import { REDACTED } from '@meltemi/runtime'
import type { TlsMaterial } from '../net/tls/tls-material.ts'
import type { ProxyInspector } from './inspector.ts'

type Json = Readonly<Record<string, unknown>>

export const SECRETS = 'type.googleapis.com/envoy.admin.v3.SecretsConfigDump'
const SECRET_TYPE = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret'

/** Secrets without what is secret of them: certificates as they are, keys and passwords never. */
export function secretsSection(inspector: ProxyInspector, accepts: (name: string) => boolean): Json {
  const { live, startedAtMs } = inspector
  const own = (live.bootstrap.secrets ?? []).filter(({ name }) => accepts(name))
  const named = inspector.secrets().filter(({ ref }) => accepts(ref.name))
  const dynamic = named.map(({ ref, material, updatedMs }) => ({
    isHere: material !== undefined,
    item: { name: ref.name, last_updated: timestamp(updatedMs), secret: shownMaterial(ref.name, material) },
  }))
  const here = dynamic.filter(({ isHere }) => isHere).map(({ item }) => item)
  const missing = dynamic.filter(({ isHere }) => !isHere).map(({ item }) => item)
  return {
    '@type': SECRETS,
    ...unlessEmpty(
      'static_secrets',
      own.map((secret) => ({
        name: secret.name,
        last_updated: timestamp(startedAtMs),
        secret: shownConfig(secret),
      })),
    ),
    ...unlessEmpty('dynamic_active_secrets', here),
    ...unlessEmpty('dynamic_warming_secrets', missing),
  }
}

function shownMaterial(name: string, material: TlsMaterial | undefined): Json {
  if (material === undefined) return { '@type': SECRET_TYPE, name }
  if (material.kind === 'certificate') return certificate(name, { inline_bytes: base64(material.chain) })
  return validation(name, material.trustedCa === undefined ? undefined : { inline_bytes: base64(material.trustedCa) })
}

function shownConfig(secret: SecretConfig): Json {
  if (secret.kind === 'certificate') return certificate(secret.name, source(secret.certificate.chain))
  const { trustedCa } = secret.validation
  return validation(secret.name, trustedCa === undefined ? undefined : source(trustedCa))
}

function certificate(name: string, certificate_chain: Json): Json {
  // as Envoy hides it
  const private_key = { inline_bytes: base64(REDACTED) }
  return { '@type': SECRET_TYPE, name, tls_certificate: { certificate_chain, private_key } }
}

function validation(name: string, trusted_ca: Json | undefined): Json {
  return { '@type': SECRET_TYPE, name, validation_context: trusted_ca === undefined ? {} : { trusted_ca } }
}

function source(from: { readonly kind: string; readonly path?: string; readonly text?: string }): Json {
  return from.kind === 'file' ? { filename: from.path } : { inline_bytes: base64(from.text ?? '') }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}

function unlessEmpty(field: string, items: readonly Json[]): Json {
  return items.length === 0 ? {} : { [field]: items }
}

function timestamp(ms: number): string {
  return new Date(ms).toISOString()
}
