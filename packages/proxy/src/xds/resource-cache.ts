import { createHash } from 'node:crypto'
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { RESOURCE_TYPES, type ResourceType } from '@meltemi/api/xds'
import type { Clock, Logger, Timer } from '@meltemi/runtime'
import type { HeldResources } from './held-resources.ts'
import type { SentResource } from './sent-response.ts'

/** What one source had sent of one type. */
export interface CachedType {
  readonly source: string
  readonly type: ResourceType
  readonly version: string
  readonly resources: readonly SentResource[]
}

export interface ResourceCacheParts {
  /** Made when there is something to keep. */
  readonly folder: string
  readonly clock: Clock
  readonly logger: Logger
}

/** Changes that come fast are written once. */
const SETTLE_MS = 2_000
const MAX_FILE_BYTES = 256 * 1024 * 1024
const FILE = 'resources'
const HEADER = /^meltemi-xds-cache (\d+) ([0-9a-f]{64})$/
const FORMAT = 1

/**
 * The last good configuration on the disk: one file, replaced whole. Its first line has the format and the SHA-256 of the
 * rest; what does not fit is ignored with a line in the log, as is a disk that takes nothing.
 */
export class ResourceCache {
  readonly #parts: ResourceCacheParts
  #latest: HeldResources | undefined
  #timer: Timer | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(parts: ResourceCacheParts) {
    this.#parts = parts
  }

  /** Never rejects; empty when there is nothing that can be used. */
  async load(): Promise<readonly CachedType[]> {
    const file = join(this.#parts.folder, FILE)
    try {
      const { size } = await stat(file)
      if (size > MAX_FILE_BYTES) throw new Error(`it has ${size} bytes, more than ${MAX_FILE_BYTES}`)
      return parseFile(await readFile(file, 'utf8'))
    } catch (error: unknown) {
      const isAbsent = error instanceof Error && 'code' in error && error.code === 'ENOENT'
      const why = error instanceof Error ? error.message : String(error)
      if (!isAbsent) this.#parts.logger.warn('configuration on the disk is ignored', { file, why })
      return []
    }
  }

  /** Soon; of several the last. */
  save(held: HeldResources): void {
    if (held === this.#latest) return
    this.#latest = held
    this.#timer ??= this.#parts.clock.setTimer(SETTLE_MS, () => this.#flush())
  }

  /** Resolves when all is written. */
  async close(): Promise<void> {
    if (this.#timer !== undefined) this.#flush()
    await this.#writing
  }

  #flush(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#writing = this.#writing.then(() => this.#write(this.#latest))
  }

  async #write(held: HeldResources | undefined): Promise<void> {
    const { folder, logger } = this.#parts
    const file = join(folder, FILE)
    const temporary = `${file}.${process.pid}`
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      await writeSynced(temporary, formatFile(typesOf(held)))
      await rename(temporary, file)
      await syncFolder(folder)
    } catch (error: unknown) {
      const why = error instanceof Error ? error.message : String(error)
      logger.limited('xds: cache', 1)?.warn('configuration cannot be kept on the disk', { file, why })
      await rm(temporary, { force: true }).catch(() => {}) // the disk has a problem already
    }
  }
}

async function writeSynced(file: string, text: string): Promise<void> {
  const handle = await open(file, 'w', 0o600)
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** So that the new name outlasts a loss of power too. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Private keys do not go to the disk: who starts without a control plane has no secrets of it. */
function isKept(type: ResourceType): boolean {
  return type !== 'secret'
}

function typesOf(held: HeldResources | undefined) {
  return (Object.keys(RESOURCE_TYPES) as ResourceType[]).filter(isKept).flatMap((type) =>
    [...(held?.all(type) ?? [])].map(([source, { version, resources }]) => ({
      source,
      type,
      version,
      resources: [...resources].map(([name, each]) => ({
        name,
        version: each.version,
        body: Buffer.from(each.body).toString('base64'),
      })),
    })),
  )
}

function formatFile(types: ReturnType<typeof typesOf>): string {
  const payload = JSON.stringify({ types })
  return `meltemi-xds-cache ${FORMAT} ${digestOf(payload)}\n${payload}`
}

/** Throws with why it cannot be used. */
function parseFile(text: string): readonly CachedType[] {
  const end = text.indexOf('\n')
  const [, format, digest] = HEADER.exec(text.slice(0, Math.max(end, 0))) ?? []
  if (format === undefined) throw new Error('it is not what this program writes')
  if (Number(format) !== FORMAT) throw new Error(`it has format ${format}, this version reads ${FORMAT}`)
  const payload = text.slice(end + 1)
  if (digestOf(payload) !== digest) throw new Error('it is damaged')
  const { types } = JSON.parse(payload) as { types: ReturnType<typeof typesOf> }
  return types.map(({ resources, ...rest }) => ({
    ...rest,
    resources: resources.map(({ name, version, body }) => {
      return { name, version, typeUrl: RESOURCE_TYPES[rest.type], body: Buffer.from(body, 'base64'), hasTtl: false }
    }),
  }))
}

function digestOf(payload: string): string {
  return createHash('sha256').update(payload).digest('hex')
}
