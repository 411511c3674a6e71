import { type FSWatcher, watch } from 'node:fs'
import { basename, dirname } from 'node:path'

/** Editors write a file in several steps, and several files at once. */
const SETTLE_MS = 60
const MAX_FOLDERS = 64

/**
 * Says when something has changed in the folders of these files. Folders, because editors and ConfigMaps replace files
 * instead of writing into them.
 */
export class ModuleWatcher {
  readonly #onChange: (path: string) => void
  readonly #onError: (folder: string, error: unknown) => void
  readonly #folders = new Map<string, FSWatcher>()
  /** Folders by module. */
  readonly #wanted = new Map<string, ReadonlySet<string>>()
  readonly #timers = new Map<string, NodeJS.Timeout>()

  constructor(onChange: (path: string) => void, onError: (folder: string, error: unknown) => void) {
    this.#onChange = onChange
    this.#onError = onError
  }

  /** `files`: absolute paths of all files of the module at `path`, in place of those said before. */
  watch(path: string, files: readonly string[]): void {
    this.#wanted.set(path, new Set([path, ...files].map((file) => dirname(file))))
    const all = new Set([...this.#wanted.values()].flatMap((folders) => [...folders]))
    for (const [folder, watcher] of this.#folders) {
      if (all.has(folder)) continue
      watcher.close()
      this.#folders.delete(folder)
    }
    for (const folder of all) if (!this.#folders.has(folder)) this.#open(folder)
  }

  close(): void {
    for (const watcher of this.#folders.values()) watcher.close()
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#folders.clear()
    this.#timers.clear()
  }

  #open(folder: string): void {
    if (this.#folders.size >= MAX_FOLDERS) {
      this.#onError(folder, new Error(`more than ${MAX_FOLDERS} folders`))
      return
    }
    try {
      const watcher = watch(folder, { persistent: false }, (_event, file) => this.#touched(folder, file))
      watcher.on('error', (error) => {
        watcher.close()
        this.#folders.delete(folder)
        this.#onError(folder, error)
      })
      this.#folders.set(folder, watcher)
    } catch (error: unknown) {
      this.#onError(folder, error)
    }
  }

  #touched(folder: string, file: string | null): void {
    if (file !== null && basename(file).endsWith('~')) return
    for (const [path, folders] of this.#wanted) {
      if (!folders.has(folder)) continue
      clearTimeout(this.#timers.get(path))
      this.#timers.set(path, setTimeout(() => this.#settled(path), SETTLE_MS).unref())
    }
  }

  #settled(path: string): void {
    this.#timers.delete(path)
    this.#onChange(path)
  }
}
