/** Samples of a codec from where its author keeps them. */

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Sample } from './sample.ts'
import { parseSampleText } from './sample-text.ts'

const MAX_FILES = 10_000
/** The largest message that a listener takes, in hex with spaces. */
const MAX_FILE_BYTES = 64 * 1024 * 1024
const SAMPLE_FILE = /^(.+)\.(request|reply)\.(hex|bin)$/
const MODULE_FILE = /\.[cm]?[jt]s$/

/**
 * Reads a folder of `<name>.request.hex` (what a client sends), `<name>.reply.hex` (what a service sends) and the
 * same with `.bin`; one such file; or a module that exports `samples`. Rejects with file and line of the first
 * thing that is wrong, and when there is no sample at all.
 */
export async function loadSamples(path: string): Promise<readonly Sample[]> {
  if (!existsSync(path)) throw new Error(`${path}: no such file or folder`)
  const samples = statSync(path).isDirectory() ? readFolder(path) : await readOne(path)
  if (samples.length === 0) throw new Error(`${path}: no samples, expected NAME.request.hex or NAME.reply.hex`)
  return samples
}

function readFolder(folder: string): Sample[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.hex') || name.endsWith('.bin'))
  if (names.length > MAX_FILES) throw new Error(`${folder}: ${names.length} samples, at most ${MAX_FILES} are read`)
  return names.sort().map((name) => readFile(join(folder, name)))
}

async function readOne(path: string): Promise<readonly Sample[]> {
  return MODULE_FILE.test(path) ? readModule(path) : [readFile(path)]
}

function readFile(file: string): Sample {
  const [, name, kind, format] = SAMPLE_FILE.exec(basename(file)) ?? []
  if (name === undefined) throw new Error(`${file}: expected NAME.request.hex, NAME.reply.hex or the same with .bin`)
  const { size } = statSync(file)
  if (size > MAX_FILE_BYTES) throw new Error(`${file}: ${size} bytes, at most ${MAX_FILE_BYTES} are read`)
  const side = kind === 'request' ? 'downstream' : 'upstream'
  const content = readFileSync(file)
  if (format === 'hex') {
    const { bytes, fields } = parseSampleText(content.toString('utf8'), file)
    return { name, side, bytes, ...fields }
  }
  if (content.length === 0) throw new Error(`${file}: no bytes`)
  return { name, side, bytes: content }
}

async function readModule(file: string): Promise<readonly Sample[]> {
  const { samples } = (await import(pathToFileURL(resolve(file)).href)) as { samples?: unknown }
  if (!Array.isArray(samples)) throw new Error(`${file}: exports no array 'samples'`)
  for (const [index, sample] of samples.entries()) {
    const fault = faultOf(sample)
    if (fault !== undefined) throw new Error(`${file}: samples[${index}]: ${fault}`)
  }
  return samples as readonly Sample[]
}

function faultOf(sample: unknown): string | undefined {
  if (typeof sample !== 'object' || sample === null) return 'expected an object'
  const { name, side, bytes, messages } = sample as Record<string, unknown>
  if (typeof name !== 'string' || name === '') return "'name' should be a text that is not empty"
  if (side !== 'downstream' && side !== 'upstream') return `${name}: 'side' should be 'downstream' or 'upstream'`
  if (!Buffer.isBuffer(bytes) || bytes.length === 0) return `${name}: 'bytes' should be a Buffer that is not empty`
  const isCount = messages === undefined || (Number.isInteger(messages) && (messages as number) > 0)
  return isCount ? undefined : `${name}: 'messages' should be a whole number above 0`
}
