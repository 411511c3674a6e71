import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { writeAtomically } from '../sources/write-atomically.ts'
import type { CodecModule } from '../store/world.ts'

const MAX_FILES = 64

/** Modules on disk by their digest, so that a control plane that starts again needs nobody else. */
export class ModuleCache {
  readonly #directory: string | undefined

  /** undefined: nothing is kept. */
  constructor(directory: string | undefined) {
    this.#directory = directory
  }

  /** undefined when it is not there, or no longer what it should be. */
  async find(digest: string): Promise<CodecModule | undefined> {
    if (this.#directory === undefined) return undefined
    try {
      const source = await readFile(join(this.#directory, digest))
      return digestOf(source) === digest ? { digest, source } : undefined
    } catch {
      return undefined // it was never fetched
    }
  }

  /** Rejects when it cannot be written. */
  async keep({ digest, source }: CodecModule): Promise<void> {
    if (this.#directory === undefined) return
    await mkdir(this.#directory, { recursive: true, mode: 0o700 })
    await writeAtomically(join(this.#directory, digest), source, async () => {})
    await this.#prune(this.#directory)
  }

  async #prune(directory: string): Promise<void> {
    const names = await readdir(directory)
    if (names.length <= MAX_FILES) return
    const files = await Promise.all(
      names.map(async (name) => ({ name, atMs: (await stat(join(directory, name))).mtimeMs })),
    )
    const oldest = files.sort((a, b) => a.atMs - b.atMs).slice(0, files.length - MAX_FILES)
    for (const { name } of oldest) await unlink(join(directory, name))
  }
}

/** SHA-256 in hex. */
export function digestOf(source: Uint8Array): string {
  return createHash('sha256').update(source).digest('hex')
}
