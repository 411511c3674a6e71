/** `meltemi route …`: where requests go. One file a command, one line here. */

import { Command } from 'commander'
import type { Console } from '../console.ts'
import { createRouteExplainCommand } from './route/explain.ts'

export function createRouteCommand(console: Console, result: { exitCode: number }): Command {
  const command = new Command('route').description('Says where a request goes, and why.')
  command.addCommand(createRouteExplainCommand(console, result))
  return command
}
