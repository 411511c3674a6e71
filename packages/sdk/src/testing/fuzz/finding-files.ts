/** Findings on disk: a folder of samples with comments, which later runs begin with and which a test replays. */

import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { extname, join, relative, sep } from 'node:path'
import { loadSamples } from '../load-samples.ts'
import type { Sample } from '../sample.ts'
import { formatSampleText } from '../sample-text.ts'
import type { Finding } from './finding.ts'
import { hashOf } from './fuzz-input.ts'

/** A codec and the module that exports it in its array `codecs`. */
export interface CodecModule {
  /** Name of the codec. */
  readonly codec: string
  readonly file: string
}

/** Writes `<hash>.request.hex` or `<hash>.reply.hex` into the folder, and returns its path. */
export function saveFinding(folder: string, finding: Finding): string {
  const { bytes, config, side } = finding.input
  const kind = side === 'downstream' ? 'request' : 'reply'
  const identity = Buffer.concat([bytes, Buffer.from(`${side} ${JSON.stringify(config) ?? ''}`)])
  const file = join(folder, `${hashOf(identity).toString(16).padStart(8, '0')}.${kind}.hex`)
  const what = `${finding.rule}: ${finding.what}`.replaceAll(/\s+/g, ' ')
  mkdirSync(folder, { recursive: true })
  writeFileSync(
    file,
    formatSampleText({ bytes, config }, `${what}\n${finding.codec}, side ${side}, seed ${finding.seed}`),
  )
  return file
}

/** Writes a test beside the findings that replays them, unless there is one; returns its path. */
export function saveReplayTest(folder: string, module: CodecModule): string {
  const extension = extname(module.file)
  const isTyped = /^\.[cm]?ts$/.test(extension)
  const file = join(folder, `fuzz.test${isTyped ? extension : '.mjs'}`)
  mkdirSync(folder, { recursive: true })
  if (!existsSync(file)) writeFileSync(file, replayTest(folder, module, isTyped))
  return file
}

/** The findings in a folder; none when there is no such folder. Rejects for a file that cannot be read. */
export async function loadFindings(folder: string | undefined): Promise<readonly Sample[]> {
  return folder !== undefined && findingFiles(folder).length > 0 ? loadSamples(folder) : []
}

/** Names of the files that hold findings, in order. */
export function findingFiles(folder: string): readonly string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((name) => /\.(hex|bin)$/.test(name))
    .sort()
}

function replayTest(folder: string, { codec, file }: CodecModule, isTyped: boolean): string {
  const path = relative(folder, file).split(sep).join('/')
  const module = quoted(path.startsWith('.') ? path : `./${path}`)
  return `/** Replays what fuzzing has found in this codec, so that it stays mended. */

import { replayFindings } from '@meltemi/sdk/testing'
import { codecs } from ${module}

const codec = codecs.find(({ name }) => name === ${quoted(codec)})${isTyped ? '!' : ''}

replayFindings(codec, new URL('.', import.meta.url))
`
}

function quoted(text: string): string {
  return `'${text.replaceAll(/['\\]/g, '\\$&')}'`
}
