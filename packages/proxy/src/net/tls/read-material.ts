import { readFile, stat } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import type { DataSource, TlsCertificateConfig, TlsValidationConfig } from '@meltemi/api/model'
import { readCertificates } from './peer-names.ts'
import type { CertificateMaterial, ValidationMaterial } from './tls-material.ts'

/** What holds certificates is never larger. */
const MAX_BYTES = 1024 * 1024

/** Reads a certificate with its key, and makes sure that they belong together. Rejects with what is wrong, never with what they say. */
export async function readCertificate(id: string, config: TlsCertificateConfig): Promise<CertificateMaterial> {
  const [chain, privateKey, password] = await Promise.all([
    readSource(config.chain, 'certificate_chain'),
    readSource(config.privateKey, 'private_key'),
    config.password === undefined ? undefined : readSource(config.password, 'password'),
  ])
  if (readCertificates(chain).length === 0) throw new Error(`${nameOf(config.chain)}: there is no certificate in it`)
  const passphrase = password?.trim()
  try {
    createSecureContext({ cert: chain, key: privateKey, ...(passphrase === undefined ? {} : { passphrase }) })
  } catch (cause: unknown) {
    throw new Error(`${nameOf(config.privateKey)}: ${reasonOf(cause)}`)
  }
  return { id, kind: 'certificate', chain, privateKey, password: passphrase, path: pathOf(config.chain) }
}

/** Reads what peers are measured by. */
export async function readValidation(id: string, config: TlsValidationConfig): Promise<ValidationMaterial> {
  const { trustedCa, crl, sans, spki, hashes } = config
  const [ca, list] = await Promise.all([
    trustedCa === undefined ? undefined : readSource(trustedCa, 'trusted_ca'),
    crl === undefined ? undefined : readSource(crl, 'crl'),
  ])
  if (trustedCa !== undefined && (ca === undefined || readCertificates(ca).length === 0))
    throw new Error(`${nameOf(trustedCa)}: there is no certificate in it`)
  try {
    createSecureContext({ ...(ca === undefined ? {} : { ca }), ...(list === undefined ? {} : { crl: list }) })
  } catch (cause: unknown) {
    throw new Error(`${nameOf(crl ?? trustedCa)}: ${reasonOf(cause)}`)
  }
  const path = trustedCa === undefined ? '' : pathOf(trustedCa)
  return { id, kind: 'validation', trustedCa: ca, crl: list, sans, spki, hashes, path }
}

/** The files that a secret is read from. */
export function filesOf(config: TlsCertificateConfig | TlsValidationConfig): readonly string[] {
  const sources =
    'chain' in config ? [config.chain, config.privateKey, config.password] : [config.trustedCa, config.crl]
  return sources.flatMap((source) => (source?.kind === 'file' ? [source.path] : []))
}

/** Another one when a file was written anew, or a link leads to another one. */
export async function signatureOf(paths: readonly string[]): Promise<string> {
  const parts = await Promise.all(
    paths.map(async (path) => {
      try {
        const { dev, ino, size, mtimeMs, ctimeMs } = await stat(path)
        return `${dev}:${ino}:${size}:${mtimeMs}:${ctimeMs}`
      } catch (error: unknown) {
        return `${(error as NodeJS.ErrnoException).code}`
      }
    }),
  )
  return parts.join(' ')
}

/** Rejects with the path and why. */
export async function readTextFile(path: string): Promise<string> {
  try {
    const { size } = await stat(path)
    if (size > MAX_BYTES) throw new Error(`has ${size} bytes, more than ${MAX_BYTES}`)
    return await readFile(path, 'utf8')
  } catch (error: unknown) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new Error(`${path}: ${code === undefined ? message : `cannot be read, ${code}`}`)
  }
}

async function readSource(source: DataSource, what: string): Promise<string> {
  if (source.kind === 'inline') return source.text
  if (source.kind === 'file') return readTextFile(source.path)
  const value = process.env[source.name]
  if (value === undefined) throw new Error(`${what}: environment variable ${source.name} is not set`)
  return value
}

function nameOf(source: DataSource | undefined): string {
  if (source?.kind === 'file') return source.path
  return source?.kind === 'environment' ? `environment variable ${source.name}` : 'inline'
}

function pathOf(source: DataSource): string {
  return source.kind === 'file' ? source.path : ''
}

/** What OpenSSL says of a key never quotes it. */
function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : 'cannot be read'
}
