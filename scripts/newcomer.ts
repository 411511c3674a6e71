/**
 * `npm run newcomer`: does what a new user does, in an empty directory, and takes the time: create a project, install,
 * test, start, change a line of the codec, see it live, pack. Fails when a step fails, or when all take too long.
 */

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { userEnvironment } from './user-environment.ts'
import { ROOT } from './workspace.ts'

const LIMIT_S = 180
const STEP_TIMEOUT_MS = 90_000
const POLL_MS = 20
// What `npm start` prints while both versions answer, and when all goes to the second.
const SPLIT = /^ +[1-9]\d? % +[1-9]\d? % +0 {2}hello world/m
const ALL_TO_V2 = /^ +0 % +100 % +0 {2}hello world/m
const LINE = /metadata\.set\('cmd', .+\)/
const CHANGED_LINE = "metadata.set('cmd', '2')"

/** What `npm start` runs, and what it has printed since somebody last looked. */
interface Sample {
  output: string
  end(): Promise<number>
}

const directory = mkdtempSync(join(tmpdir(), 'meltemi-newcomer-'))
const project = join(directory, 'my-protocol')
const env = userEnvironment()
const beginMs = performance.now()
try {
  await step('npm run create-codec', () => npm(directory, '--prefix', ROOT, 'run', 'create-codec', '--', 'my-protocol'))
  await step('npm install', () => npm(project, 'install'))
  await step('npm test', () => npm(project, 'test'))
  await trySample(startSample())
  await step('npm run pack', () => npm(project, 'run', 'pack'))
} finally {
  rmSync(directory, { recursive: true, force: true })
}
const totalS = (performance.now() - beginMs) / 1000
print('all together', totalS)
if (totalS > LIMIT_S) throw new Error(`a newcomer needs more than ${LIMIT_S} s`)

async function trySample(sample: Sample): Promise<void> {
  try {
    await step('npm start: both versions answer', () => seen(sample, SPLIT))
    changeLine(join(project, 'src/codec.ts'))
    await step('a changed line is live', () => seen(sample, ALL_TO_V2))
  } finally {
    await step('Ctrl-C ends it', async () => {
      const exitCode = await sample.end()
      if (exitCode !== 0) throw new Error(`npm start ended with ${exitCode}: ${sample.output}`)
    })
  }
}

/** Runs it, and prints how long it took. */
async function step(title: string, action: () => Promise<unknown>): Promise<void> {
  const startMs = performance.now()
  await action()
  print(title, (performance.now() - startMs) / 1000)
}

function print(title: string, seconds: number): void {
  process.stdout.write(`${title.padEnd(36)}${seconds.toFixed(1).padStart(6)} s\n`)
}

async function npm(cwd: string, ...args: readonly string[]): Promise<void> {
  try {
    await promisify(execFile)('npm', args, { cwd, env, timeout: STEP_TIMEOUT_MS })
  } catch (error: unknown) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string }
    throw new Error(`npm ${args.join(' ')} failed\n${stdout}${stderr}`, { cause: error })
  }
}

/** In a process group of its own, as in a terminal: Ctrl-C reaches npm and all that it runs. */
function startSample(): Sample {
  const child = spawn('npm', ['start'], { cwd: project, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const sample = {
    output: '',
    end: async () => {
      if (child.exitCode !== null || child.pid === undefined) return child.exitCode ?? 1
      const exit = once(child, 'exit')
      process.kill(-child.pid, 'SIGINT')
      const [code] = await exit
      return (code as number | null) ?? 1 // null: by a signal
    },
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void sample.end().then(() => process.exit(1)))
  }
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      sample.output += text
    })
  }
  return sample
}

async function seen(sample: Sample, pattern: RegExp): Promise<void> {
  const deadlineMs = performance.now() + STEP_TIMEOUT_MS
  while (!pattern.test(sample.output)) {
    if (performance.now() > deadlineMs) throw new Error(`expected ${pattern} in ${sample.output}`)
    await sleep(POLL_MS)
  }
}

function changeLine(file: string): void {
  const source = readFileSync(file, 'utf8')
  const changed = source.replace(LINE, CHANGED_LINE)
  if (changed === source) throw new Error(`${file} has no line like ${LINE}`)
  writeFileSync(file, changed)
}
