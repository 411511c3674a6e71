import { closeSync, openSync } from 'node:fs'
import { LOG_FILE_FLAGS, LOG_FILE_MODE } from './log-file-flags.ts'

/** Throws an Error with the reason when a log cannot be written there. Makes the file, as whoever writes it would. */
export function checkLogFile(path: string, listener: string): void {
  try {
    closeSync(openSync(path, LOG_FILE_FLAGS, LOG_FILE_MODE))
  } catch (cause: unknown) {
    const { code = String(cause) } = cause as NodeJS.ErrnoException
    throw new Error(`listener '${listener}' cannot write its access log ${path}: ${code}`, { cause })
  }
}
