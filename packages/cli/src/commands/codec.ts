/** `meltemi codec …`: what an author does with a codec before it meets traffic. One file a command, one line here. */

import { Command } from 'commander'
import type { Console } from '../console.ts'

export function createCodecCommand(console: Console, result: { exitCode: number }): Command {
  const command = new Command('codec').description('Tests, fuzzes, measures, inspects and packs a codec.')
  command.addCommand(createCodecPackCommand(console, result))
  return command
}
