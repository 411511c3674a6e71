/** The `meltemi` command as a function. Whatever goes wrong ends as one line per fault and exit code 1. */

import { Command, CommanderError } from 'commander'
import { COMMAND_GROUPS, type CommandEntry } from './command-list.ts'
import { type Console, printLine, reportError } from './console.ts'
import { readVersion } from './version.ts'

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
  const called = COMMAND_GROUPS.flatMap(({ commands }) => commands).find(({ name }) => name === args[0])
  await addCommands(program, called, console, result)
  try {
    await program.parseAsync(args, { from: 'user' })
    return result.exitCode
  } catch (error: unknown) {
    // what commander throws is printed already
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : (called?.usageExitCode ?? error.exitCode)
    return reportError(error, console)
  }
}

/** The one that is called, or all of them for the help and for names that must be guessed. */
async function addCommands(
  program: Command,
  called: CommandEntry | undefined,
  console: Console,
  result: { exitCode: number },
): Promise<void> {
  for (const { heading, commands } of COMMAND_GROUPS) {
    for (const entry of called === undefined ? commands : commands.filter((one) => one === called)) {
      const create = await entry.load()
      program.addCommand(inheriting(program, create(console, result).helpGroup(heading)))
    }
  }
}

/** Commands of commands print and exit as the program does. */
function inheriting(parent: Command, command: Command): Command {
  command.copyInheritedSettings(parent)
  for (const child of command.commands) inheriting(command, child)
  return command
}
