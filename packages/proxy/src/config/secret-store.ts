import { randomBytes } from 'node:crypto'
import type {
  ClusterConfig,
  CommonTlsConfig,
  ListenerConfig,
  SecretConfig,
  SecretRef,
  TlsCertificateConfig,
  TlsValidationConfig,
} from '@meltemi/api/model'
import { secretRefs } from '@meltemi/api/model'
import type { Clock, Counter, Logger, MetricRegistry, Timer } from '@meltemi/runtime'
import { readCertificates } from '../net/tls/peer-names.ts'
import { filesOf, readCertificate, readTextFile, readValidation, signatureOf } from '../net/tls/read-material.ts'
import { buildContext } from '../net/tls/secure-contexts.ts'
import { givenId, secretId, type TlsMaterial, tlsNeeds } from '../net/tls/tls-material.ts'
import { TICKET_KEY_BYTES, TlsSecrets } from '../net/tls/tls-secrets.ts'

/** Where Envoy's path of a certificate stands that is from no file. */
const INLINE = '<inline>'
/** Secrets that come before those who need them; of more nobody has asked for them. */
const MAX_EARLY = 1_024
/** How often files are looked at. A look, not a notice of the kernel: that knows nothing of links and of some file systems. */
const LOOK_MS = 1_000

export interface SecretStoreParts {
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: MetricRegistry
}

/** A certificate in PEM, and the file that it is from. */
export interface LoadedCertificate {
  readonly path: string
  readonly pem: string
}

/** What one side of TLS uses. */
export interface CertificateSet {
  readonly authorities: readonly LoadedCertificate[]
  readonly chain: readonly LoadedCertificate[]
}

/** A secret that comes from elsewhere; undefined: it has not come yet. */
export interface NamedSecret {
  readonly ref: SecretRef
  readonly material: TlsMaterial | undefined
  /** Milliseconds since 1970. */
  readonly updatedMs: number
}

type Users = Pick<
  { clusters: readonly ClusterConfig[]; listeners: readonly ListenerConfig[] },
  'clusters' | 'listeners'
>

/** One secret that somebody uses. */
interface Entry {
  readonly id: string
  /** undefined: it stands in the configuration itself. */
  readonly ref: SecretRef | undefined
  /** Where it is read; undefined: it has not come yet. */
  config: TlsCertificateConfig | TlsValidationConfig | undefined
  material: TlsMaterial | undefined
  /** Of the files that were read last, whatever came of it. */
  signature: string
  updatedMs: number
}

/**
 * The certificates, keys and authorities of the whole process, on the main thread: read, checked, looked at again every
 * second, and handed to the threads. One that is no good changes nothing: what was good goes on.
 */
export class SecretStore {
  /** Of this process alone: sessions end with it. */
  readonly ticketKeys: Uint8Array = randomBytes(TICKET_KEY_BYTES)
  /** What is here now, for who calls services on this thread. */
  readonly secrets: TlsSecrets = new TlsSecrets(this.ticketKeys)
  /** Told of new material, and of what nobody needs any more. */
  onChange: (materials: readonly TlsMaterial[], removed: readonly string[]) => void = () => {}
  readonly #parts: SecretStoreParts
  readonly #entries = new Map<string, Entry>()
  /** What control planes have sent, by id. */
  readonly #delivered = new Map<string, SecretConfig>()
  readonly #updated: Counter
  readonly #rejected: Counter
  #timer: Timer | undefined
  #isClosed = false

  constructor(parts: SecretStoreParts) {
    this.#parts = parts
    this.#updated = parts.metrics.counter('secrets.update_success')
    this.#rejected = parts.metrics.counter('secrets.update_rejected')
  }

  get materials(): readonly TlsMaterial[] {
    return [...this.#entries.values()].flatMap(({ material }) => material ?? [])
  }

  /** Those that are waited for, or that have come: of each its name, its source and what it holds. */
  get named(): readonly NamedSecret[] {
    return [...this.#entries.values()].flatMap(({ ref, material, updatedMs }) =>
      ref === undefined ? [] : [{ ref, material, updatedMs }],
    )
  }

  /** Reads what these need and is not here yet. Resolves with what is wrong, and then nothing of it is kept. */
  async take({ clusters, listeners }: Users): Promise<readonly string[]> {
    const added: Entry[] = []
    const faults: string[] = []
    for (const { owner, tls } of sidesOf({ clusters, listeners })) {
      const fail = (error: unknown) =>
        faults.push(`${owner}: ${error instanceof Error ? error.message : String(error)}`)
      await this.#takeSide(tls, added).catch(fail)
      if (faults.length === 0) tryBuild(tls, this.materials, fail)
    }
    if (faults.length > 0) for (const { id } of added) this.#entries.delete(id)
    else if (added.length > 0) this.#tell(added)
    if (this.#entries.size > 0) this.#schedule()
    return faults
  }

  /** What nobody else needs goes. */
  keepOnly(users: Users): void {
    const wanted = new Set(sidesOf(users).flatMap(({ tls }) => idsOf(tls)))
    const removed = [...this.#entries.keys()].filter((id) => !wanted.has(id))
    for (const id of removed) {
      this.#entries.delete(id)
      this.#delivered.delete(id)
    }
    if (removed.length === 0) return
    this.secrets.remove(removed)
    this.onChange([], removed)
  }

  /** A control plane has sent this secret; it is in force for new connections when this resolves, or else `false` is. */
  async deliver(source: string, secret: SecretConfig): Promise<string | undefined> {
    const id = `${source}/${secret.name}`
    const entry = this.#entries.get(id)
    if (entry === undefined) {
      if (this.#delivered.size < MAX_EARLY) this.#delivered.set(id, secret)
      return undefined
    }
    const fault = await this.#read(entry, configOf(secret))
    if (fault === undefined) this.#delivered.set(id, secret)
    return fault
  }

  /** What each side of TLS uses, as far as it is here. */
  certificates(users: Users): readonly CertificateSet[] {
    return sidesOf(users).flatMap(({ tls }) => {
      const parts = this.secrets.parts(tlsNeeds(tls))
      if (parts === undefined) return []
      const authorities = pemsOf(parts.validation?.trustedCa ?? '', parts.validation?.path ?? '')
      return [{ authorities, chain: parts.certificates.flatMap(({ chain, path }) => pemsOf(chain, path)) }]
    })
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
  }

  async #takeSide(tls: CommonTlsConfig, added: Entry[]): Promise<void> {
    const given = [...tls.certificates, ...(tls.validation === undefined ? [] : [tls.validation])]
    for (const config of given) {
      const entry = this.#begin(givenId(config), undefined, added)
      if (entry === undefined) continue
      entry.config = config
      await this.#readFirst(entry)
    }
    for (const ref of secretRefs(tls)) {
      const entry = this.#begin(secretId(ref), ref, added)
      if (entry === undefined) continue
      const delivered = this.#delivered.get(entry.id)
      if (ref.source.kind === 'path') await this.#readFirst(entry)
      else if (delivered !== undefined) {
        entry.config = configOf(delivered)
        await this.#readFirst(entry)
      }
    }
  }

  #begin(id: string, ref: SecretRef | undefined, added: Entry[]): Entry | undefined {
    if (this.#entries.has(id)) return undefined
    const entry: Entry = { id, ref, config: undefined, material: undefined, signature: '', updatedMs: 0 }
    this.#entries.set(id, entry)
    added.push(entry)
    return entry
  }

  async #readFirst(entry: Entry): Promise<void> {
    entry.signature = await signatureOf(pathsOf(entry))
    await this.#load(entry)
  }

  /** Rejects with why it is no good; then it stays as it was. */
  async #load(entry: Entry): Promise<void> {
    const { ref, id } = entry
    const config = ref?.source.kind === 'path' ? await readSecretFile(ref, ref.source.path) : entry.config
    if (config === undefined) return
    const material = 'chain' in config ? await readCertificate(id, config) : await readValidation(id, config)
    entry.material = material
    entry.updatedMs = Date.now()
    if (entry.config === config) return
    // it may name other files now
    entry.config = config
    entry.signature = await signatureOf(pathsOf(entry))
  }

  /** Reads it anew; returns why not. */
  async #read(entry: Entry, config: Entry['config']): Promise<string | undefined> {
    const before = entry.config
    entry.config = config
    entry.signature = await signatureOf(pathsOf(entry))
    try {
      await this.#load(entry)
    } catch (error: unknown) {
      entry.config = before
      this.#rejected.add(1)
      const reason = error instanceof Error ? error.message : String(error)
      const name = entry.ref?.name ?? filesIn(entry)[0] ?? ''
      this.#parts.logger.error('secret refused, the one before stays', { secret: name, reason })
      return reason
    }
    this.#updated.add(1)
    this.#parts.logger.info('secret changed', { secret: entry.ref?.name ?? filesIn(entry)[0] ?? '' })
    this.#tell([entry])
    return undefined
  }

  #tell(entries: readonly Entry[]): void {
    const materials = entries.flatMap(({ material }) => material ?? [])
    this.secrets.take(materials)
    this.onChange(materials, [])
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#isClosed) return
    this.#timer = this.#parts.clock.setTimer(LOOK_MS, () => void this.#look())
  }

  async #look(): Promise<void> {
    for (const entry of [...this.#entries.values()]) {
      const paths = pathsOf(entry)
      if (paths.length === 0 || (await signatureOf(paths)) === entry.signature) continue
      if (this.#entries.get(entry.id) === entry) await this.#read(entry, entry.config)
    }
    this.#timer = undefined
    if (this.#entries.size > 0) this.#schedule()
  }
}

async function readSecretFile({ name }: SecretRef, path: string): Promise<Entry['config']> {
  // a proxy without such files does not carry it
  const { parseSecretFile } = await import('@meltemi/api')
  const found = parseSecretFile(await readTextFile(path), path).find((secret) => secret.name === name)
  if (found === undefined) throw new Error(`${path}: there is no secret ${JSON.stringify(name)} in it`)
  return configOf(found)
}

function configOf(secret: SecretConfig): TlsCertificateConfig | TlsValidationConfig {
  return secret.kind === 'certificate' ? secret.certificate : secret.validation
}

function pathsOf(entry: Entry): readonly string[] {
  const own = entry.ref?.source.kind === 'path' ? [entry.ref.source.path] : []
  return [...own, ...filesIn(entry)]
}

function filesIn({ config }: Entry): readonly string[] {
  return config === undefined ? [] : filesOf(config)
}

function idsOf(tls: CommonTlsConfig): readonly string[] {
  const { certificates, validations } = tlsNeeds(tls)
  return [...certificates, ...validations]
}

/** Each part is good by itself; whether all of them are good together. */
function tryBuild(tls: CommonTlsConfig, materials: readonly TlsMaterial[], fail: (error: unknown) => void): void {
  const parts = new TlsSecrets(undefined, materials).parts(tlsNeeds(tls))
  try {
    if (parts !== undefined) buildContext(tls, parts)
  } catch (error: unknown) {
    fail(error)
  }
}

/** One by one. */
function pemsOf(pem: string, path: string): readonly LoadedCertificate[] {
  return readCertificates(pem).map((certificate) => ({ path: path || INLINE, pem: certificate.toString() }))
}

interface Side {
  readonly owner: string
  readonly tls: CommonTlsConfig
}

function sidesOf({ clusters, listeners }: Users): readonly Side[] {
  return [
    ...listeners.flatMap(({ name, tls }) => (tls === undefined ? [] : [{ owner: `listener '${name}'`, tls }])),
    ...clusters.flatMap(({ name, tls, transportMatches = [] }) =>
      [tls, ...transportMatches.map((match) => match.tls)].flatMap((each) =>
        each === undefined ? [] : [{ owner: `cluster '${name}'`, tls: each }],
      ),
    ),
  ]
}

/** Secrets that come from a control plane, by its source. */
export function wantedSecrets(users: Users): readonly SecretRef[] {
  return sidesOf(users).flatMap(({ tls }) => secretRefs(tls).filter(({ source }) => source.kind !== 'path'))
}
