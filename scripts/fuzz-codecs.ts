/**
 * Fuzzes every codec there is, as many at once as there are processors: the built-in ones with the samples beside
 * them, and those of the tests. `npm run fuzz -- --for 10m`; `--codec NAME` for one alone. What is found is kept beside
 * the codec, and then the exit code is 1.
 */

import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { codecs } from '@meltemi/cli'
import { formatSampleText, type Sample } from '@meltemi/sdk/testing'
import { allSamples } from '../tests/harness/codecs/samples.ts'
import { ROOT } from './workspace.ts'

/** The arguments of `meltemi codec fuzz` for one codec. */
interface Target {
  readonly name: string
  readonly args: readonly string[]
}

const { values } = parseArgs({
  options: {
    for: { type: 'string', default: '60s' },
    seed: { type: 'string', default: '1' },
    codec: { type: 'string' },
    jobs: { type: 'string', default: String(availableParallelism()) },
  },
})
const folder = mkdtempSync(join(tmpdir(), 'meltemi-fuzz-'))
try {
  const targets = [...builtInTargets(), ...testTargets()].filter(
    ({ name }) => values.codec === undefined || name === values.codec,
  )
  if (targets.length === 0) throw new Error(`there is no codec ${values.codec}`)
  const failed = await fuzzAll(targets, Number(values.jobs))
  if (failed.length > 0) process.stdout.write(`not clean: ${failed.join(', ')}\n`)
  process.exitCode = failed.length > 0 ? 1 : 0
} finally {
  rmSync(folder, { recursive: true })
}

function builtInTargets(): Target[] {
  return codecs.map(({ name }) => {
    const short = shortName(name)
    const home = join(ROOT, 'packages/codecs/src', short)
    return { name: short, args: [name, '--samples', join(home, 'samples'), '--save', join(home, 'fuzz')] }
  })
}

function testTargets(): Target[] {
  const home = join(ROOT, 'tests/harness/codecs')
  return allSamples.map(({ definition, samples }) => {
    const name = shortName(definition.name)
    const from = ['--codec', definition.name, '--samples', writeSamples(name, samples)]
    return { name, args: [join(home, 'index.ts'), ...from, '--save', join(home, 'fuzz', name)] }
  })
}

function writeSamples(name: string, samples: readonly Sample[]): string {
  const path = join(folder, name)
  mkdirSync(path)
  for (const [n, sample] of samples.entries()) {
    const kind = sample.side === 'downstream' ? 'request' : 'reply'
    writeFileSync(join(path, `${n}.${kind}.hex`), formatSampleText(sample, sample.name))
  }
  return path
}

/** Names of those that were not clean. */
async function fuzzAll(targets: readonly Target[], jobs: number): Promise<readonly string[]> {
  const left = [...targets]
  const failed: string[] = []
  const work = async (): Promise<void> => {
    for (let target = left.shift(); target !== undefined; target = left.shift()) {
      if ((await fuzzOne(target)) !== 0) failed.push(target.name)
    }
  }
  await Promise.all(Array.from({ length: jobs }, work))
  return failed
}

function fuzzOne({ args }: Target): Promise<number | null> {
  const main = join(ROOT, 'packages/cli/src/main.ts')
  const command = ['--conditions=meltemi-source', main, 'codec', 'fuzz', ...args]
  const child = spawn(process.execPath, [...command, '--for', values.for, '--seed', values.seed], { stdio: 'inherit' })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', resolve)
  })
}

function shortName(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1)
}
