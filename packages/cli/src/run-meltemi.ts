/** The `meltemi` command as a function. Whatever goes wrong ends as one line per fault and exit code 1. */

import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { CommandError } from './command-error.ts'
import { createProxyCommand } from './commands/proxy.ts'
import { type Console, printLine } from './console.ts'

/** Runs one command to its end and returns the exit code; `args` without the program's name. Never throws. */
export async function runMeltemi(args: readonly string[], console: Console): Promise<number> {
  const result = { exitCode: 0 }
  const program = new Command('meltemi')
    .description(
      'Any layer-7 protocol in a service mesh: load balancing, routing and telemetry from a codec of three methods.',
    )
    .version(readVersion())
    .exitOverride()
    .configureOutput({
      writeOut: (text) => console.write(text),
      writeErr: (text) => console.writeError(text),
      outputError: (text) => printLine(console, 'error', text.replace(/^error: /, '')),
    })
  program.addCommand(inheriting(program, createProxyCommand(console, result)))
  if (args[0] !== 'proxy') {
    // a process that serves does not carry what judges, fuzzes and packs
    const { createCodecCommand } = await import('./commands/codec.ts')
    program.addCommand(inheriting(program, createCodecCommand(console, result)))
  }
  try {
    await program.parseAsync(args, { from: 'user' })
    return result.exitCode
  } catch (error: unknown) {
    if (error instanceof CommanderError) return error.exitCode // already printed
    for (const line of linesOf(error)) printLine(console, 'error', line)
    return 1
  }
}

/** Commands of commands print and exit as the program does. */
function inheriting(parent: Command, command: Command): Command {
  command.copyInheritedSettings(parent)
  for (const child of command.commands) inheriting(command, child)
  return command
}

function linesOf(error: unknown): readonly string[] {
  if (error instanceof CommandError) return error.lines
  return [error instanceof Error ? error.message : String(error)]
}

function readVersion(): string {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(manifest) as { version: string }).version
}
