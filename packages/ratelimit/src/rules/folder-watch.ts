import { type FSWatcher, statSync, watch } from 'node:fs'
import { dirname } from 'node:path'
import type { Clock, Timer } from '@meltemi/runtime'

/** Events of one change come close together, and files of one change one after another. */
const QUIET_MS = 100
/** Not every system tells everything, and no watch follows a link that is set anew. */
const POLL_MS = 2_000

/** Calls when a file or something in a folder may have changed: soon after an event, and now and then without one. */
export class FolderWatch {
  readonly #path: string
  readonly #clock: Clock
  readonly #onChange: () => void
  #watcher: FSWatcher | undefined
  #inode: number | undefined
  #quiet: Timer | undefined
  #poll: Timer | undefined

  constructor(path: string, clock: Clock, onChange: () => void) {
    this.#path = path
    this.#clock = clock
    this.#onChange = onChange
    this.#pollLater()
  }

  close(): void {
    this.#stop()
    this.#quiet?.cancel()
    this.#poll?.cancel()
  }

  #pollLater(): void {
    this.#renew()
    this.#poll = this.#clock.setTimer(POLL_MS, () => {
      this.#pollLater()
      this.#onChange()
    })
  }

  /** Watches what stands under the path now; an editor replaces a file, so of one its folder is watched. */
  #renew(): void {
    const stats = statSync(this.#path, { throwIfNoEntry: false })
    if (stats?.ino === this.#inode && this.#watcher !== undefined) return
    this.#stop()
    if (stats === undefined) return
    try {
      const folder = stats.isDirectory() ? this.#path : dirname(this.#path)
      this.#watcher = watch(folder, { persistent: false }, () => this.#changeSoon())
      this.#watcher.on('error', () => this.#stop())
      this.#inode = stats.ino
    } catch {
      // Without a watch the poll finds what has changed.
      this.#stop()
    }
  }

  #changeSoon(): void {
    this.#quiet?.cancel()
    this.#quiet = this.#clock.setTimer(QUIET_MS, this.#onChange)
  }

  #stop(): void {
    this.#watcher?.close()
    this.#watcher = undefined
    this.#inode = undefined
  }
}
