import { chmod, open, realpath, rename, stat, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

const NEW_FILE_MODE = 0o644
let written = 0

/**
 * Puts a file under a path whole or not at all, also when the disk is full or the machine goes down: it is written beside
 * the old one, then takes its name. `check` runs at the last moment; when it rejects, everything stays as it was.
 */
export async function writeAtomically(
  path: string,
  content: string | Uint8Array,
  check: () => Promise<void>,
): Promise<void> {
  const target = await realpath(path).catch(() => path) // behind a link the file itself is replaced
  const mode = await stat(target).then(
    (stats) => stats.mode & 0o777,
    () => NEW_FILE_MODE,
  )
  const temporary = join(dirname(target), `.${basename(target)}.${process.pid}.${++written}.tmp`)
  try {
    await writeThrough(temporary, content, mode)
    await check()
    await rename(temporary, target)
  } catch (error: unknown) {
    await unlink(temporary).catch(() => {}) // it may never have come to be
    throw error
  }
  await syncDirectory(dirname(target))
}

/** Takes a file away, so that it stays away. */
export async function removeDurably(path: string): Promise<void> {
  await unlink(path)
  await syncDirectory(dirname(path))
}

async function writeThrough(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  const handle = await open(path, 'wx', mode)
  try {
    await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await chmod(path, mode) // what the umask took away
}

/** So that the name outlives a power cut. Where a folder cannot be synced nothing better can be done. */
async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r').catch(() => undefined)
  await handle?.sync().catch(() => {})
  await handle?.close().catch(() => {})
}
