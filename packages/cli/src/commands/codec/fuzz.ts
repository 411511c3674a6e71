/** `meltemi codec fuzz`: looks for bytes that a codec does not stand. */

import { dirname, join, relative, resolve } from 'node:path'
import type { Side } from '@meltemi/sdk'
import { type Finding, type FuzzProgress, type FuzzReport, saveFinding, saveReplayTest } from '@meltemi/sdk/testing'
import { Command, Option } from 'commander'
import type { Console } from '../../console.ts'
import { runFuzz } from '../../fuzz/run-fuzz.ts'
import { builtInModule } from '../../modules.ts'
import { parseDuration, parseWhole } from '../option-values.ts'
import { findSamples } from './find-samples.ts'
import { findCodecFile } from './load-codec.ts'

interface FuzzFlags {
  readonly for: number
  readonly samples?: string
  readonly codec?: string
  readonly seed: number
  readonly side?: 'request' | 'reply'
  /** False: --no-save. */
  readonly save?: string | boolean
  readonly maxFindings: number
}

const MAX_FOR_MS = 24 * 60 * 60 * 1000
const MAX_FINDINGS = 1000
const MAX_SEED = 2 ** 31 - 1
const DEFAULT_SECONDS = 60
const SIDES: Readonly<Record<NonNullable<FuzzFlags['side']>, Side>> = { request: 'downstream', reply: 'upstream' }

const HELP = `
Inputs are made of the samples: fields are where the codec itself reads them, so that numbers, lengths, texts and whole
messages are changed, with the lengths around them right or wrong. An input that runs new code is changed further.
Each must end in messages, in waiting or in a ProtocolError, in any pieces; what decodes must encode, take other ids,
be refused by onError, and leave other connections alone; nothing may loop, read on and on, or take much memory.

What fails is made as small as it can be and saved, with a test that replays it (fuzz.test.ts, by node --test); the next
run begins with it. The same seed makes the same inputs. The codec runs in a process of its own.

Samples: NAME.request.hex for what a client sends and NAME.reply.hex for what a service sends, in hexadecimal with
# comments, or .bin; or a module that exports 'samples'. docs/write-a-codec.md says more.

Examples:
  A minute, with the samples in the folder samples beside the codec:
    $ meltemi codec fuzz ./my-codec.ts
  Ten minutes for replies alone, with another seed:
    $ meltemi codec fuzz ./my-codec.ts --for 10m --side reply --seed 2
  A built-in codec, nothing saved:
    $ meltemi codec fuzz thrift --samples ./samples --no-save

Exit code: 0 when nothing was found, 1 when something was, or when it cannot run, with one line on stderr per fault.
`

/** The command with its options; what they mean is said in `--help`. */
export function createCodecFuzzCommand(console: Console, result: { exitCode: number }): Command {
  return new Command('fuzz')
    .description('Looks for bytes that a codec does not stand, and keeps them as tests.')
    .argument('<file>', 'codec module, TypeScript or JavaScript, or the name of a built-in codec')
    .addOption(
      new Option('--for <duration>', 'how long: 500ms, 10s, 5m, 1h')
        .argParser(parseDuration(1, MAX_FOR_MS))
        .default(DEFAULT_SECONDS * 1000, `${DEFAULT_SECONDS}s`),
    )
    .addOption(new Option('--samples <path>', 'right messages to begin with (default: samples beside the file)'))
    .addOption(new Option('--codec <name>', 'which codec, where the module exports several'))
    .addOption(new Option('--seed <n>', 'of all random choices').argParser(parseWhole(1, MAX_SEED)).default(1))
    .addOption(
      new Option('--side <side>', 'only what comes from this side (default: both)').choices(['request', 'reply']),
    )
    .addOption(new Option('--save <dir>', 'where findings are, and are saved (default: fuzz beside the file)'))
    .addOption(new Option('--no-save', 'save no findings'))
    .addOption(new Option('--max-findings <n>', 'end with so many').argParser(parseWhole(1, MAX_FINDINGS)).default(10))
    .addHelpText('after', HELP)
    .action(async (file: string, flags: FuzzFlags) => {
      result.exitCode = await runCommand(file, flags, console)
    })
}

async function runCommand(file: string, flags: FuzzFlags, console: Console): Promise<number> {
  const codecFile = findCodecFile(file)
  const samples = flags.samples ?? findSamples(codecFile)
  const folder = typeof flags.save === 'string' ? flags.save : join(dirname(codecFile), 'fuzz')
  const saves = flags.save !== false && (typeof flags.save === 'string' || codecFile !== builtInModule)
  const progress = progressLine()
  const report = await runFuzz(
    {
      file,
      codec: flags.codec,
      samples,
      findings: folder,
      options: {
        forMs: flags.for,
        seed: flags.seed,
        side: flags.side === undefined ? undefined : SIDES[flags.side],
        maxFindings: flags.maxFindings,
      },
    },
    {
      onProgress: progress.show,
      onFinding(finding) {
        progress.clear()
        console.write(findingText(finding))
        if (saves) console.write(`  saved: ${save(folder, codecFile, finding)}\n`)
      },
    },
  )
  progress.clear()
  console.write(summary(report))
  return report.findings.length > 0 ? 1 : 0
}

function save(folder: string, codecFile: string, finding: Finding): string {
  const file = saveFinding(folder, finding)
  if (codecFile !== builtInModule) saveReplayTest(folder, { codec: finding.codec, file: resolve(codecFile) })
  return relative('.', file)
}

function findingText({ rule, what, detail, input }: Finding): string {
  const { bytes, config, side } = input
  const options = config === undefined ? '' : `, options ${JSON.stringify(config)}`
  const more = detail === '' ? '' : `  ${detail.trim().replaceAll('\n', '\n  ')}\n`
  return `finding: ${rule}: ${what}\n${more}  side ${side}${options}, ${bytes.length} bytes: ${shown(bytes)}\n`
}

function shown(bytes: Buffer): string {
  const MOST = 128
  return bytes.length > MOST ? `${bytes.toString('hex', 0, MOST)}…` : bytes.toString('hex')
}

function summary({ codec, inputs, elapsedMs, corpus, lines, findings, seed }: FuzzReport): string {
  const seconds = elapsedMs / 1000
  const rate = Math.round(inputs / Math.max(seconds, 0.001))
  const found = findings.length === 0 ? 'nothing found' : `${findings.length} found`
  return (
    `${codec}: ${found}, seed ${seed}\n` +
    `  ${inputs} inputs in ${seconds.toFixed(1)} s, ${rate}/s; ${corpus} of them showed something new; ` +
    `${lines} lines of code ran\n`
  )
}

/** One line that is written over, where somebody looks at it. */
function progressLine(): { show(progress: FuzzProgress): void; clear(): void } {
  const { stderr } = process
  const CLEAR = '\r\x1b[K'
  const write = (text: string): void => {
    if (stderr.isTTY) stderr.write(text)
  }
  return {
    show({ inputs, elapsedMs, corpus, lines, findings }) {
      const seconds = elapsedMs / 1000
      const rate = Math.round(inputs / Math.max(seconds, 0.001))
      write(
        `${CLEAR}${seconds.toFixed(0)} s: ${inputs} inputs, ${rate}/s, corpus ${corpus}, ${lines} lines, ${findings} found`,
      )
    },
    clear: () => write(CLEAR),
  }
}
