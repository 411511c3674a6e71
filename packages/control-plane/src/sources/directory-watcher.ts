import { type FSWatcher, watch } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { Logger } from '@meltemi/runtime'

/** Tells which files of a folder may have changed; undefined: any of them. Only a hint: not every system tells everything. */
export type OnFileEvent = (name: string | undefined) => void

/** A watch on a folder that outlives the folder: when there is another one under its name, that one is watched. */
export class DirectoryWatcher {
  readonly #directory: string
  readonly #logger: Logger
  readonly #onEvent: OnFileEvent
  #watcher: FSWatcher | undefined
  #inode: number | undefined
  #isClosed = false

  constructor(directory: string, logger: Logger, onEvent: OnFileEvent) {
    this.#directory = directory
    this.#logger = logger
    this.#onEvent = onEvent
  }

  /** Begins, or begins anew where another folder has come; without a folder, waits for the next call. Never rejects. */
  async renew(): Promise<void> {
    const inode = await stat(this.#directory).then(
      ({ ino }) => ino,
      () => undefined,
    )
    if (this.#isClosed || (inode === this.#inode && this.#watcher !== undefined)) return
    this.#stop()
    if (inode !== undefined) this.#start(inode)
  }

  /** The folder may be gone: the next call of `renew` begins anew even where it seems to be the same. */
  forget(): void {
    this.#stop()
  }

  close(): void {
    this.#isClosed = true
    this.#stop()
  }

  #start(inode: number): void {
    try {
      const watcher = watch(this.#directory, { persistent: false }, (_, name) => this.#onEvent(name ?? undefined))
      watcher.on('error', (error) => this.#fail(error))
      this.#watcher = watcher
      this.#inode = inode
    } catch (error: unknown) {
      this.#fail(error)
    }
  }

  /** What is looked at now and then is found without it. */
  #fail(error: unknown): void {
    this.#stop()
    this.#logger.limited('watch', 1)?.warn('a folder cannot be watched, so changes in it are found late', { error })
  }

  #stop(): void {
    this.#watcher?.close()
    this.#watcher = undefined
    this.#inode = undefined
  }
}
