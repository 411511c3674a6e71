/** A command that cannot do what it was asked: what the user reads, one line per fault. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly lines: readonly string[]

  constructor(lines: readonly string[]) {
    super(lines.join('; '))
    this.lines = lines
  }
}
