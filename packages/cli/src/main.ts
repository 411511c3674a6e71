#!/usr/bin/env node
/** The `meltemi` command. Whatever goes wrong ends as one line per fault on stderr and exit code 1. */

import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { createProxyCommand } from './commands/proxy.ts'
import { CommandError, printError } from './errors.ts'

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }

const program = new Command('meltemi')
  .description(
    'Any layer-7 protocol in a service mesh: load balancing, routing and telemetry from a codec of three methods.',
  )
  .version(version)
  .exitOverride()
  .configureOutput({ outputError: (text) => printError(text.replace(/^error: /, '')) })
program.addCommand(createProxyCommand().copyInheritedSettings(program))

try {
  await program.parseAsync()
} catch (error: unknown) {
  process.exitCode = exitCodeOf(error)
}
// A module of the user's may have left timers or sockets behind.
process.exit()

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode // already printed
  for (const line of error instanceof CommandError ? error.lines : [describe(error)]) printError(line)
  return 1
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
