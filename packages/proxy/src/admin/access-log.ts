import { appendFile } from 'node:fs/promises'
import type { AdminCall, Counter, Logger } from '@meltemi/runtime'

/** Of lines that wait for the disk; those beyond are not written. */
const MAX_WAITING = 1_000

/**
 * Tells of every call of the admin pages, in files, a line each in the format that Envoy has for HTTP. A file is opened for
 * each batch of lines, so that one that was moved away begins anew.
 */
export class AdminAccessLog {
  readonly #files: readonly string[]
  readonly #logger: Logger
  readonly #dropped: Counter
  #waiting: string[] = []
  #writing: Promise<void> | undefined

  /** `dropped`: lines that are lost. */
  constructor(files: readonly string[], logger: Logger, dropped: Counter) {
    this.#files = files
    this.#logger = logger
    this.#dropped = dropped
  }

  /** Rejects when a file cannot be written. */
  async open(): Promise<void> {
    for (const file of this.#files) await appendFile(file, '')
  }

  readonly add = (call: AdminCall): void => {
    if (this.#waiting.length >= MAX_WAITING) {
      this.#dropped.add(this.#files.length)
      this.#logger
        .limited('admin access log', 1)
        ?.warn('lines of the admin access log are lost', { files: this.#files })
      return
    }
    this.#waiting.push(formatCall(call))
    this.#writing ??= this.#write()
  }

  /** Resolves when all is written. */
  async close(): Promise<void> {
    await this.#writing
  }

  async #write(): Promise<void> {
    // what comes in this turn goes together
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#waiting.length > 0) {
      const lines = this.#waiting.splice(0)
      const text = lines.join('')
      for (const file of this.#files) {
        await appendFile(file, text).catch((error: unknown) => {
          this.#dropped.add(lines.length)
          this.#logger.limited('admin access log', 1)?.warn('the admin access log cannot be written', { file, error })
        })
      }
    }
    this.#writing = undefined
  }
}

/** Envoy's default format for HTTP; what an admin page does not have is a dash. */
export function formatCall(call: AdminCall): string {
  const request = `${call.method} ${call.path} HTTP/${call.httpVersion}`
  const counts = [call.status, '-', call.bytesReceived, call.bytesSent, Math.round(call.durationMs), '-'].join(' ')
  const { forwardedFor = '-', userAgent = '-', requestId = '-', host = '-' } = call
  const names = [forwardedFor, userAgent, requestId, host, '-'].map((text) => `"${text}"`).join(' ')
  return `[${new Date(call.startedAtMs).toISOString()}] "${request}" ${counts} ${names}\n`
}
