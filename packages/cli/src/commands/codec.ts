/** `meltemi codec …`: what an author does with a codec before it meets traffic. One file a command, one line here. */

import { Command } from 'commander'
import type { Console } from '../console.ts'
import { createCodecBenchCommand } from './codec/bench.ts'
import { createCodecFuzzCommand } from './codec/fuzz.ts'
import { createCodecInspectCommand } from './codec/inspect.ts'
import { createCodecPackCommand } from './codec/pack.ts'
import { createCodecListCommand, createCodecReloadCommand, createCodecRollbackCommand } from './codec/running.ts'
import { createCodecTestCommand } from './codec/test.ts'

export function createCodecCommand(console: Console, result: { exitCode: number }): Command {
  const command = new Command('codec').description('Tests, fuzzes, measures, inspects, packs and reloads a codec.')
  command.addCommand(createCodecTestCommand(console, result))
  command.addCommand(createCodecFuzzCommand(console, result))
  command.addCommand(createCodecBenchCommand(console))
  command.addCommand(createCodecInspectCommand(console, result))
  command.addCommand(createCodecPackCommand(console, result))
  command.addCommand(createCodecListCommand(console))
  command.addCommand(createCodecReloadCommand(console))
  command.addCommand(createCodecRollbackCommand(console))
  return command
}
