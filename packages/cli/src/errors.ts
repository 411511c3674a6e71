/** A command that cannot do what it was asked: what the user reads, one line per fault. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly lines: readonly string[]

  constructor(lines: readonly string[], cause?: unknown) {
    super(lines.join('; '), { cause })
    this.lines = lines
  }
}

/** Writes one fault as one line to stderr. */
export function printError(text: string): void {
  process.stderr.write(`error: ${text.replaceAll(/\s+/g, ' ').trim()}\n`)
}

export function printWarning(text: string): void {
  process.stderr.write(`warning: ${text.replaceAll(/\s+/g, ' ').trim()}\n`)
}
