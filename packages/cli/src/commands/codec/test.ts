/** `meltemi codec test`: judges a codec by the numbered rules of the contract. */

import { writeFileSync } from 'node:fs'
import { countOutcomes, formatReport, type Report, RULES } from '@meltemi/sdk/testing'
import { Command, InvalidArgumentError, Option } from 'commander'
import { CommandError } from '../../command-error.ts'
import type { Console } from '../../console.ts'
import { jsonReport } from '../../judge/json-report.ts'
import { junitReport } from '../../judge/junit-report.ts'
import { runJudge } from '../../judge/run-judge.ts'
import { parseWhole } from '../option-values.ts'
import { findSamples } from './find-samples.ts'
import { findCodecFile } from './load-codec.ts'

interface TestFlags {
  readonly samples?: string
  readonly codec?: string
  readonly format: keyof typeof FORMATS
  readonly output?: string
  readonly rule?: readonly string[]
  readonly ruleLimitS: number
}

const FORMATS = { text: (report: Report) => formatReport(report), json: jsonReport, junit: junitReport } as const
const MAX_RULE_LIMIT_S = 3600

const HELP = `
Each rule passes, fails, or does not apply, which is said with the reason: no sample is a heartbeat, for example. A rule
that rests on one that fails is not run. For a failure the shortest bytes that show it are printed, in hexadecimal, with
a bar between pieces that come one after the other, and the line of the codec. docs/codec-rules.md describes all rules.

Samples: NAME.request.hex for what a client sends and NAME.reply.hex for what a service sends, in hexadecimal with
# comments, or .bin; or a module that exports 'samples'. What they do not show is not judged: give some of both sides
and of every type of message. The codec runs in a thread of its own.

Examples:
  With the samples in the folder samples beside the codec:
    $ meltemi codec test ./my-codec.ts
  Two rules, and those that they rest on:
    $ meltemi codec test ./my-codec.ts --rule D7 --rule E3
  For a CI system that reads JUnit files:
    $ meltemi codec test ./my-codec.ts --format junit --output codec.xml

Exit code: 0 when no rule fails, 1 when one does or cannot be run, or when there is nothing to judge, with one line on
stderr per fault.
`

/** The command with its options; what they mean is said in `--help`. */
export function createCodecTestCommand(console: Console, result: { exitCode: number }): Command {
  return new Command('test')
    .description('Judges a codec by the rules of the contract, with samples of its protocol.')
    .argument('<file>', 'codec module, TypeScript or JavaScript, or the name of a built-in codec')
    .addOption(new Option('--samples <path>', 'right messages (default: samples beside the file)'))
    .addOption(new Option('--codec <name>', 'which codec, where the module exports several'))
    .addOption(
      new Option('--format <format>', 'how the report is written').choices(Object.keys(FORMATS)).default('text'),
    )
    .addOption(new Option('--output <file>', 'where the report is written (default: standard output)'))
    .addOption(new Option('--rule <id>', 'only this rule; repeatable (default: all)').argParser(collectRule))
    .addOption(
      new Option('--rule-limit-s <n>', 'seconds after which a rule has failed')
        .argParser(parseWhole(1, MAX_RULE_LIMIT_S))
        .default(20),
    )
    .addHelpText('after', HELP)
    .action(async (file: string, flags: TestFlags) => {
      result.exitCode = await runCommand(file, flags, console)
    })
}

function collectRule(id: string, previous: readonly string[] = []): readonly string[] {
  if (RULES.some((rule) => rule.id === id)) return [...previous, id]
  const [first, last] = [RULES[0], RULES.at(-1)]
  throw new InvalidArgumentError(`It should be the id of a rule, from ${first?.id} to ${last?.id}.`)
}

async function runCommand(file: string, flags: TestFlags, console: Console): Promise<number> {
  const report = await runJudge({
    file,
    codec: flags.codec,
    samples: flags.samples ?? findSamples(findCodecFile(file)),
    rules: flags.rule,
    ruleLimitMs: flags.ruleLimitS * 1000,
  })
  write(FORMATS[flags.format](report), flags.output, console)
  const isRight = countOutcomes(report, 'fail') === 0
  if (flags.output !== undefined) console.write(`${report.codec}: ${isRight ? 'no rule fails' : failedIds(report)}\n`)
  return isRight ? 0 : 1
}

function write(text: string, file: string | undefined, console: Console): void {
  if (file === undefined) {
    console.write(text)
    return
  }
  try {
    writeFileSync(file, text)
  } catch (error: unknown) {
    throw new CommandError([`${file} cannot be written: ${error instanceof Error ? error.message : error}`])
  }
}

function failedIds({ outcomes }: Report): string {
  const failed = outcomes.filter(({ kind }) => kind === 'fail').map(({ id }) => id)
  return `${failed.join(', ')} ${failed.length === 1 ? 'fails' : 'fail'}`
}
