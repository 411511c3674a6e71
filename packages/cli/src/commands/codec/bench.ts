/** `meltemi codec bench`: what a codec costs per message. */

import { type BenchReport, type BenchResult, bench, loadSamples, type Sample } from '@meltemi/sdk/testing'
import { Command, Option } from 'commander'
import { CommandError } from '../../command-error.ts'
import type { Console } from '../../console.ts'
import { parseDuration } from '../option-values.ts'
import { findSamples } from './find-samples.ts'
import { loadCodec } from './load-codec.ts'

interface BenchFlags {
  readonly for: number
  readonly samples?: string
  readonly codec?: string
  readonly format: 'text' | 'json'
}

const MAX_FOR_MS = 60 * 60 * 1000

const HELP = `
Per message, for each sample and over all:

  decode          with its Metadata, from bytes that came in one piece
  encode          unchanged
  mutate          encode with a property added, where the codec can
  patchIds        other ids written into a copy of the header
  ids by encode   the same where there is no patchIds, or it returned false
  onError         the error reply to a request

ns is the median of eleven rounds after a warm-up, with the fastest and the slowest round. B is the memory allocated, on
the heap and in buffers. Measure on a machine that does nothing else.

Examples:
  With the samples in the folder samples beside the codec:
    $ meltemi codec bench ./my-codec.ts
  A built-in one, longer, for a program:
    $ meltemi codec bench awesomerpc --samples ./samples --for 5s --format json

Exit code: 0 when all was measured, 1 for anything wrong, with one line on stderr per fault.
`

/** The command with its options; what they mean is said in `--help`. */
export function createCodecBenchCommand(console: Console): Command {
  return new Command('bench')
    .description('Measures the time and the memory that a codec takes per message.')
    .argument('<file>', 'codec module, TypeScript or JavaScript, or the name of a built-in codec')
    .addOption(
      new Option('--for <duration>', 'for each sample: 500ms, 10s, 5m')
        .argParser(parseDuration(1, MAX_FOR_MS))
        .default(1000, '1s'),
    )
    .addOption(new Option('--samples <path>', 'messages to measure with (default: samples beside the file)'))
    .addOption(new Option('--codec <name>', 'which codec, where the module exports several'))
    .addOption(new Option('--format <format>', 'text, or one JSON object').choices(['text', 'json']).default('text'))
    .addHelpText('after', HELP)
    .action((file: string, flags: BenchFlags) => runBench(file, flags, console))
}

async function runBench(file: string, flags: BenchFlags, console: Console): Promise<void> {
  const loaded = await loadCodec(file, flags.codec)
  const samples = await readSamples(flags.samples ?? findSamples(loaded.file))
  const isText = flags.format === 'text'
  let head = `${loaded.definition.name}, Node ${process.version}\n${row(HEAD)}\n`
  const report = bench(loaded.definition, samples, {
    forMs: flags.for,
    onSample({ name, side, messageBytes, results }) {
      if (isText) console.write(head + rows(`${name}, ${side}, ${Math.round(messageBytes)} bytes`, results))
      head = ''
    },
  })
  console.write(isText ? rows('all samples', report.total) : jsonText(report))
}

async function readSamples(path: string): Promise<readonly Sample[]> {
  try {
    return await loadSamples(path)
  } catch (error: unknown) {
    throw new CommandError([error instanceof Error ? error.message : String(error)])
  }
}

const HEAD = ['operation', 'ns', '(min–max)', 'B'] as const
const WIDTHS = [16, 9, 17, 9] as const

function rows(title: string, results: readonly BenchResult[]): string {
  const lines = results.map(({ operation, ns, bytes }) =>
    row([operation, round(ns.median), `(${round(ns.min)}–${round(ns.max)})`, round(bytes)]),
  )
  return `${title}\n${lines.join('\n')}\n`
}

/** The first column to the left, numbers to the right. */
function row([name, ...cells]: readonly string[]): string {
  const [first, ...others] = WIDTHS
  const numbers = cells.map((cell, n) => cell.padStart(others[n] ?? 0)).join(' ')
  return `  ${(name ?? '').padEnd(first)}${numbers}`
}

function round(value: number): string {
  return value.toFixed(value < 10 ? 1 : 0)
}

function jsonText(report: BenchReport): string {
  return `${JSON.stringify({ node: process.version, ...report }, undefined, 2)}\n`
}
