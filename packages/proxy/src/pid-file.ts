import { readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs'

/** Says who serves, so that others know whom to send signals to, also after a hot restart. */
export class PidFile {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  /** Whole at any moment. Throws when it cannot be written. */
  write(): void {
    const next = `${this.#path}.${process.pid}`
    writeFileSync(next, `${process.pid}\n`)
    renameSync(next, this.#path)
  }

  /** Another process may have taken over. */
  remove(): void {
    try {
      if (readFileSync(this.#path, 'utf8') === `${process.pid}\n`) unlinkSync(this.#path)
    } catch {
      // it is gone already
    }
  }
}
