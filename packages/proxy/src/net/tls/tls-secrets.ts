import { randomBytes } from 'node:crypto'
import type { CertificateMaterial, TlsMaterial, TlsNeeds, ValidationMaterial } from './tls-material.ts'

/** Key name, HMAC and AES key, 16 bytes each. */
export const TICKET_KEY_BYTES = 48

/** All that one side of TLS is made of. */
export interface TlsParts {
  readonly certificates: readonly CertificateMaterial[]
  /** undefined: nobody says what is asked of the peer. */
  readonly validation: ValidationMaterial | undefined
}

/** Whether nothing has changed; false where that is not known. */
export function isSame(parts: TlsParts, others: TlsParts | undefined): boolean {
  if (others === undefined || parts.validation !== others.validation) return false
  if (parts.certificates.length !== others.certificates.length) return false
  return parts.certificates.every((certificate, index) => certificate === others.certificates[index])
}

/** Secrets of one thread, by id, as the main thread has read them. */
export class TlsSecrets {
  /** What all threads of the process seal sessions with: one that was begun at one thread goes on at another. */
  readonly ticketKeys: Buffer
  /** Another one after every change. */
  version = 0
  readonly #materials = new Map<string, TlsMaterial>()

  constructor(ticketKeys: Uint8Array = randomBytes(TICKET_KEY_BYTES), materials: readonly TlsMaterial[] = []) {
    this.ticketKeys = Buffer.from(ticketKeys)
    this.take(materials)
  }

  /** New ones, and new forms of those that are here. */
  take(materials: readonly TlsMaterial[]): void {
    for (const material of materials) this.#materials.set(material.id, material)
    if (materials.length > 0) this.version++
  }

  remove(ids: readonly string[]): void {
    for (const id of ids) this.#materials.delete(id)
  }

  /** undefined: one of them is not here yet. */
  parts({ certificates, validations }: TlsNeeds): TlsParts | undefined {
    const chains = certificates.flatMap((id) => this.#get(id, 'certificate'))
    const demands = validations.flatMap((id) => this.#get(id, 'validation'))
    const isWhole = chains.length === certificates.length && demands.length === validations.length
    if (!isWhole) return undefined
    const [first, ...others] = demands
    return { certificates: chains, validation: first && others.reduce(merge, first) }
  }

  #get<K extends TlsMaterial['kind']>(id: string, kind: K): Extract<TlsMaterial, { kind: K }>[] {
    const material = this.#materials.get(id)
    return material?.kind === kind ? [material as Extract<TlsMaterial, { kind: K }>] : []
  }
}

/** As Envoy merges a validation context that comes with its default: of what there is one of, the one that comes counts. */
function merge(given: ValidationMaterial, come: ValidationMaterial): ValidationMaterial {
  return {
    ...come,
    trustedCa: come.trustedCa ?? given.trustedCa,
    path: come.trustedCa === undefined ? given.path : come.path,
    crl: come.crl ?? given.crl,
    sans: [...given.sans, ...come.sans],
    spki: [...given.spki, ...come.spki],
    hashes: [...given.hashes, ...come.hashes],
  }
}
