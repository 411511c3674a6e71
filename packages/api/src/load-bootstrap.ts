import type { ValidateOptions } from './convert/convert-context.ts'
import { readText } from './document/read-text.ts'
import { type BootstrapResult, parseBootstrap } from './parse-bootstrap.ts'

/** `parseBootstrap` of a file; one that cannot be read is a problem like any other. */
export function loadBootstrap(file: string, options: ValidateOptions = {}): BootstrapResult {
  const text = readText(file)
  if (typeof text === 'string') return parseBootstrap(text, file, options)
  const problem = { severity: 'error', file, line: 0, column: 0, path: '', message: text.fault } as const
  return { config: undefined, problems: [problem], modules: [], bootstrap: {} }
}
