export interface CommandErrorOptions {
  /** Default 1. */
  readonly exitCode?: number
  /** The lines are printed as they are, without `error: ` before each. */
  readonly isVerbatim?: boolean
}

/** A command that cannot do what it was asked: what the user reads, one line per fault. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly lines: readonly string[]
  readonly exitCode: number
  readonly isVerbatim: boolean

  constructor(lines: readonly string[], options: CommandErrorOptions = {}) {
    super(lines.join('; '))
    this.lines = lines
    this.exitCode = options.exitCode ?? 1
    this.isVerbatim = options.isVerbatim ?? false
  }
}
