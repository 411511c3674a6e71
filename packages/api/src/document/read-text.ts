import { readFileSync, statSync } from 'node:fs'

const MAX_FILE_BYTES = 64 * 1024 * 1024

/** The text of a file, or in a few words why it cannot be had. */
export function readText(file: string): string | { readonly fault: string } {
  try {
    const stats = statSync(file)
    if (stats.isDirectory()) return { fault: 'is a directory' }
    if (stats.size > MAX_FILE_BYTES) return { fault: `has ${stats.size} bytes, more than ${MAX_FILE_BYTES}` }
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file))
  } catch (error) {
    if (error instanceof TypeError) return { fault: 'is not UTF-8 text' }
    const { code, message } = error as NodeJS.ErrnoException
    return { fault: code === 'ENOENT' ? 'no such file' : `cannot be read: ${code ?? message}` }
  }
}
