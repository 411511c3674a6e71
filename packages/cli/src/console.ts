import { CommandError } from './command-error.ts'

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

/** One thing to be said, always in one line; `solved`: an error or warning that is no more. */
export function printLine(console: Console, kind: 'error' | 'warning' | 'note' | 'solved', text: string): void {
  console.writeError(`${kind}: ${text.replaceAll(/\s+/g, ' ').trim()}\n`)
}

/** Prints why a command failed, and returns the exit code for it. */
export function reportError(error: unknown, console: Console): number {
  const failure = error instanceof CommandError ? error : new CommandError([messageOf(error)])
  for (const line of failure.lines) {
    if (failure.isVerbatim) console.writeError(`${line}\n`)
    else printLine(console, 'error', line)
  }
  return failure.exitCode
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
