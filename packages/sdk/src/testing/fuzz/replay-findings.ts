import { AssertionError } from 'node:assert'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { CodecDefinition } from '../../codec.ts'
import { TimeLimit } from '../judge/time-limit.ts'
import { loadSamples } from '../load-samples.ts'
import type { Sample } from '../sample.ts'
import { Examiner } from './examiner.ts'
import type { Fault } from './fault.ts'
import { findingFiles } from './finding-files.ts'
import { inputOf } from './fuzz-input.ts'
import { isHanging } from './is-hanging.ts'

const HANG_MS = 1000

/**
 * Registers a test for each finding in the folder: the codec must hold its contract for it now. `samples` is the path
 * of the codec's samples, if not said the folder `samples` beside this one, if there is such; they tell what the codec
 * keeps in mind. Throws when the folder has no findings.
 */
export function replayFindings(definition: CodecDefinition, folder: string | URL, samples?: string | URL): void {
  const path = pathOf(folder)
  const files = findingFiles(path)
  if (files.length === 0) throw new Error(`${path}: no findings to replay`)
  const known = loadKnown(samples === undefined ? join(path, '..', 'samples') : pathOf(samples))
  for (const name of files) {
    const file = join(path, name)
    test(`${name} is mended: ${firstLine(file)}`, async () => {
      for (const finding of await loadSamples(file)) assertMended(definition, finding, await known)
    })
  }
}

async function loadKnown(path: string): Promise<readonly Sample[]> {
  return existsSync(path) ? loadSamples(path) : []
}

function assertMended(definition: CodecDefinition, finding: Sample, samples: readonly Sample[]): void {
  let fault: Fault | undefined
  const examiner = new Examiner(definition, samples)
  const hangs = isHanging(new TimeLimit(), HANG_MS, () => {
    fault = examiner.examine(inputOf(finding)).fault
  })
  if (hangs) throw new AssertionError({ message: `hang: it has not ended after ${HANG_MS} ms` })
  if (fault !== undefined) throw new AssertionError({ message: `${fault.rule}: ${fault.message}\n${fault.detail}` })
}

function firstLine(file: string): string {
  const [line = ''] = file.endsWith('.hex') ? readFileSync(file, 'utf8').split('\n', 1) : []
  return line.replace(/^#\s*/, '')
}

function pathOf(path: string | URL): string {
  return path instanceof URL ? fileURLToPath(path) : path
}
