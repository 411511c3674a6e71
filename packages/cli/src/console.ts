/** Where a command writes: the process's own streams, or a test's. */
export interface Console {
  write(text: string): void
  writeError(text: string): void
  /** Resolves when all of it has left, however slowly it is read. A console without it has no such thing. */
  flush?(): Promise<void>
}

export const processConsole: Console = {
  write: (text) => {
    process.stdout.write(text)
  },
  writeError: (text) => {
    process.stderr.write(text)
  },
  flush: async () => {
    for (const stream of [process.stdout, process.stderr]) {
      await new Promise<void>((resolve) => stream.write('', () => resolve()))
    }
  },
}

/** One fault or warning, always in one line. */
export function printLine(console: Console, kind: 'error' | 'warning', text: string): void {
  console.writeError(`${kind}: ${text.replaceAll(/\s+/g, ' ').trim()}\n`)
}
