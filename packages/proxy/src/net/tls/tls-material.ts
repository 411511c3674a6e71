import { createHash } from 'node:crypto'
import { type CommonTlsConfig, type SanMatcherConfig, type SecretRef, secretSourceKey } from '@meltemi/api/model'
import { canonicalJson } from '../../util/canonical-json.ts'

/** What a secret holds by now, read and checked. Plain data that goes to worker threads. */
export type TlsMaterial =
  | {
      readonly id: string
      readonly kind: 'certificate'
      /** All in PEM. */
      readonly chain: string
      readonly privateKey: string
      readonly password: string | undefined
      /** Where it was read; empty: from no file. */
      readonly path: string
    }
  | {
      readonly id: string
      readonly kind: 'validation'
      readonly trustedCa: string | undefined
      readonly crl: string | undefined
      readonly sans: readonly SanMatcherConfig[]
      readonly spki: readonly string[]
      readonly hashes: readonly string[]
      readonly path: string
    }

export type CertificateMaterial = Extract<TlsMaterial, { kind: 'certificate' }>
export type ValidationMaterial = Extract<TlsMaterial, { kind: 'validation' }>

/** The ids of all that one side of TLS needs. */
export interface TlsNeeds {
  readonly certificates: readonly string[]
  readonly validations: readonly string[]
}

/** Equal configurations share their material. */
export function tlsNeeds(config: CommonTlsConfig): TlsNeeds {
  const { certificates, certificateSecrets, validation, validationSecret } = config
  return {
    certificates: [...certificates.map((each) => givenId(each)), ...certificateSecrets.map(secretId)],
    validations: [
      ...(validation === undefined ? [] : [givenId(validation)]),
      ...(validationSecret === undefined ? [] : [secretId(validationSecret)]),
    ],
  }
}

/** Of what stands in the configuration itself. */
export function givenId(config: object): string {
  return `given:${createHash('sha256').update(canonicalJson(config)).digest('hex')}`
}

export function secretId({ name, source }: SecretRef): string {
  return `${secretSourceKey(source)}/${name}`
}
