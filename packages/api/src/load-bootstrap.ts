import { readFileSync, statSync } from 'node:fs'
import type { ValidateOptions } from './convert/convert-context.ts'
import { type BootstrapResult, parseBootstrap } from './parse-bootstrap.ts'

const MAX_FILE_BYTES = 64 * 1024 * 1024

/** `parseBootstrap` of a file; one that cannot be read is a problem like any other. */
export function loadBootstrap(file: string, options: ValidateOptions = {}): BootstrapResult {
  const text = readText(file)
  if (typeof text === 'string') return parseBootstrap(text, file, options)
  const problem = { severity: 'error', file, line: 0, column: 0, path: '', message: text.fault } as const
  return { config: undefined, problems: [problem], modules: [], bootstrap: {} }
}

function readText(file: string): string | { readonly fault: string } {
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
